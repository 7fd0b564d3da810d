package caps

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/kv"
)

// KV is the key-value store that quotas, policies and revocation lists need.
type KV interface {
	// Get returns the value of a key as the caller's own copy.
	Get(ctx context.Context, key string) (value []byte, found bool, err error)
	// Update applies all of put (nil: delete) durably if every key in check has exactly the given value (nil: is
	// absent). Otherwise it changes nothing and returns false.
	Update(ctx context.Context, check, put map[string][]byte) (ok bool, err error)
}

// RevocationPrefix is the prefix of revocation lists in the store; the issuer's public key in hex follows it.
const RevocationPrefix = kv.Revocations

// ErrRevocationOld means that the store has a newer revocation list of the same issuer.
var ErrRevocationOld = errors.New("a newer revocation list is kept")

// ErrRevocationFork means that an issuer signed two different revocation lists with the same sequence. The store keeps
// the first.
var ErrRevocationFork = errors.New("two revocation lists with one sequence")

// Revocations stores the newest revocation list of every issuer, under v/<public key>.
type Revocations struct {
	kv KV

	mu     sync.Mutex
	parsed map[object.AgentID]parsedList // verified before
}

type parsedList struct {
	raw  []byte
	list *RevocationList
	id   object.Hash
}

// NewRevocations stores lists in kv.
func NewRevocations(kv KV) *Revocations {
	return &Revocations{kv: kv, parsed: map[object.AgentID]parsedList{}}
}

func revocationKey(issuer object.AgentID) string { return RevocationPrefix + issuer.KeyHex() }

// List returns an issuer's newest list; nil when there is none. It reads the store every time, and verifies a list only
// once.
func (r *Revocations) List(ctx context.Context, issuer object.AgentID) (*RevocationList, error) {
	p, err := r.newest(ctx, issuer)
	return p.list, err
}

// Lookup is List in the form that a Verifier needs.
func (r *Revocations) Lookup(ctx context.Context) func(object.AgentID) (*RevocationList, error) {
	return func(issuer object.AgentID) (*RevocationList, error) { return r.List(ctx, issuer) }
}

func (r *Revocations) newest(ctx context.Context, issuer object.AgentID) (parsedList, error) {
	raw, found, err := r.kv.Get(ctx, revocationKey(issuer))
	if err != nil {
		return parsedList{}, fmt.Errorf("read revocation list: %w", err)
	}
	if !found {
		return parsedList{}, nil
	}
	r.mu.Lock()
	p := r.parsed[issuer.Bare()]
	r.mu.Unlock()
	if p.list != nil && bytes.Equal(p.raw, raw) {
		return p, nil
	}
	list, id, err := OpenRevocationList(raw)
	if err != nil {
		return parsedList{}, err
	}
	if !list.Issuer.Same(issuer) {
		return parsedList{}, fmt.Errorf("revocation list %s is kept for %s and is of %s", id.Short(), issuer.Name(), list.Issuer.Name())
	}
	p = parsedList{raw, list, id}
	r.mu.Lock()
	r.parsed[issuer.Bare()] = p
	r.mu.Unlock()
	return p, nil
}

// Put verifies a list, keeps it if it is the newest of its issuer, and returns it. Putting the same list again is no
// error. Other errors are ErrRevocationOld and ErrRevocationFork.
func (r *Revocations) Put(ctx context.Context, raw []byte) (*RevocationList, error) {
	list, id, err := OpenRevocationList(raw)
	if err != nil {
		return nil, err
	}
	for {
		kept, err := r.newest(ctx, list.Issuer)
		switch {
		case err != nil:
			return nil, err
		case kept.list == nil:
		case kept.id == id:
			return list, nil
		case kept.list.Sequence > list.Sequence:
			return nil, fmt.Errorf("%w: sequence %d, this one has %d", ErrRevocationOld, kept.list.Sequence, list.Sequence)
		case kept.list.Sequence == list.Sequence:
			return nil, fmt.Errorf("%w: %s signed %s and %s as number %d", ErrRevocationFork,
				list.Issuer.Name(), kept.id.Short(), id.Short(), list.Sequence)
		}
		key := revocationKey(list.Issuer)
		ok, err := r.kv.Update(ctx, map[string][]byte{key: kept.raw}, map[string][]byte{key: raw})
		if err != nil {
			return nil, fmt.Errorf("keep revocation list: %w", err)
		}
		if ok {
			return list, nil
		}
	}
}

// Revoke adds capabilities to the signer's newest list and stores the result durably. Without ids it only renews the
// list's date. It returns the list and its bytes, for publishing.
func (r *Revocations) Revoke(ctx context.Context, s sign.Signer, now object.Time, ids ...object.Hash) (*RevocationList, []byte, error) {
	for {
		kept, err := r.newest(ctx, s.Agent())
		if err != nil {
			return nil, nil, err
		}
		list, raw, err := Revoke(s, kept.list, now, ids...)
		if err != nil {
			return nil, nil, err
		}
		_, err = r.Put(ctx, raw)
		if err == nil {
			return list, raw, nil
		}
		// Another process was faster: add to its list.
		if !errors.Is(err, ErrRevocationOld) && !errors.Is(err, ErrRevocationFork) {
			return nil, nil, err
		}
	}
}
