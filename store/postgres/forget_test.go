//go:build unix

package postgres

import (
	"testing"

	"github.com/mythos-project/mythos/internal/pgtest"
)

// TestForgetFails: an update that happened is reported so, even if removing old lines fails.
func TestForgetFails(t *testing.T) {
	db, err := Open(pgtest.Shared(t).Database(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Create(t.Context(), NewAbout("", true)); err != nil {
		t.Fatal(err)
	}
	const refuse = `CREATE FUNCTION mythos.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';
		CREATE TRIGGER refuse BEFORE DELETE ON mythos.attempt EXECUTE FUNCTION mythos.refuse()`
	if _, err := db.pool.Exec(t.Context(), refuse); err != nil {
		t.Fatal(err)
	}
	if db.forget(t.Context()) == nil {
		t.Fatal("the server lets go of them")
	}
	db.giveLine(&line{}) // the next update is the first of a line that has the others removed
	if ok, err := db.Update(t.Context(), nil, map[string][]byte{"x/a": {}}); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}
