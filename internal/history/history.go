// Package history tells what happened here, according to the ledger.
package history

import (
	"context"
	"iter"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/internal/toolbox"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// History tells what happened here, according to the ledger.
type History struct {
	ID      *identity.Identity
	DB      kv.KV
	Store   *store.Store
	Ledger  *kvledger.Ledger
	Toolbox *toolbox.Toolbox
}

// Event is one thing that happened here.
type Event struct {
	Seq        uint64       `json:"seq"` // of the ledger's entry
	Time       object.Time  `json:"time"`
	Kind       string       `json:"kind"`           // effect, attempt (not ended), divergence or decision
	What       string       `json:"what"`           // in words
	Tool       string       `json:"tool,omitempty"` // its name
	ToolID     *object.Hash `json:"tool_id,omitempty"`
	Key        string       `json:"idempotency_key,omitempty"`
	KeyHex     string       `json:"idempotency_key_hex,omitempty"` // of a key that is not text
	Status     uint16       `json:"status,omitempty"`              // of an effect; 200 is success
	By         string       `json:"by,omitempty"`                  // the name of the signer, if known
	ByKey      string       `json:"by_key,omitempty"`              // and its public key
	Capability *object.Hash `json:"capability,omitempty"`          // under which it was allowed
	Scope      string       `json:"scope,omitempty"`               // what that capability allows
	Receipt    *object.Hash `json:"receipt,omitempty"`
	IdemID     *object.Hash `json:"idem_id,omitempty"`
	State      string       `json:"state,omitempty"` // of an attempt: pending or unknown

	ByKeyID *object.Hash `json:"by_key_id,omitempty"` // of the signer, if the key itself is not known

	// Decision is what an operator decided: retry, abandon or accept.
	Decision string `json:"decision,omitempty"`
	// Note is the operator's note or, for an effect that did not succeed, the receipt's: why.
	Note string `json:"note,omitempty"`
	// Refused reports that an effect was refused before anything ran.
	Refused bool `json:"refused,omitempty"`
	// Declared reports that a harness runs it and declares its outcome, and nobody here does.
	Declared bool `json:"declared,omitempty"`
	// Differs says what was not the same under one key: request, response or outcome.
	Differs string `json:"differs,omitempty"`
}

// Who returns the signer for people: a name, or else the beginning of a key or of its id.
func (h Event) Who() string {
	switch {
	case h.By != "":
		return h.By
	case h.ByKey != "":
		return "key " + h.ByKey[:12]
	case h.ByKeyID != nil:
		return "key id " + h.ByKeyID.Short()
	}
	return "nobody"
}

// Options select what History tells; zero fields select everything.
type Options struct {
	Tool  object.Hash
	Agent *object.AgentID // the signer, or the agent that it was done for
	For   *Client         // the same agent, if calls are made for it; nil: none are
	Since object.Time
	Until object.Time // exclusive
}

// historyPage is how many ledger entries History reads at a time.
const historyPage = 512

// Events returns what happened here, newest first: receipts, attempts without an outcome, divergences and decisions. It
// reads the log backwards, page by page, as far as the caller iterates.
func (hi *History) Events(ctx context.Context, o Options) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		h := &history{n: hi, o: o, ended: map[object.Hash]bool{}, scopes: map[object.Hash]string{}}
		end, err := hi.Ledger.Size(ctx)
		if err != nil {
			yield(Event{}, err)
			return
		}
		for end > 0 {
			from := end - min(end, historyPage)
			page, late, err := h.page(ctx, from, end)
			if err != nil {
				yield(Event{}, err)
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
	n      *History
	o      Options
	ended  map[object.Hash]bool   // effects whose outcome was already told
	scopes map[object.Hash]string // of capabilities
}

// page reads the selected entries in the range from from to end. late reports whether any entry is as recent as the
// options ask for.
func (h *history) page(ctx context.Context, from, end uint64) (list []ledger.Entry, late bool, err error) {
	err = h.n.Ledger.Log(ctx, kvledger.Filter{From: from, To: end}, func(e ledger.Entry) error {
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
	case e.Kind == ledger.EntryCommit: // its receipt says more
		return false
	case e.Time() < h.o.Since || (h.o.Until != 0 && e.Time() >= h.o.Until):
		return false
	case !h.o.Tool.IsZero() && e.Tool() != h.o.Tool:
		return false
	}
	return h.o.Agent == nil || h.signedBy(e, *h.o.Agent) || (h.o.For != nil && h.o.For.Has(e))
}

func (h *history) signedBy(e ledger.Entry, agent object.AgentID) bool {
	switch {
	case e.Receipt != nil:
		return e.Receipt.Signer.Same(agent)
	case e.Register != nil:
		return e.Register.Owner.Same(agent)
	case e.Resolution != nil:
		return e.Resolution.Signer.Same(agent)
	case e.Mark != nil && e.Mark.Signature.KeyID != nil:
		return agent.KeyID() == *e.Mark.Signature.KeyID
	}
	return false
}

// tell turns an entry into an event; false for an attempt whose outcome was already told.
func (h *history) tell(ctx context.Context, e ledger.Entry) (Event, bool, error) {
	t := Event{Seq: e.Seq, Time: e.Time()}
	if tool := e.Tool(); !tool.IsZero() {
		t.ToolID, t.Tool = &tool, h.n.Toolbox.Name(ctx, tool)
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
		t.Kind, t.Differs = "divergence", markWords[e.Mark.Reason]
		t.What = "the same key with another " + t.Differs
		h.markedBy(&t, e.Mark.Signature)
		return t, true, h.about(ctx, &t, e.Mark.IdemID)
	case e.Resolution != nil && e.Resolution.ByOwner(): // its receipt tells
		return t, false, nil
	case e.Resolution != nil:
		t.Kind, t.Decision, t.What = "decision", decisionNames[e.Resolution.Decision], decisionWords[e.Resolution.Decision]
		if e.Resolution.Notes != nil {
			t.Note = *e.Resolution.Notes
			t.What += ": " + t.Note
		}
		h.signer(&t, e.Resolution.Signer)
		return t, true, h.about(ctx, &t, e.Resolution.IdemID)
	}
	return t, true, nil
}

var (
	markWords     = map[uint8]string{ledger.RequestHashConflict: "request", ledger.ResponseHashConflict: "response", ledger.MultipleCommits: "outcome"}
	decisionWords = map[uint8]string{ledger.ResolveRetry: "may run again", ledger.ResolveAbandon: "shall not run again", ledger.ResolveAccept: "one outcome is accepted"}
)

var decisionNames = map[uint8]string{ledger.ResolveRetry: "retry", ledger.ResolveAbandon: "abandon", ledger.ResolveAccept: "accept"}

// about adds the tool and the key of an effect, of which the entry itself has only the id.
func (h *history) about(ctx context.Context, t *Event, idem object.Hash) error {
	s, err := h.n.Ledger.Read(ctx, idem)
	if err != nil {
		return err
	}
	for _, e := range s.History {
		if r := e.Register; r != nil {
			tool := r.ToolID
			t.ToolID, t.Tool = &tool, h.n.Toolbox.Name(ctx, tool)
			t.Key, t.KeyHex = ledger.KeyText(r.IdempotencyKey), ledger.KeyHex(r.IdempotencyKey)
			return nil
		}
	}
	return nil
}

// markedBy adds the signer of the other request to a divergence: the mark names the key by its id.
func (h *history) markedBy(t *Event, s object.Signature) {
	if s.KeyID == nil {
		return
	}
	known := append([]object.AgentID{h.n.ID.Self()}, h.n.ID.Former...)
	for _, e := range h.n.ID.Trust.Entries() {
		if a, err := e.Agent(); err == nil {
			known = append(known, a)
		}
	}
	for _, a := range known {
		if a.KeyID() == *s.KeyID {
			h.signer(t, a)
			return
		}
	}
	t.ByKeyID = s.KeyID
}

func (h *history) effect(ctx context.Context, t Event, r *ledger.Receipt) Event {
	t.Kind, t.Status = "effect", r.Status
	t.Key, t.KeyHex = ledger.KeyText(r.IdempotencyKey), ledger.KeyHex(r.IdempotencyKey)
	id := r.ReceiptID
	t.Receipt = &id
	t.What = "called " + t.Tool
	switch t.Refused = r.Refusal(); {
	case t.Refused:
		t.What = "was refused " + t.Tool
	case h.n.Toolbox.Declared(ctx, r.ToolID):
		t.What, t.Declared = "called "+t.Tool+", as its harness declares", true
	}
	if r.Status >= 300 && r.Notes != nil {
		t.Note = *r.Notes
	}
	h.signer(&t, r.Signer)
	if t.IdemID != nil {
		h.ended[*t.IdemID] = true
	}
	if len(r.Evidence) > 0 { // the capability, as recorded by the executor
		if scope := h.scope(ctx, r.Evidence[0]); scope != "" {
			id := r.Evidence[0]
			t.Capability, t.Scope = &id, scope
		}
	}
	return t
}

// attempt tells of a register only while its effect has no outcome.
func (h *history) attempt(ctx context.Context, t Event, r *ledger.EffectRegister) (Event, bool, error) {
	if h.ended[r.IdemID] {
		return t, false, nil
	}
	h.ended[r.IdemID] = true
	s, err := h.n.Ledger.Read(ctx, r.IdemID)
	if err != nil {
		return t, false, err
	}
	at := s.At(h.n.ID.Now())
	if at != ledger.StatusPending && at != ledger.StatusUnknown {
		return t, false, nil
	}
	t.Kind, t.State = "attempt", at.String()
	t.Key, t.KeyHex = ledger.KeyText(r.IdempotencyKey), ledger.KeyHex(r.IdempotencyKey)
	t.What = "began " + t.Tool + ", outcome " + at.String()
	if h.n.Toolbox.Declared(ctx, r.ToolID) {
		t.What, t.Declared = "allowed "+t.Tool+", its harness has reported no outcome", true
	}
	h.signer(&t, r.Owner)
	return t, true, nil
}

func (h *history) signer(t *Event, agent object.AgentID) {
	t.By, t.ByKey = h.n.ID.AgentName(agent), agent.KeyHex()
}

// scope returns what the capability with this id allows; empty if it is not a capability, or not stored.
func (h *history) scope(ctx context.Context, id object.Hash) string {
	if text, ok := h.scopes[id]; ok {
		return text
	}
	text := ""
	if o, err := h.n.Store.Object(ctx, id); err == nil && o.Kind == objects.KindCapability {
		if link, err := caps.Open(o.Raw); err == nil {
			text = link.Cap.Scope.String()
		}
	}
	if len(h.scopes) < historyPage {
		h.scopes[id] = text
	}
	return text
}
