package calls

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// NextKey is the key of the next call of an effect with this request. Concurrent requests share a call; each later one
// makes a call of its own. Calls are numbered without gaps, so only few of n need to be looked up.
func (ca *Caller) NextKey(ctx context.Context, effect string, request []byte) ([]byte, error) {
	key := func(number int) []byte {
		h := object.Sum(fmt.Appendf([]byte(effect+"\x00"), "%d\x00%s", number, request))
		return h.Sum[:]
	}
	ended := func(number int) (bool, error) {
		s, err := ca.Ledger.Read(ctx, ledger.IdemID(exec.BuiltinID(effect), key(number)))
		return err == nil && s.Commit != nil, err
	}
	low, high := 0, 1 // all calls before low have ended; call high has not
	for {
		is, err := ended(high)
		if err != nil {
			return nil, err
		}
		if !is {
			break
		}
		low, high = high+1, 2*high
	}
	for low < high {
		middle := (low + high) / 2
		is, err := ended(middle)
		switch {
		case err != nil:
			return nil, err
		case is:
			low = middle + 1
		default:
			high = middle
		}
	}
	return key(low), nil
}
