package approval

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// Approvals stores requests and decisions. Set all fields before the first use.
type Approvals struct {
	KV      kv.KV
	Objects *store.Store
	Signer  sign.Signer // of requests
	Ledger  interface {
		Read(ctx context.Context, idem object.Hash) (ledger.State, error)
	}
	Now func() object.Time
	// Roles returns who has which role now. It is called every time.
	Roles func() (func(agent object.AgentID, role string) bool, error)
	// Who is a person's or an agent's name.
	Who    func(object.AgentID) string
	Outbox Outbox // nil: nobody is notified
	// Expire is how long a request may wait; 0: DefaultExpire.
	Expire time.Duration
}

// Outbox notifies people of requests.
type Outbox interface {
	// Note adds a notice of a new request to the update that stores the request.
	Note(q *Request, put map[string][]byte) error
	// Wake begins to deliver what was noted, and returns at once.
	Wake()
}

// Wish is a call that people have to approve, under one capability.
type Wish struct {
	Tool        object.Hash
	Module      *object.Hash // the ModuleRef of its implementation; nil: it is not here
	Request     []byte       // for Ask
	RequestHash object.Hash
	Key         []byte
	Made        bool // the key was generated for the call: an equal call takes it over
	Chain       caps.Chain
}

// identity identifies a wish: if any byte differs, it is another wish.
type identity struct {
	Tool    object.Hash  `can:"1,tool_id"`
	Module  *object.Hash `can:"2,module"`
	Request object.Hash  `can:"3,request_hash"`
	Key     []byte       `can:"4,idempotency_key"` // empty: whichever
	Cap     object.Hash  `can:"5,cap_id"`
}

func (i identity) in(space string) string {
	raw, err := can.Marshal(&i)
	if err != nil {
		panic(err) // it contains only encodable values
	}
	return space + object.Sum(raw).String()
}

func (w *Wish) identity(c caps.Chain) identity {
	return identity{w.Tool, w.Module, w.RequestHash, w.Key, c[0].ID}
}

func (q *Request) identity() identity {
	return identity{q.ToolID, q.Module, q.RequestHash, q.Key, q.CapID}
}

// record is the value under kv.Approvals and a wish.
type record struct {
	Request   []byte   `can:"1,request"`   // canonical ApprovalRequest
	Approvals [][]byte `can:"2,approvals"` // canonical Approvals, by time
	Spent     bool     `can:"3,spent,omitzero"`
}

// State is the state of a request.
type State string

// The states of a request.
const (
	Waiting State = "waiting"
	Granted State = "granted" // enough people have approved, and the call was not made yet
	Spent   State = "spent"   // the call was made
	Denied  State = "denied"
	Expired State = "expired"
)

// Standing is a request and its state.
type Standing struct {
	*Request
	Approvals []*Approval
	State     State
	Yes       int       // number of approvals that count
	No        *Approval // the decision that denies it

	raw []byte // the record
	rec *record
}

// Open reports whether it can still be used.
func (s *Standing) Open() bool { return s.State == Waiting || s.State == Granted }

// read reads the record at a key; nil: none.
func (s *Approvals) read(ctx context.Context, key string) (*Standing, error) {
	raw, err := kv.GetOrNil(ctx, s.KV, key)
	if err != nil || raw == nil {
		return nil, err
	}
	return s.standing(key, raw)
}

// standing judges a record. It is an error if the record differs from what was signed, or belongs to another key.
func (s *Approvals) standing(key string, raw []byte) (*Standing, error) {
	rec, err := object.Decode[record](raw)
	if err != nil {
		return nil, fmt.Errorf("approval record %s: %w", key, err)
	}
	st := &Standing{raw: raw, rec: rec}
	if st.Request, err = OpenRequest(rec.Request); err != nil {
		return nil, err
	}
	if st.Request.identity().in(kv.Approvals) != key {
		return nil, fmt.Errorf("approval record %s is of another call: %w", key, object.ErrInvalid)
	}
	for _, one := range rec.Approvals {
		a, err := Open(one)
		if err != nil {
			return nil, err
		}
		st.Approvals = append(st.Approvals, a)
	}
	may, err := s.Roles()
	if err != nil {
		return nil, fmt.Errorf("who may approve: %w", err)
	}
	st.Yes, st.No = st.Count(st.Approvals, may)
	switch {
	case rec.Spent:
		st.State = Spent
	case st.No != nil:
		st.State = Denied
	case s.Now() >= st.ExpiresAt:
		st.State = Expired
	case st.Yes >= int(st.Need):
		st.State = Granted
	default:
		st.State = Waiting
	}
	return st, nil
}

// fits refuses a request that asks for less than its chain requires.
func (st *Standing) fits(chain caps.Chain) bool {
	need, err := Need(chain)
	return err == nil && need != nil && need.Role == st.Role && st.Need >= need.Need
}

// ErrUnapproved means that not enough people have approved a call.
var ErrUnapproved = errors.New("not approved")

// LackingError names the capability whose approval is missing. It wraps ErrUnapproved.
type LackingError struct{ Chain caps.Chain }

func (*LackingError) Error() string { return ErrUnapproved.Error() }

// Unwrap gives ErrUnapproved.
func (*LackingError) Unwrap() error { return ErrUnapproved }

