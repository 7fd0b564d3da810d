package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/intoto"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
)

// Verdict is the result of verifying a receipt: two separate verdicts.
type Verdict struct {
	OK      bool         `json:"ok"`
	Intact  bool         `json:"intact"`            // the bytes are those that were signed
	Trusted bool         `json:"trusted"`           // the verifier trusts all signers
	Line    int          `json:"line,omitempty"`    // of a file of many, from 1
	Receipt *object.Hash `json:"receipt,omitempty"` // absent: not even that is known
	Status  uint16       `json:"status,omitempty"`
	Signers []Signer     `json:"signers"`
	LogSize *uint64      `json:"log_size,omitempty"` // entries that the checkpoint covers
	Error   string       `json:"error,omitempty"`    // why it is not intact
}

// Signer is one who signed a part of it.
type Signer struct {
	What    string `json:"what"` // signer (of the receipt), log, envelope or approval/ROLE
	Key     string `json:"key"`  // public key, hex
	Trusted bool   `json:"trusted"`
	Under   string `json:"under,omitempty"` // why the signer is not trusted for what is signed now, though for this

	Agent object.AgentID `json:"-"`
	Role  string         `json:"-"` // of an approval
}

// Finding is an intact receipt, and who must be trusted for it.
type Finding struct {
	Raw     []byte // the canonical receipt
	Receipt *ledger.Receipt
	ID      object.Hash
	Signers []Signer
	Log     *mlog.Checkpoint // of the evidence; nil: the receipt stands alone
	Note    []byte           // that checkpoint, signed
}

// Find opens a receipt, evidence of one, or an in-toto envelope whose signer is among known or signed its contents.
// Errors are those of [Open], of [ledger.OpenReceipt] and of [intoto.Open].
func Find(data []byte, known ...object.AgentID) (*Finding, error) {
	if r, id, err := ledger.OpenReceipt(data); err == nil {
		return &Finding{Raw: data, Receipt: r, ID: id, Signers: []Signer{signerOf("signer", r.Signer)}}, nil
	}
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return found(open(data))
	}
	return findEnvelope(data, known)
}

// FindLine is Find for a line of a file of many. id is the one that the line names, if any.
func FindLine(line []byte, known ...object.AgentID) (v *Finding, id *object.Hash, err error) {
	l, lerr := ParseLine(line)
	if lerr == nil {
		v, err = found(l.open())
		return v, &l.ReceiptID, err
	}
	if v, err = findEnvelope(line, known); err != nil {
		return nil, nil, lineError(line, lerr, err)
	}
	return v, &v.ID, nil
}

// lineError says why a line is neither evidence nor an envelope, depending on which it resembles.
func lineError(line []byte, asEvidence, asEnvelope error) error {
	if bytes.Contains(line[:min(len(line), 256)], []byte(`"payload`)) {
		return asEnvelope
	}
	return asEvidence
}

// findEnvelope opens an in-toto statement in its envelope, with the evidence inside it.
func findEnvelope(data []byte, known []object.AgentID) (*Finding, error) {
	var envelope intoto.Envelope
	var s intoto.Statement
	if err := json.Unmarshal(data, &envelope); err != nil {
		return nil, fmt.Errorf("%w: %w", intoto.ErrEnvelope, err)
	}
	if err := json.Unmarshal(envelope.Payload, &s); err != nil {
		return nil, fmt.Errorf("%w: %w", intoto.ErrEnvelope, err)
	}
	v, err := found(open(s.Predicate.Evidence))
	if err != nil {
		return nil, err
	}
	_, by, err := intoto.Open(data, append([]object.AgentID{v.Log.Signer, v.Receipt.Signer}, known...)...)
	v.Signers = append(v.Signers, signerOf("envelope", by))
	return v, err
}

// found is the finding of intact evidence; trust is judged later.
func found(ev *ledger.Evidence, agreed []Signer, err error) (*Finding, error) {
	if err != nil {
		return nil, err
	}
	return &Finding{Raw: ev.Raw, Receipt: ev.Receipt, ID: ev.ReceiptID, Log: &ev.Log, Note: ev.Note,
		Signers: append([]Signer{signerOf("signer", ev.Receipt.Signer), signerOf("log", ev.Log.Signer)}, agreed...)}, nil
}

func signerOf(what string, agent object.AgentID) Signer {
	return Signer{What: what, Key: agent.KeyHex(), Agent: agent}
}

// Under sets the checkpoint that a receipt is proven under.
func (v *Finding) Under(c mlog.Checkpoint, note []byte) {
	v.Log, v.Note = &c, note
	if !slices.ContainsFunc(v.Signers, func(s Signer) bool { return s.What == "log" && s.Agent.Same(c.Signer) }) {
		v.Signers = append(v.Signers, signerOf("log", c.Signer))
	}
}

// Judge returns the two verdicts. counts says whether a signer is trusted and, if it is not trusted for what is signed
// now, under what.
func (v *Finding) Judge(counts func(Signer) (trusted bool, under string, err error)) (Verdict, error) {
	out := Verdict{Intact: true, Receipt: &v.ID, Status: v.Receipt.Status, Signers: v.Signers}
	if v.Log != nil {
		out.LogSize = &v.Log.Size
	}
	for i := range v.Signers {
		s := &v.Signers[i]
		var err error
		if s.Trusted, s.Under, err = counts(*s); err != nil {
			return out, err
		}
	}
	out.Trusted = !slices.ContainsFunc(v.Signers, func(s Signer) bool { return !s.Trusted })
	out.OK = out.Trusted
	return out, nil
}

// Broken is the verdict on something that is not intact; the receipt's id is nil if it is not known.
func Broken(id *object.Hash, err error) Verdict {
	return Verdict{Receipt: id, Signers: []Signer{}, Error: err.Error()}
}
