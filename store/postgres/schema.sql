-- The tables of one repository, format 1. Everything is in the schema mythos, so that a
-- database has one repository at most.
CREATE SCHEMA mythos;

CREATE TABLE mythos.repository (
  one    boolean PRIMARY KEY DEFAULT true CHECK (one),
  format integer NOT NULL,
  id     bytea NOT NULL CHECK (length(id) = 16),
  chunks text NOT NULL,
  loss   boolean NOT NULL
);

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

CREATE FUNCTION mythos.apply(slot bytea, n bigint, again boolean, ck bytea[], cv bytea[], pk bytea[], pv bytea[])
RETURNS boolean LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan SET jit = off AS $$
#variable_conflict use_column
DECLARE
  verdict boolean;
  made bytea[];
  keys integer;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'mythos needs transactions at READ COMMITTED, and this one is at %', upper(current_setting('transaction_isolation'))
      USING ERRCODE = '25001', HINT = 'ALTER ROLE ... SET default_transaction_isolation = ''read committed''';
  END IF;
  IF current_setting('synchronous_commit') IN ('off', 'local') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;

  -- A condition that does not hold now need not be locked to be refused. An update that is asked
  -- again has to find out first what became of it.
  IF NOT apply.again AND EXISTS (
    SELECT FROM unnest(ck, cv) AS c(k, v) LEFT JOIN mythos.kv USING (k) WHERE kv.v IS DISTINCT FROM c.v) THEN
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
  -- absent row is made; a row that is there is locked and stays.
  WITH wanted AS (
    SELECT k, p.v FROM unnest(pk, pv) AS p(k, v) FULL JOIN unnest(ck) AS c(k) USING (k)
  ), locked AS (
    INSERT INTO mythos.kv AS t (k, v) SELECT k, v FROM wanted ORDER BY k
    ON CONFLICT (k) DO UPDATE SET v = excluded.v WHERE false RETURNING t.k
  ) SELECT array_agg(k), (SELECT count(*) FROM wanted) FROM locked INTO made, keys;

  -- This statement sees what was committed while the rows were waited for.
  IF cardinality(ck) > 0 THEN
    SELECT NOT EXISTS (
      SELECT FROM unnest(ck, cv) AS c(k, v) LEFT JOIN unnest(made) AS m(k) ON m.k = c.k LEFT JOIN mythos.kv ON kv.k = c.k
      WHERE CASE WHEN m.k IS NULL THEN kv.v IS DISTINCT FROM c.v ELSE c.v IS NOT NULL END) INTO verdict;
    IF NOT verdict THEN
      DELETE FROM mythos.kv USING unnest(made) AS m(k) WHERE kv.k = m.k;
      UPDATE mythos.attempt AS a SET ok = false WHERE a.slot = apply.slot;
      RETURN false;
    END IF;
  END IF;

  IF cardinality(made) IS DISTINCT FROM keys THEN
    UPDATE mythos.kv SET v = p.v FROM unnest(pk, pv) AS p(k, v) LEFT JOIN unnest(made) AS m(k) ON m.k = p.k
      WHERE kv.k = p.k AND m.k IS NULL AND p.v IS NOT NULL;
  END IF;
  IF array_position(pv, NULL) IS NOT NULL OR cardinality(pk) < keys THEN
    DELETE FROM mythos.kv USING unnest(pk, pv) AS p(k, v) WHERE kv.k = p.k AND p.v IS NULL;
    DELETE FROM mythos.kv USING unnest(made) AS m(k) WHERE kv.k = m.k AND kv.v IS NULL;
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

-- Servers of the repository, with their last signs of life.
CREATE TABLE mythos.server (
  id   text PRIMARY KEY,
  seen timestamptz NOT NULL DEFAULT clock_timestamp()
);
