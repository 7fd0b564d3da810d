package ledger

import (
	"fmt"

	"github.com/mythos-project/mythos/object"
)

// Kinds of log entries: the first byte of a leaf.
const (
	EntryReceipt byte = iota + 1
	EntryRegister
	EntryCommit
	EntryDivergence
	EntryResolution
)

var entryNames = [...]string{EntryReceipt: "receipt", EntryRegister: "register", EntryCommit: "commit",
	EntryDivergence: "divergence", EntryResolution: "resolution"}

// Entry is one entry of the log: exactly one of the pointers is set.
type Entry struct {
	Seq        uint64 // its place in the log, from 0
	Kind       byte
	Raw        []byte // canonical bytes as written
	Receipt    *Receipt
	Register   *EffectRegister
	Commit     *EffectCommit
	Mark       *DivergenceMark
	Resolution *Resolution
	Unverified bool // its signer is unknown here, or (of a resolution) is not an operator
}

// KindName is the word for the entry's kind.
func (e Entry) KindName() string { return entryNames[e.Kind] }

// Leaf is an entry as the log stores it.
func Leaf(kind byte, raw []byte) []byte { return append([]byte{kind}, raw...) }

// ParseEntry decodes the canonical bytes of an entry and checks its fields. It does
// not check ids or signatures; see [Entry.Verify].
func ParseEntry(kind byte, raw []byte) (Entry, error) { return ParseLeaf(0, Leaf(kind, raw)) }

// ParseLeaf is ParseEntry for the leaf at seq of a log.
func ParseLeaf(seq uint64, data []byte) (e Entry, err error) {
	if len(data) == 0 {
		return e, fmt.Errorf("entry %d: %w: empty", seq, ErrEntry)
	}
	e = Entry{Seq: seq, Kind: data[0], Raw: data[1:]}
	switch e.Kind {
	case EntryReceipt:
		e.Receipt, err = object.Decode[Receipt](e.Raw)
	case EntryRegister:
		e.Register, err = object.Decode[EffectRegister](e.Raw)
	case EntryCommit:
		e.Commit, err = object.Decode[EffectCommit](e.Raw)
	case EntryDivergence:
		e.Mark, err = object.Decode[DivergenceMark](e.Raw)
	case EntryResolution:
		e.Resolution, err = object.Decode[Resolution](e.Raw)
	default:
		err = fmt.Errorf("kind %d is not known", e.Kind)
	}
	if err != nil {
		return e, fmt.Errorf("entry %d: %w: %w", seq, ErrEntry, err)
	}
	return e, nil
}

// Tool is the tool that the entry is about; a resolution names none.
func (e Entry) Tool() object.Hash {
	switch {
	case e.Receipt != nil:
		return e.Receipt.ToolID
	case e.Register != nil:
		return e.Register.ToolID
	case e.Commit != nil:
		return e.Commit.ToolID
	case e.Mark != nil:
		return e.Mark.ToolID
	}
	return object.Hash{}
}

// IdemID is the effect that the entry belongs to; a receipt of an effect without
// a key belongs to none.
func (e Entry) IdemID() (object.Hash, bool) {
	switch {
	case e.Receipt != nil:
		return IdemID(e.Receipt.ToolID, e.Receipt.IdempotencyKey), len(e.Receipt.IdempotencyKey) > 0
	case e.Register != nil:
		return e.Register.IdemID, true
	case e.Commit != nil:
		return e.Commit.IdemID, true
	case e.Mark != nil:
		return e.Mark.IdemID, true
	}
	return e.Resolution.IdemID, true
}

// Time is when the entry was observed.
func (e Entry) Time() object.Time {
	switch {
	case e.Receipt != nil:
		return e.Receipt.TimeObserved
	case e.Register != nil:
		return e.Register.TimeObserved
	case e.Commit != nil:
		return e.Commit.TimeObserved
	case e.Mark != nil:
		return e.Mark.TimeObserved
	}
	return e.Resolution.TimeObserved
}

// Verify checks the entry's signature. Commits and marks name no signer. Their signer is the known agent with the key
// id that they carry or, without a key id, the first agent whose key verifies (the register's owner, then the receipt's
// signer). The error wraps sign.ErrSignature or ErrUnverifiable.
func (e Entry) Verify(known ...object.AgentID) error {
	return e.VerifyWith(NewKeyring(), known)
}

// VerifyWith is Verify. It is cheaper with a Keyring that has seen the agents before.
func (e Entry) VerifyWith(keys *Keyring, known []object.AgentID) error {
	rule, sig, signer := e.Signature()
	id, err := rule.CheckID(e.Raw)
	if err != nil {
		return fmt.Errorf("entry %d, %s: %w", e.Seq, e.KindName(), err)
	}
	if signer != nil {
		err = keys.Verify(*signer, id, sig)
	} else {
		err = verifyUnnamed(keys, id, sig, known)
	}
	if err != nil {
		return fmt.Errorf("entry %d, %s: %w", e.Seq, e.KindName(), err)
	}
	return nil
}

// Signature returns the entry's signature, its rule, and its signer if the entry names one.
func (e Entry) Signature() (object.Rule, object.Signature, *object.AgentID) {
	switch {
	case e.Receipt != nil:
		return ReceiptRule, e.Receipt.Signature, &e.Receipt.Signer
	case e.Register != nil:
		return RegisterRule, e.Register.Signature, &e.Register.Owner
	case e.Commit != nil:
		return CommitRule, e.Commit.Signature, nil
	case e.Mark != nil:
		return DivergenceRule, e.Mark.Signature, nil
	}
	return ResolutionRule, e.Resolution.Signature, &e.Resolution.Signer
}

func verifyUnnamed(keys *Keyring, id object.Hash, sig object.Signature, known []object.AgentID) error {
	for _, agent := range known {
		if sig.KeyID != nil && keys.ID(agent) != *sig.KeyID {
			continue
		}
		err := keys.Verify(agent, id, sig)
		if err == nil || sig.KeyID != nil {
			return err
		}
	}
	return ErrUnverifiable
}

// Signers returns the agents that an entry names in full.
func (e Entry) Signers() []object.AgentID {
	switch {
	case e.Register != nil:
		return []object.AgentID{e.Register.Owner}
	case e.Receipt != nil:
		return []object.AgentID{e.Receipt.Signer}
	case e.Resolution != nil:
		return []object.AgentID{e.Resolution.Signer}
	}
	return nil
}