// Ride is the function of a ledger.Rider.
type Ride = func(get func(key string) ([]byte, error)) (map[string][]byte, error)

// Spending is a charge that uses up the approval, in the update of the call's register. The error is a *LackingError if
// there is no approval.
func (s *Approvals) Spending(w Wish, charge Ride) Ride {
	key := w.identity(w.Chain).in(kv.Approvals)
	return func(get func(string) ([]byte, error)) (map[string][]byte, error) {
		charged, err := charge(get)
		if err != nil {
			return nil, err
		}
		raw, err := get(key)
		if err != nil {
			return nil, err
		}
		if raw == nil {
			return nil, &LackingError{w.Chain}
		}
		st, err := s.standing(key, raw)
		if err != nil {
			return nil, err
		}
		if st.State != Granted || !st.fits(w.Chain) {
			return nil, &LackingError{w.Chain}
		}
		put, err := st.spent(key, true)
		maps.Copy(put, charged)
		return put, err
	}
}

// Returning returns the approval that was used up for an attempt that did not start.
func (s *Approvals) Returning(w Wish) ledger.Rider {
	key := w.identity(w.Chain).in(kv.Approvals)
	return ledger.Rider{Size: 1 << 10, Reads: []string{key}, Ride: func(get func(string) ([]byte, error)) (map[string][]byte, error) {
		raw, err := get(key)
		if err != nil || raw == nil {
			return nil, err
		}
		st, err := s.standing(key, raw)
		if err != nil || st.State != Spent {
			return nil, err
		}
		return st.spent(key, false)
	}}
}

func (st *Standing) spent(key string, spent bool) (map[string][]byte, error) {
	rec := *st.rec
	rec.Spent = spent
	put, err := can.Marshal(&rec)
	return map[string][]byte{key: put}, err
}

// Agreed returns the request and the approvals that were used up for a call under a capability (only its id counts), if
// there are any.
func (s *Approvals) Agreed(ctx context.Context, w Wish) ([][]byte, error) {
	st, err := s.read(ctx, w.identity(w.Chain).in(kv.Approvals))
	if err != nil || st == nil || st.State != Spent {
		return nil, err
	}
	raws := [][]byte{st.rec.Request}
	for i, a := range st.Approvals {
		if a.Yes {
			raws = append(raws, st.rec.Approvals[i])
		}
	}
	return raws, nil
}

// Evidence returns their ids, for the receipt.
func (s *Approvals) Evidence(ctx context.Context, w Wish) ([]object.Hash, error) {
	raws, err := s.Agreed(ctx, w)
	if err != nil || len(raws) == 0 {
		return nil, err
	}
	return s.Keep(ctx, raws)
}

// maxAgreed is the largest number of approvals of one request.
const maxAgreed = 64

// Keep stores a request and approvals as objects, and returns their ids.
func (s *Approvals) Keep(ctx context.Context, raws [][]byte) ([]object.Hash, error) {
	if s == nil || len(raws) == 0 {
		return []object.Hash{}, nil
	}
	if len(raws) > 1+maxAgreed {
		return nil, fmt.Errorf("%d approvals, at most %d: %w", len(raws)-1, maxAgreed, object.ErrInvalid)
	}
	ids := []object.Hash{}
	var put []store.Object
	for i, raw := range raws {
		if i == 0 {
			q, err := OpenRequest(raw)
			if err != nil {
				return nil, err
			}
			ids, put = append(ids, q.ID), append(put, store.Object{ID: q.ID, Kind: kindRequest, Raw: raw})
			continue
		}
		a, err := Open(raw)
		if err != nil {
			return nil, err
		}
		ids, put = append(ids, a.ID), append(put, store.Object{ID: a.ID, Kind: kindApproval, Raw: raw})
	}
	return ids, s.Objects.PutObjects(ctx, put...)
}

// Key is the key of an equal call under one of the chains that waits for approval or has it; nil: none.
func (s *Approvals) Key(ctx context.Context, w Wish, chains []caps.Chain) ([]byte, error) {
	w.Key = nil
	for _, c := range chains {
		if need, err := Need(c); err != nil || need == nil {
			continue
		}
		key, err := kv.GetOrNil(ctx, s.KV, w.identity(c).in(kv.ApprovalKeys))
		if err != nil {
			return nil, err
		}
		if key == nil {
			continue
		}
		over, err := s.over(ctx, &w, c, key)
		if err != nil {
			return nil, err
		}
		if !over {
			return bytes.Clone(key), nil
		}
	}
	return nil, nil
}

// over reports whether a generated key is obsolete: its call has happened, or its request was denied or has expired.
func (s *Approvals) over(ctx context.Context, w *Wish, c caps.Chain, key []byte) (bool, error) {
	effect, err := s.Ledger.Read(ctx, ledger.IdemID(w.Tool, key))
	if err != nil {
		return false, err
	}
	if effect.Commit != nil {
		return true, nil
	}
	if effect.Register != nil { // the ledger knows how it ended
		return false, nil
	}
	with := *w
	with.Key = key
	st, err := s.read(ctx, with.identity(c).in(kv.Approvals))
	if err != nil || st == nil {
		return true, err
	}
	return !st.Open() && s.Now() >= st.ExpiresAt, nil
}
