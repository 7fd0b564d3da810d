package authority

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Judge decides who counted for what, and when. A signature is judged by the trust at its time and place
// (spec/ledger.md#judging): the end of trust is not retroactive, and no later signature counts.
type Judge struct {
	ID     *identity.Identity
	Ledger *kvledger.Ledger
	Store  *store.Store
	Debugf func(string, ...any) // receives what could not be read

	mu   sync.Mutex     // guards past
	past *historyMemory // nil: nothing read yet
}

// Moment is when a receipt was signed, and its place in this ledger, if any.
func (j *Judge) Moment(ctx context.Context, at model.When) ledger.Moment {
	m := ledger.Moment{Time: at.Time}
	if at.Receipt.IsZero() {
		return m
	}
	if seq, err := j.Ledger.ReceiptSeq(ctx, at.Receipt); err == nil {
		m.Seq, m.Placed = seq, true
	}
	return m
}

// Counted reports whether an agent was trusted for a domain when it signed something.
func (j *Judge) Counted(ctx context.Context, agent object.AgentID, domain string, m ledger.Moment) bool {
	if agent.Same(j.ID.Self()) {
		return true
	}
	if _, named := j.ID.Trust.ByAgent(agent); named {
		return j.ID.Trust.Held(agent, domain, m, j.ID.Now(), j.later(ctx, agent, m))
	}
	return slices.ContainsFunc(j.ID.Former, agent.Same)
}

// ReceiptCounted is Counted for receipts: agents whose keys are kept here may sign what they did here until their end,
// whatever else they are trusted for.
func (j *Judge) ReceiptCounted(ctx context.Context, agent object.AgentID, m ledger.Moment) bool {
	e, named := j.ID.Trust.ByAgent(agent)
	if named && slices.ContainsFunc(j.ID.Former, agent.Same) && e.Counted(m, j.ID.Now(), j.later(ctx, agent, m)) {
		return true
	}
	return j.Counted(ctx, agent, keyfile.ForLedger, m)
}

// SignedUnder reports whether an agent counted for receipts when one was signed; in words, if it is no longer trusted.
func (j *Judge) SignedUnder(ctx context.Context, agent object.AgentID, id object.Hash, r *ledger.Receipt) (counted bool, under string) {
	counted = j.ReceiptCounted(ctx, agent, j.Moment(ctx, model.When{Time: r.TimeObserved, Receipt: id}))
	e, named := j.ID.Trust.ByAgent(agent)
	switch {
	case !counted:
		return false, ""
	case named && e.Ended.At != 0:
		under = "before its trust was taken away at " + e.Ended.At.String()
	case named && e.Over(j.ID.Now()):
		under = "before its trust ended at " + e.Until.String()
	case named:
		under = "as " + e.Name + ", whose key is kept here"
	}
	return true, under
}

// Approved reports whether an agent's approval counted for a role when a receipt was signed.
func (j *Judge) Approved(ctx context.Context, agent object.AgentID, role string, id object.Hash, r *ledger.Receipt) bool {
	m := j.Moment(ctx, model.When{Time: r.TimeObserved, Receipt: id})
	return j.ID.Trust.Held(agent, keyfile.ForApprove+role, m, j.ID.Now(), j.later(ctx, agent, m))
}

// issuerCounted is trustsIssuer at an earlier moment.
func (j *Judge) issuerCounted(ctx context.Context, issuer object.AgentID, kind uint8, m ledger.Moment) bool {
	if _, named := j.ID.Trust.ByAgent(issuer); named {
		return j.ID.Trust.Held(issuer, scope.Domain(kind), m, j.ID.Now(), j.later(ctx, issuer, m))
	}
	return issuer.Same(j.ID.Self())
}

// Then is the trust at the time of a receipt's signature.
func (j *Judge) Then(ctx context.Context, id object.Hash, r *ledger.Receipt) caps.Past {
	m := j.Moment(ctx, model.When{Time: r.TimeObserved, Receipt: id})
	return caps.Past{
		At:      r.TimeObserved,
		Trusted: func(issuer object.AgentID, kind uint8) bool { return j.issuerCounted(ctx, issuer, kind, m) },
		Later: func(id object.Hash, list *caps.RevocationList) bool {
			seq, placed, err := j.revokedAt(ctx, id)
			if err != nil {
				j.Debugf("revocations in the ledger: %v", err)
			}
			if placed && m.Placed {
				return m.Seq < seq
			}
			return m.Time < list.TimeObserved
		},
	}
}

// pageSize is how many ledger entries are read at a time.
const pageSize = 512

// historyMemory caches facts from the ledger, up to the length that was read.
type historyMemory struct {
	size    uint64
	ends    map[endKey]uint64
	revoked map[object.Hash]uint64
}

type endKey struct {
	agent object.AgentID
	at    object.Time
}

