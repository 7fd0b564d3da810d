package hold

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync/atomic"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// record is the value under kv.Holds: what is frozen now.
type record struct {
	Newest object.Hash `can:"1,newest"` // the newest hold
	Frozen [][]byte    `can:"2,frozen"` // the canonical bytes of the holds in force, by time
}

// FileName is the file in a repository's folder that freezes everything in it.
const FileName = "FROZEN"

// maxFrozen is how many holds may be in force at a time.
const maxFrozen = 256

// State is what is frozen.
type State struct {
	Newest *object.Hash // nil: nothing was ever frozen
	Frozen []*Hold      // in force
	File   bool         // the file exists
	raw    []byte
	raws   [][]byte // of Frozen
}

// Holds stores holds and decides what they block. Set all fields before the first use.
type Holds struct {
	KV      kv.KV
	Objects *store.Store
	File    string // if this file exists, everything is frozen
	Locks   string // folder of the lock that callers share
	Now     func() object.Time
	// Name returns a tool's name, and Who an agent's, for people.
	Name func(ctx context.Context, tool object.Hash) string
	Who  func(object.AgentID) string

	known atomic.Pointer[State] // last reading, whose signatures need not be checked again
	door  door
}

var _ exec.Holds = (*Holds)(nil)

// State reads what is frozen. An unreadable record is an error, because it could freeze something.
func (s *Holds) State(ctx context.Context) (*State, error) {
	raw, err := kv.GetOrNil(ctx, s.KV, kv.Holds)
	if err != nil {
		return nil, fmt.Errorf("whether anything is frozen: %w", err)
	}
	return s.state(raw)
}

// state decodes the record and checks whether the file exists.
func (s *Holds) state(raw []byte) (*State, error) {
	file := true
	if _, err := os.Lstat(s.File); errors.Is(err, fs.ErrNotExist) {
		file = false
	} else if err != nil {
		return nil, fmt.Errorf("whether anything is frozen: %w", err)
	}
	if k := s.known.Load(); k != nil && bytes.Equal(k.raw, raw) && k.File == file {
		return k, nil
	}
	st, err := parse(raw)
	if err != nil {
		return nil, fmt.Errorf("what is frozen: %w", err)
	}
	st.File = file
	s.known.Store(st)
	return st, nil
}

func parse(raw []byte) (*State, error) {
	st := &State{raw: raw}
	if raw == nil {
		return st, nil
	}
	r, err := object.Decode[record](raw)
	if err != nil {
		return nil, err
	}
	st.Newest = &r.Newest
	for _, one := range r.Frozen {
		h, err := Open(one)
		if err == nil && !h.Frozen {
			err = fmt.Errorf("hold %s thaws: %w", h.HoldID.Short(), object.ErrInvalid)
		}
		if err != nil {
			return nil, err
		}
		st.Frozen, st.raws = append(st.Frozen, h), append(st.raws, one)
	}
	return st, nil
}

// Has reports whether a hold is about exactly what a request is about.
func (st *State) Has(q Request) bool {
	return slices.ContainsFunc(st.Frozen, func(h *Hold) bool { return h.same(q.Agent, q.Tool) })
}

// ErrConflict means that somebody else froze or thawed something first.
var ErrConflict = errors.New("something was frozen or thawed in the meantime")

// ErrNotFrozen means that there is no hold to remove.
var ErrNotFrozen = errors.New("it is not frozen by a hold")

// Make signs with k the hold that freezes or thaws, and returns it with the change of the store that brings it into
// force. The change fails with ErrConflict if another hold comes first.
func (s *Holds) Make(ctx context.Context, k sign.Signer, q Request, frozen bool) (*Hold, ledger.Rider, error) {
	st, err := s.State(ctx)
	if err != nil {
		return nil, ledger.Rider{}, err
	}
	if !sameHash(st.Newest, q.After) {
		return nil, ledger.Rider{}, ErrConflict
	}
	rest := [][]byte{}
	for i, h := range st.Frozen {
		if !h.same(q.Agent, q.Tool) {
			rest = append(rest, st.raws[i])
		}
	}
	switch {
	case !frozen && len(rest) == len(st.Frozen):
		return nil, ledger.Rider{}, ErrNotFrozen
	case frozen && len(rest) >= maxFrozen:
		return nil, ledger.Rider{}, fmt.Errorf("%d holds are in force, and %d is the maximum: freeze everything instead", len(rest), maxFrozen)
	}
	h := &Hold{Frozen: frozen, Agent: q.Agent, Tool: q.Tool, Reason: q.Reason, Cancel: q.Cancel, Previous: q.After, Signer: k.Agent(), TimeObserved: s.Now()}
	raw, err := sign.Seal(k, Rule, h, &h.HoldID, &h.Signature)
	if err == nil {
		err = can.Check(h)
	}
	if err != nil {
		return nil, ledger.Rider{}, err
	}
	if frozen {
		rest = append(rest, raw)
	}
	put, err := can.Marshal(&record{h.HoldID, rest})
	if err == nil {
		err = s.Objects.PutObjects(ctx, store.Object{ID: h.HoldID, Kind: "EffectHold", Raw: raw})
	}
	return h, inPlaceOf(st.raw, put), err
}

// inPlaceOf replaces the record, if it is still the same.
func inPlaceOf(old, put []byte) ledger.Rider {
	return ledger.Rider{Size: len(put), Reads: []string{kv.Holds}, Ride: func(get func(string) ([]byte, error)) (map[string][]byte, error) {
		now, err := get(kv.Holds)
		if err == nil && !bytes.Equal(now, old) {
			err = ErrConflict
		}
		return map[string][]byte{kv.Holds: put}, err
	}}
}

func sameHash(a, b *object.Hash) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
