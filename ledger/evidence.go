package ledger

import (
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// EvidenceBundle holds everything needed to check one receipt on a machine that has never seen the repository
// (spec/evidence.md#evidence-bundles). It is our own format. It shows the state of the log at its checkpoint. Only the
// log itself can show that nothing was appended to the effect later, or that the entries' tail is complete.
type EvidenceBundle struct {
	Receipt    []byte           `can:"1,receipt"`    // canonical Receipt
	Entries    []EvidenceEntry  `can:"2,entries"`    // the effect's history, ascending; for an effect without a key, the receipt
	Caps       [][]byte         `can:"3,caps"`       // the capability chain, leaf first; opaque here
	Checkpoint string           `can:"4,checkpoint"` // signed note
	Log        object.AgentID   `can:"5,log"`        // who signed the checkpoint
	Agents     []object.AgentID `can:"6,agents"`     // the keys behind commits, marks and cosignatures whose signers no other entry names
	Signature  object.Signature `can:"7,signature"`  // by log, over the bundle's id

	// the agents besides log whose resolutions count in this log
	Operators []object.AgentID `can:"8,operators,optional"`
	// if the capability asks for approval: the canonical ApprovalRequest and Approvals; opaque here
	Agreed [][]byte `can:"9,agreed,optional"`
}

// EvidenceRule says how bundles are identified and signed.
var EvidenceRule = object.Rule{Mask: can.Mask{7: nil}, Signer: 5, Sig: 7}

// EvidenceEntry is one entry of the log with its inclusion proof.
type EvidenceEntry struct {
	Seq       uint64        `can:"1,seq"`       // its place in the log
	Kind      uint8         `can:"2,kind"`      // 1 receipt, 2 register, 3 commit, 4 divergence, 5 resolution
	Raw       []byte        `can:"3,raw"`       // canonical bytes
	Inclusion []object.Hash `can:"4,inclusion"` // RFC 6962 §2.1.1, in the checkpoint's log
}

// named reports whether an agent is in a list.
func named(agent object.AgentID, list ...object.AgentID) bool {
	return slices.ContainsFunc(list, agent.Same)
}

// Evidence holds two separate verdicts on a bundle: what its intact bytes show, and whether the signers are trusted.
type Evidence struct {
	Raw           []byte // the canonical receipt
	Receipt       *Receipt
	ReceiptID     object.Hash
	State         State // of the effect; zero for an effect without a key
	Log           mlog.Checkpoint
	Note          []byte // that checkpoint as signed, with its cosignatures; see [Witnesses]
	Caps          [][]byte
	Agreed        [][]byte
	Refused       bool // the effect was refused: nothing was registered or committed
	SignerTrusted bool // the receipt's signer
	LogTrusted    bool // who signed the checkpoint
}

// Trusted is the second verdict: both the receipt's signer and the log are trusted.
func (e *Evidence) Trusted() bool { return e.SignerTrusted && e.LogTrusted }

// VerifyEvidence checks a bundle without any other source: the receipt, each entry's signature and place in the signed
// log, the history by the state machine, and that a receipt with a key has a commit. Anything in the bundle that
// nothing in it verifies is an error. The error is the first verdict: the bytes are not intact. The second verdict, in
// Evidence, is whether the signers are trusted; every trusted function given must agree, and a nil function trusts
// nobody. Without any function the caller judges Receipt.Signer alone, so that agent itself must have signed the log.
func VerifyEvidence(raw []byte, trusted ...func(object.AgentID) bool) (*Evidence, error) {
	ev, log, err := ParseEvidence(raw)
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	if len(trusted) == 0 {
		if !log.Same(ev.Receipt.Signer) {
			return nil, fmt.Errorf("evidence: %w: %s signed the log, %s the receipt", mlog.ErrCheckpoint, log, ev.Receipt.Signer)
		}
		return ev, nil
	}
	ev.SignerTrusted, ev.LogTrusted = true, true
	for _, trusts := range trusted {
		ev.SignerTrusted = ev.SignerTrusted && trusts != nil && trusts(ev.Receipt.Signer)
		ev.LogTrusted = ev.LogTrusted && trusts != nil && trusts(log)
	}
	return ev, nil
}

// ParseEvidence returns the first verdict and the signer of the log.
func ParseEvidence(raw []byte) (*Evidence, object.AgentID, error) {
	b, bundleID, err := object.Open[EvidenceBundle](raw, EvidenceRule)
	if err != nil {
		return nil, object.AgentID{}, err
	}
	if err := sign.VerifyID(b.Log, bundleID, b.Signature); err != nil {
		return nil, b.Log, err
	}
	r, id, err := OpenReceipt(b.Receipt)
	if err != nil {
		return nil, b.Log, err
	}
	ev := &Evidence{Raw: b.Receipt, Receipt: r, ReceiptID: id, Caps: b.Caps, Agreed: b.Agreed, Note: []byte(b.Checkpoint)}
	known := append([]object.AgentID{b.Log}, b.Agents...)
	if ev.Log, err = mlog.OpenSealed([]byte(b.Checkpoint), b.Log, known); err != nil {
		return nil, b.Log, err
	}
	history, err := ev.entries(b, known)
	if err != nil {
		return nil, b.Log, err
	}
	return ev, b.Log, ev.history(history)
}

// entries verifies the bundle's entries; one of them must be its receipt.
func (ev *Evidence) entries(b *EvidenceBundle, known []object.AgentID) ([]Entry, error) {
	keys := NewKeyring()
	history := make([]Entry, 0, len(b.Entries))
	found := false
	for _, x := range b.Entries {
		e, err := ParseLeaf(x.Seq, Leaf(x.Kind, x.Raw))
		if err != nil {
			return nil, err
		}
		if err := mlog.CheckInclusion(ev.Log, x.Seq, Leaf(x.Kind, x.Raw), x.Inclusion); err != nil {
			return nil, err
		}
		known = append(known, e.Signers()...)
		if err := e.VerifyWith(keys, known); err != nil {
			return nil, err
		}
		if e.Resolution != nil && !e.Resolution.ByOwner() { // a stranger's resolution stays in the history and decides nothing
			e.Unverified = !named(e.Resolution.Signer, b.Log) && !named(e.Resolution.Signer, b.Operators...)
		}
		found = found || (e.Receipt != nil && string(x.Raw) == string(b.Receipt))
		history = append(history, e)
	}
	if !found {
		return nil, fmt.Errorf("%w: receipt %s is not among the entries", ErrEntry, ev.ReceiptID.Short())
	}
	return history, nil
}

// history judges the entries. The entries of a receipt with a key are the history of its effect, with the commit or the
// owner's withdrawal that names the receipt. A receipt without a key, or of a refused attempt, stands alone.
func (ev *Evidence) history(entries []Entry) error {
	ev.Refused = ev.Receipt.Refusal()
	keyed := len(ev.Receipt.IdempotencyKey) > 0
	if alone := len(entries) == 1; !keyed || ev.Refused && alone {
		if !alone {
			return fmt.Errorf("%w: receipt %s has no key, and the evidence %d entries", ErrEntry, ev.ReceiptID.Short(), len(entries))
		}
		return nil
	}
	idem := IdemID(ev.Receipt.ToolID, ev.Receipt.IdempotencyKey)
	if err := Audit(idem, entries); err != nil {
		return err
	}
	ev.State = Fold(idem, entries)
	withdrawn := ev.Receipt.Status >= 400 && ev.State.Withdrawn(ev.ReceiptID) // a success cannot be withdrawn
	if !ev.State.Recorded(ev.ReceiptID) && !withdrawn {
		return fmt.Errorf("%w: no commit and no withdrawal among the entries names receipt %s, which has a key", ErrEntry, ev.ReceiptID.Short())
	}
	ev.Refused = false
	return nil
}
