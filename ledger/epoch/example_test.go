package epoch_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/epoch"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/memory"
)

// shelf is a Publisher in memory.
type shelf map[uint64][]byte

func (s shelf) Checkpoint(_ context.Context, n uint64, _ int) ([]byte, bool, error) {
	text, found := s[n]
	return text, found, nil
}

func (s shelf) Publish(_ context.Context, n uint64, text []byte) (bool, error) {
	if _, found := s[n]; found {
		return false, nil
	}
	s[n] = text
	return true, nil
}

// Example restores a log from an older backup: an empty one.
func Example() {
	ctx, published := context.Background(), shelf{}
	key, now := sign.FromSeed([32]byte{1}, "alice"), func() object.Time { return 1 }
	open := func() (*kvledger.Ledger, *epoch.Watch) {
		db := memory.New()
		l := kvledger.Open(db, key, now)
		return l, epoch.New(&epoch.Watch{KV: db, Log: l.Merkle(), Signer: key, Known: func() []object.AgentID { return nil }, Now: now, Publisher: published, Debugf: func(string, ...any) {}})
	}
	record := func(l *kvledger.Ledger) error {
		_, raw, err := l.NewReceipt(ledger.Receipt{ToolID: object.SumText("tool"), RequestHash: object.SumText("q"), ResponseHash: object.SumText("a"), Status: 200, TimeObserved: 1})
		if err != nil {
			return err
		}
		return l.Record(ctx, raw)
	}
	l, w := open()
	fmt.Println(record(l), w.Close(), len(published))

	l, w = open()
	fmt.Println(errors.Is(record(l), epoch.ErrBehind))
	e, err := w.Begin(ctx, l, object.SumText("epoch"), nil, func(_ context.Context, data []byte) (object.Hash, error) { return object.Sum(data), nil })
	fmt.Println(e.Good.Size, e.Lost.Size, err)
	fmt.Println(record(l), w.Close(), len(published))
	// Output:
	// <nil> <nil> 1
	// true
	// 0 1 <nil>
	// <nil> <nil> 3
}
