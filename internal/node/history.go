package node

import (
	"context"
	"iter"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Happening is one thing that happened here, as the ledger tells it.
type Happening struct {
	Seq        uint64       `json:"seq"` // of the ledger's entry
	Time       object.Time  `json:"time"`
	Kind       string       `json:"kind"`           // effect, attempt (not ended), divergence or decision
	What       string       `json:"what"`           // in words
	Tool       string       `json:"tool,omitempty"` // its name
	ToolID     *object.Hash `json:"tool_id,omitempty"`
	Key        string       `json:"idempotency_key,omitempty"`
	Status     uint16       `json:"status,omitempty"`     // of an effect; 200 is success
	By         string       `json:"by,omitempty"`         // the name of who signed it, where one is known
	ByKey      string       `json:"by_key,omitempty"`     // and the public key
	Capability *object.Hash `json:"capability,omitempty"` // under which it was allowed
	Scope      string       `json:"scope,omitempty"`      // what that capability allows
	Receipt    *object.Hash `json:"receipt,omitempty"`
	IdemID     *object.Hash `json:"idem_id,omitempty"`
	State      string       `json:"state,omitempty"` // of an attempt: pending or unknown
}

// HistoryOptions select what History tells; zero fields select everything.
type HistoryOptions struct {
	Tool  object.Hash
	Agent *object.AgentID
	Since object.Time
	Until object.Time // exclusive
}

// historyPage is how many ledger entries History reads at a time.
const historyPage = 512

// History is what happened here, newest first: receipts, attempts without an outcome,
// divergences and decisions. It reads the log backwards, a page at a time, as far
// as the caller goes on.
func (n *Node) History(ctx context.Context, o HistoryOptions) iter.Seq2[Happening, error] {
	return func(yield func(Happening, error) bool) {
		h := &history{n: n, o: o, ended: map[object.Hash]bool{}, scopes: map[object.Hash]string{}}
		end, err := n.Ledger.Size(ctx)
		if err != nil {
			yield(Happening{}, err)
			return
		}
		for end > 0 {
			from := end - min(end, historyPage)
			page, late, err := h.page(ctx, from, end)
			if err != nil {
				yield(Happening{}, err)
				return
			}
			for i := len(page) - 1; i >= 0; i-- {
				happening, ok, err := h.tell(ctx, page[i])
				if err == nil && !ok {
					continue
				}
				if !yield(happening, err) || err != nil {
					return
				}
			}
			if !late {
				return
			}
			end = from
		}
	}
}

// history is one walk through the log.
type history struct {
	n      *Node
	o      HistoryOptions
	ended  map[object.Hash]bool   // effects whose outcome was told already
	scopes map[object.Hash]string // of capabilities
}

// page reads the selected entries from from to end. late reports whether any of the
// entries is not older than what is asked for.
func (h *history) page(ctx context.Context, from, end uint64) (list []ledger.Entry, late bool, err error) {
	err = h.n.Ledger.Log(ctx, ledger.Filter{From: from, To: end}, func(e ledger.Entry) error {
		late = late || e.Time() >= h.o.Since
		if h.selects(e) {
			list = append(list, e)
		}
		return nil
	})
	return list, late, err
}

func (h *history) selects(e ledger.Entry) bool {
	switch {
	case e.Kind == ledger.EntryCommit: // the receipt beside it says more
		return false
	case e.Time() < h.o.Since || (h.o.Until != 0 && e.Time() >= h.o.Until):
		return false
	case !h.o.Tool.IsZero() && e.Tool() != h.o.Tool:
		return false
	}
	return h.o.Agent == nil || h.signedBy(e, *h.o.Agent)
}

func (h *history) signedBy(e ledger.Entry, agent object.AgentID) bool {
	switch {
	case e.Receipt != nil:
		return e.Receipt.Signer.Same(agent)
	case e.Register != nil:
		return e.Register.Owner.Same(agent)
	case e.Resolution != nil:
		return e.Resolution.Signer.Same(agent)
	}
	return false
}

// tell puts an entry into words; false for an attempt whose outcome was told.
func (h *history) tell(ctx context.Context, e ledger.Entry) (Happening, bool, error) {
	t := Happening{Seq: e.Seq, Time: e.Time()}
	if tool := e.Tool(); !tool.IsZero() {
		t.ToolID, t.Tool = &tool, h.n.ToolName(ctx, tool)
	}
	if idem, ok := e.IdemID(); ok {
		t.IdemID = &idem
	}
	switch {
	case e.Receipt != nil:
		return h.effect(ctx, t, e.Receipt), true, nil
	case e.Register != nil:
		return h.attempt(ctx, t, e.Register)
	case e.Mark != nil:
		t.Kind, t.What = "divergence", "the same key with another "+markWords[e.Mark.Reason]
	case e.Resolution != nil && e.Resolution.ByOwner(): // its receipt tells
		return t, false, nil
	case e.Resolution != nil:
		t.Kind, t.What = "decision", decisionWords[e.Resolution.Decision]
		if e.Resolution.Notes != nil {
			t.What += ": " + *e.Resolution.Notes
		}
		h.signer(&t, e.Resolution.Signer)
	}
	return t, true, nil
}

var (
	markWords     = map[uint8]string{ledger.RequestHashConflict: "request", ledger.ResponseHashConflict: "response", ledger.MultipleCommits: "outcome"}
	decisionWords = map[uint8]string{ledger.ResolveRetry: "may run again", ledger.ResolveAbandon: "shall not run again", ledger.ResolveAccept: "one outcome is accepted"}
)

func (h *history) effect(ctx context.Context, t Happening, r *ledger.Receipt) Happening {
	t.Kind, t.Status, t.Key = "effect", r.Status, string(r.IdempotencyKey)
	id := r.ReceiptID
	t.Receipt = &id
	t.What = "called " + t.Tool
	h.signer(&t, r.Signer)
	if t.IdemID != nil {
		h.ended[*t.IdemID] = true
	}
	if len(r.Evidence) > 0 { // the capability, as the gate records it
		if scope := h.scope(ctx, r.Evidence[0]); scope != "" {
			id := r.Evidence[0]
			t.Capability, t.Scope = &id, scope
		}
	}
	return t
}

// attempt tells of a register only while its effect has no outcome.
func (h *history) attempt(ctx context.Context, t Happening, r *ledger.EffectRegister) (Happening, bool, error) {
	if h.ended[r.IdemID] {
		return t, false, nil
	}
	h.ended[r.IdemID] = true
	s, err := h.n.Ledger.Read(ctx, r.IdemID)
	if err != nil {
		return t, false, err
	}
	at := s.At(h.n.now())
	if at != ledger.StatusPending && at != ledger.StatusUnknown {
		return t, false, nil
	}
	t.Kind, t.State, t.Key = "attempt", at.String(), string(r.IdempotencyKey)
	t.What = "began " + t.Tool + ", outcome " + at.String()
	h.signer(&t, r.Owner)
	return t, true, nil
}

func (h *history) signer(t *Happening, agent object.AgentID) {
	t.By, t.ByKey = h.n.AgentName(agent), agent.KeyHex()
}

// scope is what the capability with this id allows; empty when it is none, or not here.
func (h *history) scope(ctx context.Context, id object.Hash) string {
	if text, ok := h.scopes[id]; ok {
		return text
	}
	text := ""
	if o, err := h.n.Store.Object(ctx, id); err == nil && o.Kind == kindCapability {
		if link, err := caps.Open(o.Raw); err == nil {
			text = link.Cap.Scope.String()
		}
	}
	if len(h.scopes) < historyPage {
		h.scopes[id] = text
	}
	return text
}

// AgentName is what an agent is called here: its name in trust.yaml, or the name that
// our own key bears. Names that others give themselves do not count; it is empty then.
func (n *Node) AgentName(agent object.AgentID) string {
	if agent.Same(n.Self()) {
		return n.Self().Hint
	}
	if e, ok := n.Trust.ByAgent(agent); ok {
		return e.Name
	}
	return ""
}
