package kvledger_test

import (
	"context"
	"errors"
	"testing"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
)

// free is a machine on which nobody has any lock.
type free struct{}

func (free) Hold(object.Hash) (kvledger.Hold, error)            { return nil, nil }
func (free) Look(object.Hash) (ledger.Presence, error)          { return ledger.Gone, nil }
func (free) Await(context.Context, object.Hash) ([]byte, error) { return nil, nil }

// TestHome: a free lock means that an attempt of this folder has ended. It says nothing about an attempt elsewhere,
// which its lease protects.
func TestHome(t *testing.T) {
	w := newWorld(t)
	here, there := []byte("folder 1"), []byte("folder 2")
	made := w.ledger(testKey)
	made.Home = here
	copy(made.Instance, here)
	if _, err := made.Register(t.Context(), tool, []byte("k"), object.SumText("request"), minute); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		home []byte
		want error
	}{{nil, ledger.ErrUnknownOutcome}, {here, ledger.ErrUnknownOutcome}, {there, ledger.ErrBusy}} {
		asks := w.ledger(testKey)
		asks.Home, asks.Holders = c.home, free{}
		if _, err := asks.Register(t.Context(), tool, []byte("k"), object.SumText("request"), minute); !errors.Is(err, c.want) {
			t.Errorf("asked from %q: %v, expected %v", c.home, err, c.want)
		}
	}
}