// later reports whether a moment's place in the ledger is after a time: whether entries of other agents, dated at that
// time or later, come before it.
func (j *Judge) later(ctx context.Context, agent object.AgentID, m ledger.Moment) func(object.Time) bool {
	return func(at object.Time) bool {
		first, err := j.firstAfter(ctx, agent, at)
		if err != nil {
			j.Debugf("the end of %s in the ledger: %v", agent, err)
			return true // an undecidable signature does not count
		}
		return m.Seq >= first
	}
}

// remembered is the cache for the ledger's present state. The caller holds mu.
func (j *Judge) remembered(ctx context.Context) (*historyMemory, error) {
	size, err := j.Ledger.Size(ctx)
	if err != nil {
		return nil, err
	}
	if j.past == nil || j.past.size != size {
		j.past = &historyMemory{size: size, ends: map[endKey]uint64{}}
	}
	return j.past, nil
}

// firstAfter is the place of the first entry by others than the agent dated at a time or later, among those at the end
// of the ledger: it reads backwards to an earlier entry of theirs. An entry that somebody signs with an old date does
// not move it; nor does a clock that was once ahead, long before.
func (j *Judge) firstAfter(ctx context.Context, agent object.AgentID, at object.Time) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	seen, err := j.remembered(ctx)
	if err != nil {
		return 0, err
	}
	key := endKey{agent.Bare(), at}
	if first, ok := seen.ends[key]; ok {
		return first, nil
	}
	first, end := seen.size, seen.size
	for found := false; end > 0 && !found; {
		from := end - min(end, pageSize)
		var page []ledger.Entry
		if err := j.Ledger.Log(ctx, kvledger.Filter{From: from, To: end}, func(e ledger.Entry) error {
			page = append(page, e)
			return nil
		}); err != nil {
			return 0, err
		}
		for _, e := range slices.Backward(page) {
			if byOther(e, agent) {
				if found = e.Time() < at; found {
					break
				}
				first = e.Seq
			}
		}
		end = from
	}
	seen.ends[key] = first
	return first, nil
}

// byOther reports whether somebody other than the agent signed an entry. The signer of an entry without a name is
// unknown.
func byOther(e ledger.Entry, agent object.AgentID) bool {
	var key *object.Hash
	switch {
	case e.Receipt != nil:
		return !e.Receipt.Signer.Same(agent)
	case e.Register != nil:
		return !e.Register.Owner.Same(agent)
	case e.Resolution != nil:
		return !e.Resolution.Signer.Same(agent)
	case e.Commit != nil:
		key = e.Commit.Signature.KeyID
	case e.Mark != nil:
		key = e.Mark.Signature.KeyID
	}
	return key != nil && *key != agent.KeyID()
}

// revokedAt is the place in the ledger of the first revocation of a capability by a stored list.
func (j *Judge) revokedAt(ctx context.Context, id object.Hash) (seq uint64, found bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	seen, err := j.remembered(ctx)
	if err != nil {
		return 0, false, err
	}
	if seen.revoked == nil {
		revoked := map[object.Hash]uint64{}
		err := j.Ledger.Log(ctx, kvledger.Filter{Kind: ledger.EntryReceipt, Tool: exec.BuiltinID(effectRevoke)}, func(e ledger.Entry) error {
			return j.revocations(ctx, e, revoked)
		})
		if err != nil {
			return 0, false, err
		}
		seen.revoked = revoked
	}
	seq, found = seen.revoked[id]
	return seq, found, nil
}

// revocations adds the ids that the list of a revocation's receipt names for the first time.
func (j *Judge) revocations(ctx context.Context, e ledger.Entry, revoked map[object.Hash]uint64) error {
	raw, err := j.Store.Bytes(ctx, e.Receipt.RequestHash)
	if errors.Is(err, store.ErrNotFound) {
		return nil // from before lists were stored
	}
	if err != nil {
		return err
	}
	list, id, err := caps.OpenRevocationList(raw)
	if err != nil || id != e.Receipt.ResponseHash {
		return nil // not the list of this receipt
	}
	for _, c := range list.Revoked {
		if _, earlier := revoked[c]; !earlier {
			revoked[c] = e.Seq
		}
	}
	return nil
}

// Operates reports whose decisions count in this ledger: our own, and those of agents that were trusted as operators
// when they decided.
func (j *Judge) Operates(ctx context.Context, agent object.AgentID, m ledger.Moment) bool {
	return agent.Same(j.ID.Self()) || j.ID.Trust.Held(agent, keyfile.ForOperator, m, j.ID.Now(), j.later(ctx, agent, m))
}

// TrustsPolicy reports whose issuance policies count here: those of agents who were trusted for them when they signed.
func (j *Judge) TrustsPolicy(ctx context.Context, p *caps.IssuancePolicy) bool {
	m := ledger.Moment{Time: p.TimeObserved}
	return p.Issuer.Same(j.ID.Self()) || j.ID.Trust.Held(p.Issuer, keyfile.ForPolicy, m, j.ID.Now(), j.later(ctx, p.Issuer, m))
}
