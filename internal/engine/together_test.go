//go:build unix

package engine_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/mythos-project/mythos/internal/pgtest"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/postgres"
)

// TestLedgersTogether: ledgers that append to one log at the same time, each with its own connections, lose nothing,
// and agree about its root.
func TestLedgersTogether(t *testing.T) {
	const processes, callers, each = 3, 3, 5
	address := pgtest.Shared(t).Database(t)
	tool := object.SumText("tool")
	var ledgers []*kvledger.Ledger
	for i := range processes {
		db, err := postgres.Open(address, postgres.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if i == 0 {
			if err := db.Create(t.Context(), postgres.NewAbout("", true)); err != nil {
				t.Fatal(err)
			}
		}
		ledgers = append(ledgers, kvledger.Open(db, sign.FromSeed([32]byte{1}, "one"), func() object.Time { return object.TimeOf(time.Now()) }))
	}
	var wg sync.WaitGroup
	for p, l := range ledgers {
		for c := range callers {
			wg.Go(func() {
				for i := range each {
					if err := effect(t.Context(), l, tool, fmt.Sprint(p, c, i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	const effects = processes * callers * each
	var root [32]byte
	for i, l := range ledgers {
		report, err := l.Verify(t.Context())
		if err != nil || report.Effects != effects || report.Entries != 3*effects || report.Pending != 0 {
			t.Fatalf("%+v, %v", report, err)
		}
		if i > 0 && report.Root != root {
			t.Error("two ledgers see two logs")
		}
		root = report.Root
	}
}
