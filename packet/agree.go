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

// CodebookOffer is the form in which a codebook travels: with the proposal or the agreement about it.
type CodebookOffer struct {
	Agreement []byte `can:"1,agreement"` // canonical CodebookAgreement, as it was signed
	Codebook  []byte `can:"2,codebook"`  // canonical Codebook
}

// Accepted reports whether the agreement has the accepter's signature. [OpenAgreement] verifies it.
func (a *CodebookAgreement) Accepted() bool { return a.AccepterSig != nil }

// Other returns the other side of self's agreement. Errors wrap [ErrCodebook].
func (a *CodebookAgreement) Other(self object.AgentID) (object.AgentID, error) {
	switch mine, theirs := a.Proposer.Same(self), a.Accepter.Same(self); {
	case mine && theirs:
		return object.AgentID{}, fmt.Errorf("%w: an agreement with oneself", ErrCodebook)
	case theirs:
		return a.Proposer.Bare(), nil
	case mine:
		return a.Accepter.Bare(), nil
	}
	return object.AgentID{}, fmt.Errorf("%w: an agreement of other agents", ErrCodebook)
}

// AgreementRule leaves the id and both signatures out of the id.
var AgreementRule = object.Rule{Mask: can.Mask{1: nil, 6: nil, 7: nil}, IDField: 1, Signer: 3, Sig: 6, Cosigner: 4, Cosig: 7}

// Structs describes the structs of this package.
var Structs = []object.Struct{
	object.Define[SigBlockEntry]("SigBlockEntry", object.Rule{}),
	object.Define[Encrypted]("EncryptedPayload", object.Rule{}),
	object.Define[CodebookEntry]("CodebookEntry", object.Rule{}),
	object.Define[Codebook]("Codebook", object.Rule{}),
	object.Define[CodebookAgreement]("CodebookAgreement", AgreementRule),
	object.Define[CodebookOffer]("CodebookOffer", object.Rule{}),
	object.Define[CodebookTraining]("CodebookTraining", object.Rule{}),
	object.Define[TrainedCodebook]("TrainedCodebook", object.Rule{}),
	object.Define[Frame]("Frame", object.Rule{}),
}

// Propose makes a proposal of a codebook to a peer, valid until expires.
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

// Accept verifies and signs a proposal that was made to the signer. cb is the codebook that the proposal names.
func Accept(s sign.Signer, proposal []byte, cb *Codebook, now object.Time) ([]byte, error) {
	a, err := OpenAgreement(proposal, cb, now)
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

// setField sets a field in received bytes, so that unknown fields survive.
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

// OpenAgreement reads a proposal, or an agreement that both sides signed, about the codebook. It checks every signature
// and that the agreement has not expired. Errors wrap [ErrCodebook].
func OpenAgreement(raw []byte, cb *Codebook, now object.Time) (*CodebookAgreement, error) {
	a, err := openAgreement(raw, cb, now)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCodebook, err)
	}
	return a, nil
}

func openAgreement(raw []byte, cb *Codebook, now object.Time) (*CodebookAgreement, error) {
	a, err := signedAgreement(raw, now)
	if err != nil {
		return nil, err
	}
	if err := can.Check(cb); err != nil {
		return nil, err
	}
	cbID, err := cb.ID()
	if err != nil {
		return nil, err
	}
	if cbID != a.CodebookID {
		return nil, fmt.Errorf("the agreement is about codebook %s, not %s", a.CodebookID.Short(), cbID.Short())
	}
	return a, nil
}

// signedAgreement checks the signatures of an agreement and its expiry.
func signedAgreement(raw []byte, now object.Time) (*CodebookAgreement, error) {
	a, _, err := object.Open[CodebookAgreement](raw, AgreementRule)
	if err != nil {
		return nil, fmt.Errorf("agreement: %w", err)
	}
	if err := sign.VerifyOwn(AgreementRule, raw); err != nil {
		return nil, fmt.Errorf("agreement: %w", err)
	}
	if now >= a.ExpiresAt {
		return nil, fmt.Errorf("the agreement expired at %s", a.ExpiresAt)
	}
	return a, nil
}

// OfferedBy reads the agreement of an offer from anyone, and checks its signatures and that it has not expired. It does
// not look at the codebook: a caller who trusts neither side need not open it. Errors wrap [ErrCodebook].
func OfferedBy(raw []byte, now object.Time) (*CodebookAgreement, error) {
	o, err := decodeOffer(raw)
	if err != nil {
		return nil, err
	}
	a, err := signedAgreement(o.Agreement, now)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCodebook, err)
	}
	return a, nil
}

func decodeOffer(raw []byte) (*CodebookOffer, error) {
	if len(raw) > MaxOffer {
		return nil, fmt.Errorf("%w: an offer of %d bytes, at most %d are read", ErrCodebook, len(raw), MaxOffer)
	}
	o, err := object.Decode[CodebookOffer](raw)
	if err != nil {
		return nil, fmt.Errorf("%w: offer: %w", ErrCodebook, err)
	}
	return o, nil
}

// OpenOffer reads an offer from anyone. It checks the codebook, and the agreement as [OpenAgreement] does. Errors wrap
// [ErrCodebook].
func OpenOffer(raw []byte, now object.Time) (*CodebookOffer, *CodebookAgreement, *Codebook, error) {
	o, err := decodeOffer(raw)
	if err != nil {
		return nil, nil, nil, err
	}
	cb, err := OpenCodebook(o.Codebook)
	if err != nil {
		return nil, nil, nil, err
	}
	a, err := OpenAgreement(o.Agreement, cb, now)
	if err != nil {
		return nil, nil, nil, err
	}
	return o, a, cb, nil
}

// Registry holds the codebooks that this agent knows: the baseline and those that it agreed on with peers. It is safe
// for concurrent use.
type Registry struct {
	self     object.AgentID
	baseline *Codebook

	mu     sync.RWMutex
	agreed map[object.Hash]*agreed
}

// agreed is a codebook with the peers for which it is valid, and until when.
type agreed struct {
	cb    *Codebook
	peers map[object.AgentID]object.Time
}

// NewRegistry returns a registry with only the baseline. self is the agent whose agreements count.
func NewRegistry(self object.AgentID) *Registry {
	return &Registry{self: self.Bare(), baseline: Baseline(), agreed: make(map[object.Hash]*agreed)}
}

// Add adds a codebook. agreement names it, is one of this agent's, and has both signatures. Errors wrap [ErrCodebook].
func (r *Registry) Add(cb *Codebook, agreement []byte, now object.Time) error {
	a, err := OpenAgreement(agreement, cb, now)
	if err != nil {
		return err
	}
	if !a.Accepted() {
		return fmt.Errorf("%w: %s has not accepted it", ErrCodebook, a.Accepter)
	}
	peer, err := a.Other(r.self)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.agreed[a.CodebookID] == nil {
		kept := *cb
		kept.coders = &coders{id: a.CodebookID}
		r.agreed[a.CodebookID] = &agreed{&kept, make(map[object.AgentID]object.Time)}
	}
	peers := r.agreed[a.CodebookID].peers
	peers[peer] = max(peers[peer], a.ExpiresAt)
	return nil
}

// errUnknown is why a codebook cannot be found.
var errUnknown = errors.New("it is not known")

// Find returns the codebook with the id: the baseline, or one agreed on with anyone. Errors wrap [ErrCodebook]. See
// also [Registry.Good].
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
