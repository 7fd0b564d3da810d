package session

import (
	"context"
	"sync"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/ledger"
)

// lasting returns the context of a call: it ends with the client's until the call is registered, and afterwards no
// longer, unless the tool is told that it is cancelled. begun is added to the register, and refuses it if the client
// was faster.
func (s *Session) lasting(client context.Context, told bool) (work context.Context, begun ledger.Rider, end func()) {
	work, stopped := context.WithCancelCause(context.WithoutCancel(client))
	cancel := func() { stopped(nil) }
	var mu sync.Mutex
	started, left := false, false
	stop := context.AfterFunc(client, func() {
		mu.Lock()
		defer mu.Unlock()
		if left = !started; left || told {
			stopped(exec.ErrCancelled)
		}
	})
	halt := func() bool { return true }
	if s.Until != nil {
		halt = context.AfterFunc(s.Until, cancel)
	}
	begun.Ride = func(func(string) ([]byte, error)) (map[string][]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		if left {
			return nil, exec.NotStarted(client.Err())
		}
		started = true
		return nil, nil
	}
	return work, begun, func() { stop(); halt(); cancel() }
}
