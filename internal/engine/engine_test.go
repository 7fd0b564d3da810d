//go:build unix

package engine_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/pgtest"
	"github.com/mythos-project/mythos/internal/s3test"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/bucket"
	"github.com/mythos-project/mythos/store/postgres"
)

// folder makes a repository's folder with these engines.
func folder(t *testing.T, engines, id string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{"engines.yaml": engines, engine.IDFile: id + "\n"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func open(t *testing.T, root string) *engine.Engine {
	t.Helper()
	e, err := engine.Open(root, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// excludes checks that two processes cannot hold a lock at the same time.
func excludes(t *testing.T, one, other *engine.Engine) {
	t.Helper()
	release, err := one.Lock(t.Context(), "promotion-1", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Lock(t.Context(), "promotion-1", time.Millisecond); !errors.Is(err, ledger.ErrBusy) {
		t.Errorf("it is taken: %v", err)
	}
	free, err := other.Lock(t.Context(), "promotion-2", time.Minute)
	if err != nil {
		t.Fatalf("another lock: %v", err)
	}
	free()
	release()
	if release, err = other.Lock(t.Context(), "promotion-1", time.Minute); err != nil {
		t.Fatalf("it is free: %v", err)
	}
	release()
}

func TestLocalLock(t *testing.T) {
	root := t.TempDir()
	if err := engine.Make(root); err != nil {
		t.Fatal(err)
	}
	excludes(t, open(t, root), open(t, root))
}

// TestShared: what folders on one database share, and what each has for itself.
func TestShared(t *testing.T) {
	address := pgtest.Shared(t).Database(t)
	db, err := postgres.Open(address, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	about := postgres.NewAbout("", true)
	if err := db.Create(t.Context(), about); err != nil {
		t.Fatal(err)
	}
	engines := fmt.Sprintf("store: %q\nchunks: s3://bucket\nseed: %s\n", address, strings.Repeat("a", 32))
	one, other := open(t, folder(t, engines, fmt.Sprintf("%x", about.ID))), open(t, folder(t, engines, fmt.Sprintf("%x", about.ID)))
	if string(one.Shared.Home) == string(other.Shared.Home) {
		t.Error("a folder that was copied cannot be told from the first")
	}
	if _, err := one.Listen(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a local socket: %v", err)
	}
	excludes(t, one, other)
	for server, want := range map[string]bool{"s1": true, "s2": false} {
		if want {
			giveUp, err := one.Shared.Register(t.Context(), engine.Member{ID: server})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if alive, err := other.Shared.Alive(t.Context(), server); errors.Join(err, giveUp()) != nil || !alive {
					t.Errorf("it lives: %v, %v", alive, err)
				}
				if alive, err := other.Shared.Alive(t.Context(), server); alive || err != nil {
					t.Errorf("it was given up: %v, %v", alive, err)
				}
			}()
		}
		if alive, err := other.Shared.Alive(t.Context(), server); alive != want || err != nil {
			t.Errorf("server %s: %v, %v", server, alive, err)
		}
	}
	if ok, err := one.DB.Update(t.Context(), nil, map[string][]byte{"x/a": []byte("v")}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if value, _, err := other.DB.Get(t.Context(), "x/a"); string(value) != "v" || err != nil {
		t.Errorf("%q, %v", value, err)
	}
	wrong := open(t, folder(t, engines, strings.Repeat("1", 32)))
	if _, _, err := wrong.DB.Get(t.Context(), "x/a"); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("another repository: %v", err)
	}
}

// TestPlaces: a file of addresses that is not completely understood counts as damaged, and errors about it show no
// password.
func TestPlaces(t *testing.T) {
	seed := "seed: " + strings.Repeat("a", 32) + "\n"
	for _, bad := range []string{"", "store: postgres://h/d\n" + seed, "store: postgres://u:sesame@h/d\nchunks: s3://bucket\n" + seed, "store: postgres://h/d\nchunks: s3://bucket\n",
		"store: postgres://h/d\nchunks: s3://bucket\nmore: 1\n" + seed} {
		_, err := engine.Open(folder(t, bad, strings.Repeat("0", 32)), engine.Options{})
		if !errors.Is(err, identity.ErrDamaged) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestNotKnown: the database accepts the repository, but the answer is lost. The folder does not record it, and the
// prefix still belongs to the repository, which others can join.
func TestNotKnown(t *testing.T) {
	p := engine.Places{Store: pgtest.Shared(t).Database(t), Chunks: s3test.Shared(t).Bucket(t)}
	name := strings.TrimPrefix(p.Store[:strings.IndexByte(p.Store, '?')], "postgres:///")
	exec := func(sql string) { pgtest.Shared(t).Exec(t, name, sql) }
	exec(`CREATE FUNCTION public.newer() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.format = 99; RETURN NEW; END'`)
	exec(`CREATE FUNCTION public.made() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
		IF to_regclass('mythos.server') IS NOT NULL THEN
			CREATE TRIGGER newer BEFORE INSERT ON mythos.repository FOR EACH ROW EXECUTE FUNCTION public.newer();
		END IF; END $$`)
	exec("CREATE EVENT TRIGGER made ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.made()")
	defer exec("DROP EVENT TRIGGER made; DROP FUNCTION public.made(); DROP FUNCTION public.newer() CASCADE")
	root := t.TempDir()
	if err := engine.MakeShared(t.Context(), root, p, true); !errors.Is(err, postgres.ErrFormat) {
		t.Fatalf("the error is that of looking for it: %v", err)
	}
	if _, err := engine.ID(root); err == nil {
		t.Error("the folder has it")
	}
	exec(fmt.Sprintf("DROP TRIGGER newer ON mythos.repository; UPDATE mythos.repository SET format = %d", postgres.Format))
	if err := engine.Join(t.Context(), root, p); err != nil {
		t.Errorf("join: %v", err)
	}
	if err := engine.MakeShared(t.Context(), t.TempDir(), engine.Places{Store: pgtest.Shared(t).Database(t), Chunks: p.Chunks}, true); !errors.Is(err, bucket.ErrTaken) {
		t.Errorf("the prefix: %v", err)
	}
}
