package hold

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/flock"
	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// door is a lock of this machine. A caller shares it from its last look at the frozen state until its tool has begun. A
// process that has frozen something takes it exclusively, once: then no caller with an older look is still before its
// tool.
type door struct {
	mu     sync.Mutex
	inside int
	file   *os.File // open and locked while a caller of this process shares it
}

const lockFile = "begin.lock"

func openLock(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return plainfile.Open(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
}

func (d *door) enter(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inside == 0 {
		f, err := openLock(dir)
		if err != nil {
			return err
		}
		if err := flock.Shared(f); err != nil {
			return errors.Join(err, f.Close())
		}
		d.file = f
	}
	d.inside++
	return nil
}

func (d *door) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inside--; d.inside == 0 {
		d.file.Close() // and with it the lock
		d.file = nil
	}
}

// Drain waits until every call on this machine that began before the present freeze has reached its tool.
func (s *Holds) Drain(ctx context.Context) error {
	f, err := openLock(s.Locks)
	if err != nil {
		return err
	}
	alone := make(chan error, 1)
	go func() {
		alone <- errors.Join(flock.Exclusive(f), f.Close())
	}()
	select {
	case err := <-alone:
		return err
	case <-ctx.Done():
		return fmt.Errorf("it is frozen, but a call that began before may not have reached its tool yet: %w", ctx.Err())
	}
}

// Admit implements exec.Holds.
func (s *Holds) Admit(ctx context.Context, tool object.Hash, chains []caps.Chain) ([]caps.Chain, error) {
	st, err := s.State(ctx)
	if err != nil {
		return nil, err
	}
	return s.free(ctx, st, tool, chains)
}

// Riding is Admit for one chain as part of an update, which fails if something is frozen or thawed before it.
func (s *Holds) Riding(ctx context.Context, tool object.Hash, chain caps.Chain) ledger.Rider {
	return ledger.Rider{Reads: []string{kv.Holds}, Ride: func(get func(string) ([]byte, error)) (map[string][]byte, error) {
		raw, err := get(kv.Holds)
		if err != nil {
			return nil, err
		}
		st, err := s.state(raw)
		if err == nil {
			_, err = s.free(ctx, st, tool, []caps.Chain{chain})
		}
		return nil, err
	}}
}

func (s *Holds) free(ctx context.Context, st *State, tool object.Hash, chains []caps.Chain) ([]caps.Chain, error) {
	if st.none() {
		return chains, nil
	}
	var free []caps.Chain
	var denied error
	for _, c := range chains {
		if d := s.against(ctx, st, tool, c); d != nil {
			denied = d
			continue
		}
		free = append(free, c)
	}
	if len(free) == 0 {
		return nil, denied
	}
	return free, nil
}

// Begin implements exec.Holds.
func (s *Holds) Begin(ctx context.Context, tool object.Hash, chain caps.Chain) (begun func(), err error) {
	if err := s.door.enter(s.Locks); err != nil {
		return nil, err
	}
	if _, err := s.Admit(ctx, tool, []caps.Chain{chain}); err != nil {
		s.door.leave()
		return nil, err
	}
	return s.door.leave, nil
}

// Cancelled implements exec.Holds.
func (s *Holds) Cancelled(ctx context.Context, tool object.Hash, chain caps.Chain) error {
	st, err := s.State(ctx)
	if err != nil || st.none() {
		return err
	}
	cancelling := &State{}
	for _, h := range st.Frozen {
		if h.Cancel {
			cancelling.Frozen = append(cancelling.Frozen, h)
		}
	}
	if d := s.against(ctx, cancelling, tool, chain); d != nil {
		return d
	}
	return nil
}

func (st *State) none() bool { return !st.File && len(st.Frozen) == 0 }

// against returns the hold that blocks a call; nil: none.
func (s *Holds) against(ctx context.Context, st *State, tool object.Hash, chain caps.Chain) *caps.DeniedError {
	if st.File {
		return &caps.DeniedError{Check: caps.CheckFrozen, Reason: "everything is frozen by the file " + s.File, Help: "remove the file: rm " + s.File}
	}
	for _, h := range st.Frozen {
		if h.stands(tool, chain) {
			return &caps.DeniedError{Check: caps.CheckFrozen, Reason: s.Words(ctx, h), Help: s.Remedy(ctx, h)}
		}
	}
	return nil
}

func (h *Hold) stands(tool object.Hash, chain caps.Chain) bool {
	switch {
	case h.Tool != nil:
		return *h.Tool == tool
	case h.Agent != nil:
		return slices.ContainsFunc(chain, func(l caps.Link) bool { return l.Cap.Subject.Same(*h.Agent) })
	}
	return true
}

// Words describes a hold: what it freezes, since when, by whom and why.
func (s *Holds) Words(ctx context.Context, h *Hold) string {
	text := s.What(ctx, h) + " is frozen since " + h.TimeObserved.String() + " by " + s.Who(h.Signer)
	if h.Reason != "" {
		text += ": " + strings.ToValidUTF8(h.Reason, "\uFFFD")
	}
	return text
}

// What returns "everything", "tool deploy" or "agent scout".
func (s *Holds) What(ctx context.Context, h *Hold) string {
	switch {
	case h.Tool != nil:
		return "tool " + s.Name(ctx, *h.Tool)
	case h.Agent != nil:
		return "agent " + s.agent(h)
	}
	return "everything"
}

// Remedy is the command that removes a hold.
func (s *Holds) Remedy(ctx context.Context, h *Hold) string {
	switch {
	case h.Tool != nil:
		return "mythos thaw --tool " + s.Name(ctx, *h.Tool)
	case h.Agent != nil:
		return "mythos thaw --agent " + s.agent(h)
	}
	return "mythos thaw"
}

// agent is the name of a hold's agent, as it was when it was frozen.
func (s *Holds) agent(h *Hold) string {
	if h.Agent.Hint != "" {
		return h.Agent.Hint
	}
	return h.Agent.KeyHex()
}
