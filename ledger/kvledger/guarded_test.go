package kvledger

import (
	"context"
	"errors"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/memory"
)

// TestTilesAreGuarded changes the stored hashes. Verify finds it, and an append does not build on a tile that is too
// short.
func TestTilesAreGuarded(t *testing.T) {
	ctx := context.Background()
	for name, hurt := range map[string]func(tile []byte) []byte{
		"edited":  func(tile []byte) []byte { tile[33] ^= 1; return tile },
		"cut":     func(tile []byte) []byte { return tile[:32] },
		"longer":  func(tile []byte) []byte { return append(tile, tile[:32]...) },
		"half":    func(tile []byte) []byte { return tile[:40] },
		"dropped": func([]byte) []byte { return nil },
	} {
		db, h := memory.New(), object.SumText("h")
		l := Open(db, sign.FromSeed([32]byte{1}, "test"), func() object.Time { return 1 })
		receipts := func(from, to int) (err error) {
			for i := from; i < to && err == nil; i++ {
				var raw []byte
				if _, raw, err = l.NewReceipt(ledger.Receipt{ToolID: h, RequestHash: h, ResponseHash: h, Status: uint16(i)}); err == nil {
					err = l.Record(ctx, raw)
				}
			}
			return err
		}
		if err := receipts(0, 600); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Verify(ctx); err != nil {
			t.Fatal(err)
		}
		key := kv.LedgerTiles + "1/0000000000000000"
		tile, _, err := db.Get(ctx, key)
		if err != nil || len(tile) != 2*tlog.HashSize {
			t.Fatal(len(tile), err)
		}
		if _, err := db.Update(ctx, nil, map[string][]byte{key: hurt(tile)}); err != nil {
			t.Fatal(err)
		}
		_, err = l.Verify(ctx)
		if found := errors.Is(err, ledger.ErrEntry); found == (name == "longer") { // entries behind the end do not count
			t.Errorf("%s: %v", name, err)
		}
		if err := receipts(600, 800); errors.Is(err, ledger.ErrEntry) != (name != "edited") {
			t.Errorf("%s: it was built upon: %v", name, err)
		}
	}
}
