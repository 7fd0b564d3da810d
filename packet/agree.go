package packet

import (
	"errors"
	"fmt"
	"sync"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// CodebookAgreement is the message by which two peers agree on a codebook: the
// proposer makes and signs it, the accepter signs the same id.
type CodebookAgreement struct {
	AgreementID object.Hash       `can:"1,agreement_id"`
	CodebookID  object.Hash       `can:"2,codebook_id"`
	Proposer    object.AgentID    `can:"3,proposer"`
	Accepter    object.AgentID    `can:"4,accepter"`
	ExpiresAt   object.Time       `can:"5,expires_at"`
	ProposerSig object.Signature  `can:"6,proposer_signature"`
	AccepterSig *object.Signature `can:"7,accepter_signature"` // absent in a proposal
}

// AgreementRule leaves the id and both signatures out of the id.
var AgreementRule = object.Rule{Mask: can.Mask{1: nil, 6: nil, 7: nil}, IDField: 1, Signer: 3, Sig: 6}

// Structs describes the structs of this package.
var Structs = []object.Struct{
	object.Define[SigBlockEntry]("SigBlockEntry", object.Rule{}),
	object.Define[Encrypted]("EncryptedPayload", object.Rule{}),
	object.Define[CodebookEntry]("CodebookEntry", object.Rule{}),
	object.Define[Codebook]("Codebook", object.Rule{}),
	object.Define[CodebookAgreement]("CodebookAgreement", AgreementRule),
}

// Propose makes the proposal of a codebook to a peer, good until expires.
func Propose(s sign.Signer, cb *Codebook, peer object.AgentID, expires object.Time) ([]byte, error) {
	id, err := cb.ID()
	if err != nil {
		return nil, err
	}
	a := CodebookAgreement{CodebookID: id, Proposer: s.Agent().Bare(), Accepter: peer.Bare(), ExpiresAt: expires}
	if a.AgreementID, err = AgreementRule.IDOf(&a); err != nil {
		return nil, err
	}
	if a.ProposerSig, err = sign.ID(s, a.AgreementID); err != nil {
		return nil, err
	}
	return can.Marshal(&a)
}

// Accept signs a proposal that was made to the signer and verifies. The codebook
// is the one that the proposal names.
func Accept(s sign.Signer, proposal []byte, cb *Codebook, now object.Time) ([]byte, error) {
	a, err := openAgreement(proposal, cb, now)
	if err != nil {
		return nil, err
	}
	if !a.Accepter.Same(s.Agent()) {
		return nil, fmt.Errorf("%w: the proposal is made to %s", ErrCodebook, a.Accepter)
	}
	sig, err := sign.ID(s, a.AgreementID)
	if err != nil {
		return nil, err
	}
	field, err := can.Marshal(&sig)
	if err != nil {
		return nil, err
	}
	return setField(proposal, 7, field)
}

// setField puts a field into received bytes, so that what this version does not
// know is kept.
func setField(raw []byte, num uint64, value []byte) ([]byte, error) {
	v, err := can.Parse(raw)
	if err != nil {
		return nil, err
	}
	field, err := can.Parse(value)
	if err != nil {
		return nil, err
	}
	kept := v.Pairs[:0]
	for _, p := range v.Pairs {
		if p.Key.Tag != can.TagUint || p.Key.Uint != num {
			kept = append(kept, p)
		}
	}
	v.Pairs = append(kept, can.Pair{Key: can.Value{Tag: can.TagUint, Uint: num}, Value: field})
	return v.Append(nil)
}

// openAgreement checks an agreement but for the accepter's signature.
func openAgreement(raw []byte, cb *Codebook, now object.Time) (*CodebookAgreement, error) {
	a, id, err := object.Open[CodebookAgreement](raw, AgreementRule)
	if err != nil {
		return nil, fmt.Errorf("%w: agreement: %w", ErrCodebook, err)
	}
	if err := sign.VerifyID(a.Proposer, id, a.ProposerSig); err != nil {
		return nil, fmt.Errorf("%w: agreement: %w", ErrCodebook, err)
	}
	if now >= a.ExpiresAt {
		return nil, fmt.Errorf("%w: the agreement expired at %s", ErrCodebook, a.ExpiresAt)
	}
	if err := can.Check(cb); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCodebook, err)
	}
	cbID, err := cb.ID()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCodebook, err)
	}
	if cbID != a.CodebookID {
		return nil, fmt.Errorf("%w: the agreement is about codebook %s, not %s", ErrCodebook, a.CodebookID.Short(), cbID.Short())
	}
	return a, nil
}

// Registry holds the codebooks that this agent knows: the baseline and those it
// agreed on with a peer. It is safe for concurrent use.
type Registry struct {
	self     object.AgentID
	baseline *Codebook

	mu     sync.RWMutex
	agreed map[object.Hash]*agreed
}

// agreed is a codebook with the peers that it is good for, and until when.
type agreed struct {
	cb    *Codebook
	peers map[object.AgentID]object.Time
}

// NewRegistry knows only the baseline. self is the agent whose agreements count.
func NewRegistry(self object.AgentID) *Registry {
	return &Registry{self: self.Bare(), baseline: Baseline(), agreed: make(map[object.Hash]*agreed)}
}

// Add takes a codebook that an agreement of this agent names, signed by both
// sides. Errors wrap [ErrCodebook].
func (r *Registry) Add(cb *Codebook, agreement []byte, now object.Time) error {
	a, err := openAgreement(agreement, cb, now)
	if err != nil {
		return err
	}
	if a.AccepterSig == nil {
		return fmt.Errorf("%w: %s has not accepted it", ErrCodebook, a.Accepter)
	}
	if err := sign.VerifyID(a.Accepter, a.AgreementID, *a.AccepterSig); err != nil {
		return fmt.Errorf("%w: agreement: %w", ErrCodebook, err)
	}
	peer := a.Accepter
	switch {
	case a.Proposer.Same(r.self) && a.Accepter.Same(r.self):
		return fmt.Errorf("%w: an agreement with oneself", ErrCodebook)
	case a.Accepter.Same(r.self):
		peer = a.Proposer
	case !a.Proposer.Same(r.self):
		return fmt.Errorf("%w: an agreement of other agents", ErrCodebook)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.agreed[a.CodebookID] == nil {
		r.agreed[a.CodebookID] = &agreed{cb, make(map[object.AgentID]object.Time)}
	}
	peers := r.agreed[a.CodebookID].peers
	peers[peer.Bare()] = max(peers[peer.Bare()], a.ExpiresAt)
	return nil
}

// errUnknown is why a codebook is not found.
var errUnknown = errors.New("it is not known")

// Find gives the codebook with the id, when it is the baseline or agreed on with
// anyone. Errors wrap [ErrCodebook]. See also [Registry.Good].
func (r *Registry) Find(id object.Hash) (*Codebook, error) {
	if id == BaselineID {
		return r.baseline, nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if a := r.agreed[id]; a != nil {
		return a.cb, nil
	}
	return nil, fmt.Errorf("%w: %s: %w", ErrCodebook, id.Short(), errUnknown)
}

// Good reports whether packets that peer signed may use the codebook at the time.
func (r *Registry) Good(id object.Hash, peer object.AgentID, now object.Time) bool {
	if id == BaselineID {
		return true
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	a := r.agreed[id]
	return a != nil && now < a.peers[peer.Bare()]
}
