//go:build unix

package postgres_test

import (
	"testing"

	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/postgres"
)

// TestVitals: a registered process is listed with its own data until it gives up, and processes that wait for their
// turn at the end of the log are counted, only those of this repository.
func TestVitals(t *testing.T) {
	db, address := fresh(t)
	elsewhere, _ := fresh(t)
	giveUp, err := db.Register(t.Context(), postgres.Member{ID: "a", Kind: "worker", Agent: "k", Slots: 4, Running: func() int { return 3 }})
	if err != nil {
		t.Fatal(err)
	}
	_, end, err := db.Turn(t.Context(), kv.LedgerEnd)
	if err != nil {
		t.Fatal(err)
	}
	served, next := make(chan error), at(t, address)
	go func() {
		_, end, err := next.Turn(t.Context(), kv.LedgerEnd)
		if err == nil {
			end()
		}
		served <- err
	}()
	var v postgres.Vitals
	for v.Queuing == 0 {
		if v, err = db.Vitals(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(v.Members) != 1 || v.Queuing != 1 || v.Bytes == 0 || v.Server == "" || len(v.Standbys) != 0 {
		t.Fatalf("%+v", v)
	}
	if m := v.Members[0]; m.ID != "a" || m.Kind != "worker" || m.Agent != "k" || m.Slots != 4 || m.Running != 3 || !m.Alive || m.Host == "" {
		t.Errorf("%+v", m)
	}
	if o, err := elsewhere.Vitals(t.Context()); err != nil || o.Queuing != 0 || len(o.Members) != 0 {
		t.Errorf("another repository on the server: %+v, %v", o, err)
	}
	end()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := giveUp(); err != nil {
		t.Fatal(err)
	}
	if v, err := db.Vitals(t.Context()); err != nil || v.Queuing != 0 || len(v.Members) != 0 {
		t.Errorf("afterwards: %+v, %v", v, err)
	}
}
