-- The tables of one repository, format 1. Everything is in the schema mythos, so that a
-- database has one repository at most.
CREATE SCHEMA mythos;

CREATE TABLE mythos.repository (
  one      boolean PRIMARY KEY DEFAULT true CHECK (one),
  format   integer NOT NULL,
  id       bytea NOT NULL CHECK (length(id) = 16),
  chunks   text NOT NULL,
  loss     boolean NOT NULL,
  arriving bytea, -- the repository that is still being moved here
  moved    text   -- where the repository has gone
);

-- Refuses a write while the repository is moved, and once it has gone. Who moves it has the lock for itself
-- (alone.go); what is read after the lock was taken is what that has left.
CREATE FUNCTION mythos.writing() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  place text;
BEGIN
  IF NOT pg_catalog.pg_try_advisory_xact_lock_shared(120325495418471) THEN
    RAISE EXCEPTION 'the repository is being moved' USING ERRCODE = 'MY001';
  END IF;
  SELECT r.moved FROM mythos.repository AS r WHERE r.one INTO place;
  IF place IS NOT NULL THEN
    RAISE EXCEPTION '%', place USING ERRCODE = 'MY002';
  END IF;
END $$;

-- v is null only within a transaction, while the key of an absent row is locked.
CREATE TABLE mythos.kv (
  k bytea PRIMARY KEY,
  v bytea
) WITH (fillfactor = 90);
ALTER TABLE mythos.kv ALTER COLUMN v SET STORAGE EXTERNAL;

-- The newest update of each line of updates, and its verdict: what a client asks again after
-- it has lost its connection.
CREATE TABLE mythos.attempt (
  slot bytea PRIMARY KEY,
  n    bigint NOT NULL,
  ok   boolean NOT NULL,
  at   timestamptz NOT NULL
) WITH (fillfactor = 50);

