package approval

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/kv"
)

// DefaultExpire is how long a request waits unless configured otherwise.
const DefaultExpire = 15 * time.Minute

const (
	maxOpen    = 256                 // requests that may wait at a time
	keepUnmade = 24 * time.Hour      // how long a request that was denied or expired is kept
	keepSpent  = 30 * 24 * time.Hour // how long a used request is kept
)

// Ask asks people to approve a wish, unless they were asked before. The error is a *caps.DeniedError that says what the
// call waits for, or who refused; nil: they have approved it meanwhile.
func (s *Approvals) Ask(ctx context.Context, w Wish) error {
	if _, err := s.Objects.PutBytes(ctx, w.Request); err != nil {
		return fmt.Errorf("keep the request: %w", err)
	}
	defer s.wake()
	for {
		err := s.ask(ctx, &w)
		if !errors.Is(err, errChanged) {
			return err
		}
	}
}

func (s *Approvals) wake() {
	if s.Outbox != nil {
		s.Outbox.Wake()
	}
}

var errChanged = errors.New("changed meanwhile")

func (s *Approvals) ask(ctx context.Context, w *Wish) error {
	key := w.identity(w.Chain).in(kv.Approvals)
	st, err := s.read(ctx, key)
	if err != nil {
		return err
	}
	if st != nil && st.fits(w.Chain) && s.Now() < st.ExpiresAt && st.State != Spent {
		return s.refusal(st)
	}
	check, put := map[string][]byte{key: nil}, map[string][]byte{}
	if st != nil {
		check[key], put[kv.ApprovalIDs+st.ID.String()] = st.raw, nil
	}
	if w.Made {
		if done, err := s.adopt(ctx, w, check, put); done {
			return err
		}
	}
	if err := s.prune(ctx, put); err != nil {
		return err
	}
	q, raw, err := s.request(w)
	if err != nil {
		return err
	}
	rec, err := can.Marshal(&record{Request: raw, Approvals: [][]byte{}})
	if err != nil {
		return err
	}
	put[key], put[kv.ApprovalIDs+q.ID.String()] = rec, []byte(key)
	if s.Outbox != nil {
		if err := s.Outbox.Note(q, put); err != nil {
			return err
		}
	}
	ok, err := s.KV.Update(ctx, check, put)
	if err == nil && !ok {
		err = errChanged
	}
	if err != nil {
		return err
	}
	if st, err = s.standing(key, rec); err != nil {
		return err
	}
	return s.refusal(st)
}

// adopt records that an equal call takes over the key of this one. done means that an equal call was faster, and that
// its request is the one to wait for.
func (s *Approvals) adopt(ctx context.Context, w *Wish, check, put map[string][]byte) (done bool, err error) {
	whichever := *w
	whichever.Key = nil
	index := whichever.identity(w.Chain).in(kv.ApprovalKeys)
	other, err := kv.GetOrNil(ctx, s.KV, index)
	if err != nil {
		return true, err
	}
	if other != nil && string(other) != string(w.Key) {
		whichever.Key = other
		st, err := s.read(ctx, whichever.identity(w.Chain).in(kv.Approvals))
		if err != nil {
			return true, err
		}
		if st != nil && st.Open() && st.fits(w.Chain) {
			return true, s.waits(st)
		}
	}
	check[index], put[index] = other, w.Key
	return false, nil
}

func (s *Approvals) request(w *Wish) (*Request, []byte, error) {
	need, err := Need(w.Chain)
	if err != nil {
		return nil, nil, err
	}
	expire := s.Expire
	if expire == 0 {
		expire = DefaultExpire
	}
	now := s.Now()
	q := &Request{ToolID: w.Tool, Module: w.Module, RequestHash: w.RequestHash, Key: w.Key, CapID: w.Chain[0].ID, Agents: Agents(w.Chain),
		Need: need.Need, Role: need.Role, ExpiresAt: now.Add(expire), Signer: s.Signer.Agent(), TimeObserved: now}
	raw, err := sign.Seal(s.Signer, RequestRule, q, &q.ID, &q.Signature)
	if err == nil {
		err = can.Check(q)
	}
	return q, raw, err
}

// prune removes finished requests and bounds the number of waiting ones.
func (s *Approvals) prune(ctx context.Context, put map[string][]byte) error {
	open, now := 0, s.Now()
	err := kv.Scan(ctx, s.KV, kv.Approvals, func(key string, raw []byte) error {
		rec, err := object.Decode[record](raw)
		if err != nil {
			return err
		}
		q, err := object.Decode[Request](rec.Request) // its signature does not matter here
		if err != nil {
			return err
		}
		keep := keepUnmade
		if rec.Spent {
			keep = keepSpent
		}
		switch {
		case !rec.Spent && now < q.ExpiresAt:
			open++
		case now >= q.ExpiresAt.Add(keep):
			put[key], put[kv.ApprovalIDs+q.ID.String()] = nil, nil
			whichever := q.identity()
			whichever.Key = nil
			put[whichever.in(kv.ApprovalKeys)] = nil
		}
		return nil
	})
	if err == nil && open >= maxOpen {
		err = &caps.DeniedError{Check: caps.CheckApproval, Reason: fmt.Sprintf("cannot be requested: %d requests for approval have not expired yet", open), Help: "mythos approve ls"}
	}
	return err
}

// refusal is the error of a call without approval; nil: it has approval.
func (s *Approvals) refusal(st *Standing) error {
	switch st.State {
	case Granted:
		return nil
	case Denied:
		text := "denied by " + s.Who(st.No.Signer)
		if st.No.Note != "" {
			text += ": " + strings.ToValidUTF8(st.No.Note, "\uFFFD")
		}
		return &caps.DeniedError{Check: caps.CheckApproval, Cap: st.CapID, Reason: text, Help: "it may be requested again after " + st.ExpiresAt.String()}
	}
	return s.waits(st)
}

