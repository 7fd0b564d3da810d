package kvledger_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/memory"
)

var (
	testKey  = sign.FromSeed([32]byte(bytes.Repeat([]byte{1}, 32)), "ctvp")
	otherKey = sign.FromSeed([32]byte(bytes.Repeat([]byte{2}, 32)), "other")
	thirdKey = sign.FromSeed([32]byte(bytes.Repeat([]byte{3}, 32)), "third")
	tool     = object.SumText("tool:echo")

	alice, bob = testKey.Agent(), otherKey.Agent()

	minute = ledger.Policy{Lease: time.Minute}
	again  = ledger.Policy{Lease: time.Minute, Retry: ledger.Retry}
)

func mustHash(t testing.TB, s string) object.Hash {
	t.Helper()
	h, err := object.ParseHash(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// world is a store and a clock that several ledgers share.
type world struct {
	t   testing.TB
	db  *memory.DB
	now object.Time
}

func newWorld(t testing.TB) *world { return &world{t, memory.New(), 1_000_000} }

func (w *world) ledger(key sign.Signer) *kvledger.Ledger {
	return kvledger.Open(w.db, key, func() object.Time { return w.now })
}

// get is the value of a key of the store. The key must exist.
func (w *world) get(key string) []byte {
	w.t.Helper()
	v, found, err := w.db.Get(context.Background(), key)
	if err != nil || !found {
		w.t.Fatalf("%s: found %v, %v", key, found, err)
	}
	return v
}

func (w *world) put(put map[string][]byte) {
	w.t.Helper()
	if ok, err := w.db.Update(context.Background(), nil, put); err != nil || !ok {
		w.t.Fatal(ok, err)
	}
}

func receipt(t testing.TB, key sign.Signer, idemKey, request, response string, status uint16) []byte {
	t.Helper()
	_, raw, err := ledger.NewReceipt(key, ledger.Receipt{ToolID: tool, RequestHash: object.SumText(request),
		ResponseHash: object.SumText(response), IdempotencyKey: []byte(idemKey), Status: status})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func receiptID(t testing.TB, raw []byte) object.Hash {
	t.Helper()
	id, err := ledger.ReceiptRule.ID(raw)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// fill commits n effects from several goroutines at once.
func fill(t testing.TB, l *kvledger.Ledger, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			key := fmt.Sprint("key-", i)
			d, err := l.Register(context.Background(), tool, []byte(key), object.SumText("q"), minute)
			if err == nil && d.Action == ledger.Invoke {
				err = l.Commit(context.Background(), d, receipt(t, testKey, key, "q", "r", 200))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// fillInOrder commits n effects one after the other. The log is the same every time, as fuzzing needs, because each of
// its workers makes its own.
func fillInOrder(t testing.TB, l *kvledger.Ledger, n int) {
	t.Helper()
	for i := range n {
		if err := pair(context.Background(), l, fmt.Sprint("key-", i)); err != nil {
			t.Fatal(err)
		}
	}
}

// latest is the fence of an effect's latest attempt, as l reads it.
func latest(l *kvledger.Ledger, idem object.Hash) uint64 {
	s, err := l.Read(context.Background(), idem)
	if err != nil {
		panic(err)
	}
	return s.Fence
}

// presence are Holders that report the same of every attempt. Locks are available unless the report is Held.
type presence ledger.Presence

func (p presence) Look(object.Hash) (ledger.Presence, error)          { return ledger.Presence(p), nil }
func (p presence) Await(context.Context, object.Hash) ([]byte, error) { return nil, nil }
func (p presence) Hold(object.Hash) (kvledger.Hold, error) {
	if ledger.Presence(p) == ledger.Held {
		return nil, nil
	}
	return p, nil
}
func (presence) File() *os.File     { return nil }
func (presence) Awaited() bool      { return false }
func (presence) Leave([]byte) error { return nil }
func (presence) Drop(bool)          {}