-- An update: every key that it is about, ascending, with the value that it must have and the one that it gets.
-- was: null where nothing is expected of the key, or that it is absent, which lists those keys.
-- put: whether the key gets a value; v: null where it is removed, or gets none.
-- A plan is made while the table is empty, and kept: it must never do without the index.
CREATE FUNCTION mythos.apply(slot bytea, n bigint, again boolean, k bytea[], was bytea[], put boolean[], v bytea[], absent bytea[])
RETURNS boolean LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
  verdict boolean;
  made bytea[];
  present integer;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'mythos needs transactions at READ COMMITTED, and this one is at %', upper(current_setting('transaction_isolation'))
      USING ERRCODE = '25001', HINT = 'ALTER ROLE ... SET default_transaction_isolation = ''read committed''';
  END IF;
  IF current_setting('synchronous_commit') IN ('off', 'local') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;

  PERFORM mythos.writing();

  -- A condition that does not hold now need not be locked to be refused. An update that is asked
  -- again has to find out first what became of it.
  IF NOT apply.again AND (
    EXISTS (SELECT FROM unnest(apply.absent) AS c(k) JOIN mythos.kv USING (k)) OR
    EXISTS (SELECT FROM unnest(apply.k, apply.was) AS c(k, v) LEFT JOIN mythos.kv USING (k) WHERE c.v IS NOT NULL AND kv.v IS DISTINCT FROM c.v)) THEN
    RETURN false;
  END IF;

  -- The row of the line is locked until the end: the same update, asked again, waits here. An update
  -- that comes later than a newer one of its line was given up.
  INSERT INTO mythos.attempt AS a (slot, n, ok, at) VALUES (apply.slot, apply.n, true, clock_timestamp())
    ON CONFLICT (slot) DO UPDATE SET n = excluded.n, ok = true, at = excluded.at WHERE a.n < excluded.n;
  IF NOT FOUND THEN
    UPDATE mythos.attempt AS a SET at = clock_timestamp() WHERE a.slot = apply.slot AND a.n = apply.n RETURNING a.ok INTO verdict;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'a newer update of this line has come' USING ERRCODE = '55000';
    END IF;
    RETURN verdict;
  END IF;

  -- One statement locks every row, in ascending order, so that updates never wait in a circle. An
  -- absent row is made, without a value where another is expected; a row that is there is locked and stays.
  WITH locked AS (
    INSERT INTO mythos.kv AS t (k, v) SELECT c.k, CASE WHEN c.was IS NULL THEN c.v END FROM unnest(apply.k, apply.was, apply.v) AS c(k, was, v) ORDER BY 1
    ON CONFLICT (k) DO UPDATE SET v = excluded.v WHERE false RETURNING t.k
  ) SELECT array_agg(k) FROM locked INTO made;

  -- What follows sees what was committed while the rows were waited for.
  SELECT count(*) FROM unnest(apply.was) AS c(v) WHERE c.v IS NOT NULL INTO present;
  IF EXISTS (SELECT unnest(apply.absent) EXCEPT SELECT unnest(made)) OR (present > 0 AND
    EXISTS (SELECT FROM unnest(apply.k, apply.was) AS c(k, v) LEFT JOIN mythos.kv USING (k) WHERE c.v IS NOT NULL AND kv.v IS DISTINCT FROM c.v)) THEN
    DELETE FROM mythos.kv USING unnest(made) AS m(k) WHERE kv.k = m.k;
    UPDATE mythos.attempt AS a SET ok = false WHERE a.slot = apply.slot;
    RETURN false;
  END IF;

  IF present > 0 THEN
    UPDATE mythos.kv SET v = c.v FROM unnest(apply.k, apply.was, apply.v) AS c(k, was, v)
      WHERE kv.k = c.k AND c.was IS NOT NULL AND c.v IS NOT NULL;
  END IF;
  IF cardinality(apply.k) > present + coalesce(cardinality(made), 0) THEN -- something was there of which nothing is expected
    UPDATE mythos.kv SET v = c.v FROM unnest(apply.k, apply.was, apply.v) AS c(k, was, v)
      WHERE kv.k = c.k AND c.was IS NULL AND c.v IS NOT NULL AND kv.v IS DISTINCT FROM c.v;
  END IF;
  IF array_position(apply.v, NULL) IS NOT NULL THEN
    DELETE FROM mythos.kv USING unnest(apply.k, apply.put, apply.v) AS c(k, put, v)
      WHERE kv.k = c.k AND c.v IS NULL AND (c.put OR kv.v IS NULL);
  END IF;
  RETURN true;
END $$;

-- What is in the bucket. A chunk's object has a generation in its name: a collection that was held up
-- can only delete the one that it meant.
CREATE SEQUENCE mythos.tick;

-- Puts under way, by the tick at which they began.
CREATE TABLE mythos.put (
  id   bigint PRIMARY KEY DEFAULT nextval('mythos.tick'),
  seen timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE mythos.chunk (
  h       bytea PRIMARY KEY,
  size    bigint NOT NULL,
  here    boolean NOT NULL DEFAULT false,
  gen     integer NOT NULL DEFAULT 0,          -- of the object, if it is here
  next    integer NOT NULL DEFAULT 0,          -- that the next object has
  spare   integer[] NOT NULL DEFAULT '{0}',    -- that may have an object besides
  doubted boolean NOT NULL DEFAULT false,
  used    bigint NOT NULL DEFAULT nextval('mythos.tick')
);
CREATE INDEX ON mythos.chunk (h) WHERE spare <> '{}';

-- Processes that work on the repository for others, with their last signs of life.
CREATE TABLE mythos.server (
  id      text PRIMARY KEY,
  kind    text NOT NULL,
  agent   text NOT NULL, -- that it works as
  host    text NOT NULL,
  slots   integer NOT NULL,
  running integer NOT NULL,
  since   timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen    timestamptz NOT NULL DEFAULT clock_timestamp()
);