func (s *Approvals) waits(st *Standing) error {
	return &caps.DeniedError{Check: caps.CheckApproval, Cap: st.CapID, Approval: st.ID, Until: st.ExpiresAt,
		Reason: fmt.Sprintf("waits for approval %s by %s until %s, %d of %d agreed", st.ID.Short(), st.Role, st.ExpiresAt, st.Yes, st.Need),
		Help:   "mythos approve sign " + st.ID.Short()}
}

// Kept returns the requests that can still be used, or all stored ones, the oldest first.
func (s *Approvals) Kept(ctx context.Context, all bool) ([]*Standing, error) {
	var list []*Standing
	err := kv.Scan(ctx, s.KV, kv.Approvals, func(key string, raw []byte) error {
		st, err := s.standing(key, bytes.Clone(raw))
		if err == nil && (all || st.Open()) {
			list = append(list, st)
		}
		return err
	})
	slices.SortFunc(list, func(a, b *Standing) int {
		return cmp.Or(cmp.Compare(a.TimeObserved, b.TimeObserved), a.ID.Compare(b.ID))
	})
	return list, err
}

// Roots calls keep for the hashes that stored requests refer to.
func (s *Approvals) Roots(ctx context.Context, keep func(object.Hash)) error {
	list, err := s.Kept(ctx, true)
	for _, st := range list {
		keep(st.RequestHash)
	}
	return err
}

// ErrNone means that no request has the id.
var ErrNone = errors.New("no such request for approval")

// Find returns the request whose id begins with the given hex digits.
func (s *Approvals) Find(ctx context.Context, digits string) (*Standing, error) {
	var found []string
	err := kv.Scan(ctx, s.KV, kv.ApprovalIDs+strings.ToLower(digits), func(_ string, at []byte) error {
		found = append(found, string(at))
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0 || digits == "":
		return nil, fmt.Errorf("%s: %w", digits, ErrNone)
	case len(found) > 1:
		return nil, fmt.Errorf("%s: %d requests for approval begin with it: %w", digits, len(found), object.ErrInvalid)
	}
	st, err := s.read(ctx, found[0])
	if err == nil && st == nil {
		err = fmt.Errorf("%s: %w", digits, ErrNone)
	}
	return st, err
}

// Reasons why somebody may not decide.
var (
	ErrRole  = errors.New("the key does not have the role")
	ErrAgent = errors.New("the call is made for this key: nobody approves their own calls")
	ErrOver  = errors.New("it is over")
)

// Decide adds a person's decision to a request. Errors: ErrRole, ErrAgent, ErrOver.
func (s *Approvals) Decide(ctx context.Context, id object.Hash, k sign.Signer, yes bool, note string) (*Standing, error) {
	defer s.wake()
	for {
		st, err := s.Find(ctx, id.String())
		if err != nil {
			return nil, err
		}
		if err := s.has(st, k.Agent()); err != nil {
			return nil, err
		}
		for _, a := range st.Approvals {
			if a.Signer.Same(k.Agent()) && a.Yes == yes {
				return st, nil // the same decision was recorded before
			}
		}
		if !st.Open() {
			return nil, fmt.Errorf("approval %s is %s: %w", st.ID.Short(), st.State, ErrOver)
		}
		next, err := s.add(ctx, st, k, yes, note)
		if !errors.Is(err, errChanged) {
			return next, err
		}
	}
}

// has returns why a key may not decide on a request.
func (s *Approvals) has(st *Standing, agent object.AgentID) error {
	for _, a := range st.Agents {
		if a.Same(agent) {
			return ErrAgent
		}
	}
	may, err := s.Roles()
	if err == nil && !may(agent, st.Role) {
		err = ErrRole
	}
	return err
}

func (s *Approvals) add(ctx context.Context, st *Standing, k sign.Signer, yes bool, note string) (*Standing, error) {
	a := &Approval{Request: st.ID, Yes: yes, Note: note, Signer: k.Agent(), TimeObserved: s.Now()}
	raw, err := sign.Seal(k, Rule, a, &a.ID, &a.Signature)
	if err == nil {
		err = can.Check(a)
	}
	if err != nil {
		return nil, err
	}
	rec := *st.rec
	if rec.Approvals = append(append([][]byte{}, rec.Approvals...), raw); len(rec.Approvals) > maxAgreed {
		return nil, fmt.Errorf("approval %s: %d people have decided, and %d is the maximum: %w", st.ID.Short(), maxAgreed, maxAgreed, ErrOver)
	}
	if _, err := s.Keep(ctx, append([][]byte{rec.Request}, rec.Approvals...)); err != nil { // receipts will name them
		return nil, err
	}
	put, err := can.Marshal(&rec)
	if err != nil {
		return nil, err
	}
	key := st.Request.identity().in(kv.Approvals)
	ok, err := s.KV.Update(ctx, map[string][]byte{key: st.raw}, map[string][]byte{key: put})
	if err == nil && !ok {
		err = errChanged
	}
	if err != nil {
		return nil, err
	}
	return s.standing(key, put)
}

const lookEvery = 250 * time.Millisecond

// Wait waits until a request is decided or expired, or ctx ends.
func (s *Approvals) Wait(ctx context.Context, id object.Hash) (*Standing, error) {
	for {
		st, err := s.Find(ctx, id.String())
		if err != nil || st.State != Waiting {
			return st, err
		}
		select {
		case <-ctx.Done():
			return st, ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}
