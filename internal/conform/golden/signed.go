package golden

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/conform/golden/input"
	"github.com/mythos-project/mythos/internal/evidence"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/epoch"
	"github.com/mythos-project/mythos/ledger/intoto"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// signatureIn is a signature over an id, and its claimed signer.
type signatureIn struct {
	Signer    string          `json:"signer_key"`
	ID        object.Hash     `json:"id"`
	Signature json.RawMessage `json:"signature"` // the JSON view of a Signature
}

func signatureOf(in json.RawMessage) (any, error) {
	var v signatureIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	agent, err := object.ParseKey(v.Signer)
	if err != nil {
		return nil, err
	}
	raw, err := input.View("Signature", v.Signature)
	if err != nil {
		return nil, err
	}
	sig, err := object.Decode[object.Signature](raw)
	if err != nil {
		return refused(err)
	}
	if err := sign.VerifyID(agent, v.ID, *sig); err != nil {
		return refused(err)
	}
	return map[string]bool{"valid": true}, nil
}

// evidenceOf opens a bundle of evidence, the in-toto form of one, or a file of many.
func evidenceOf(in json.RawMessage) (any, error) {
	var v struct {
		File     *string    `json:"file,omitempty"` // of many receipts, one per line
		Bytes    *input.Hex `json:"bytes,omitempty"`
		InToto   string     `json:"in_toto,omitempty"` // a DSSE envelope
		Envelope string     `json:"envelope_key,omitempty"`
	}
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	if v.File != nil {
		return linesShown(*v.File)
	}
	if v.Bytes == nil {
		agent, err := object.ParseKey(v.Envelope)
		if err != nil {
			return nil, err
		}
		s, _, err := intoto.Open([]byte(v.InToto), agent)
		if err != nil {
			return evidenceRefused(err)
		}
		return shown(s.Predicate.Evidence)
	}
	return shown(*v.Bytes)
}

// evidenceOut is the content of an intact bundle.
type evidenceOut struct {
	Receipt object.Hash `json:"receipt_id"`
	Signer  string      `json:"signer_key"`
	Log     string      `json:"log_key"`
	Size    uint64      `json:"log_size"`
	Status  string      `json:"status"` // of the effect: committed, divergent, ...; "none" without a key
	Refused bool        `json:"refusal"`
}

// linesShown is the content of each line of a file, or why it is refused.
func linesShown(text string) (any, error) {
	list := []any{}
	err := evidence.EachLine(bufio.NewReader(strings.NewReader(text)), func(_ int, line []byte, wrong error) error {
		l, err := evidence.ParseLine(line)
		if err = cmp.Or(wrong, err); err != nil {
			list = append(list, refusal{Refused: "line"})
			return nil
		}
		out, err := show(l.Open())
		list = append(list, out)
		return err
	})
	return map[string]any{"lines": list}, err
}

func shown(raw []byte) (any, error) { return show(evidence.Open(raw)) }

func show(ev *ledger.Evidence, err error) (any, error) {
	if err != nil {
		return evidenceRefused(err)
	}
	return evidenceOut{ev.ReceiptID, ev.Receipt.Signer.KeyHex(), ev.Log.Signer.KeyHex(), ev.Log.Size,
		ev.State.At(ev.Receipt.TimeObserved).String(), ev.Refused}, nil
}

// evidenceRefused names why a bundle is not intact. A history that the state machine does not allow gets its own name,
// not the state machine's error.
func evidenceRefused(err error) (any, error) {
	var coded *can.Error
	switch {
	case errors.As(err, &coded):
	case errors.Is(err, ledger.ErrEntry):
		return refusal{Refused: "entry"}, nil
	case errors.Is(err, evidence.ErrChain):
		return refusal{Refused: "chain"}, nil
	}
	return refused(err)
}

// logIn is a checkpoint of a log, and a claim to prove. At most one of Inclusion, Older, Witness and Epoch is set.
type logIn struct {
	Log        string       `json:"log_key"`
	Checkpoint string       `json:"checkpoint"`
	Inclusion  *inclusionIn `json:"inclusion,omitempty"`
	Older      *olderIn     `json:"older,omitempty"`
	Witness    string       `json:"witness_key,omitempty"` // the required cosigner
	Epoch      *epochIn     `json:"epoch,omitempty"`
}

// epochIn is the receipt with which an epoch of the log begins, the checkpoints that it names, and a proof that the log begins with
// the good one. Kept is a checkpoint that somebody remembers.
type epochIn struct {
	Receipt inclusionIn   `json:"receipt"`
	Lost    string        `json:"lost"`
	Good    string        `json:"good"`
	Proof   []object.Hash `json:"proof"`
	Kept    string        `json:"kept,omitempty"`
}

type inclusionIn struct {
	Seq   uint64        `json:"seq"`
	Kind  uint8         `json:"kind"`
	Raw   input.Hex     `json:"raw"`
	Proof []object.Hash `json:"proof"`
}

type olderIn struct {
	Checkpoint string        `json:"checkpoint"`
	Proof      []object.Hash `json:"proof"`
}

func logOf(in json.RawMessage) (any, error) {
	var v logIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	log, err := object.ParseKey(v.Log)
	if err != nil {
		return nil, err
	}
	c, err := mlog.OpenCheckpoint([]byte(v.Checkpoint), log)
	if err != nil {
		return refused(err)
	}
	if v.Epoch != nil {
		return v.Epoch.open(c, log)
	}
	if err := v.show(c, log); err != nil {
		return refused(err)
	}
	return map[string]any{"size": c.Size, "root": object.HashOf(c.Root)}, nil
}

// open checks an epoch of the log, and says which one a kept checkpoint is of.
func (v *epochIn) open(c mlog.Checkpoint, log object.AgentID) (any, error) {
	err := mlog.CheckInclusion(c, v.Receipt.Seq, ledger.Leaf(v.Receipt.Kind, v.Receipt.Raw), v.Receipt.Proof)
	if err != nil {
		return refused(err)
	}
	entry, err := ledger.ParseLeaf(v.Receipt.Seq, ledger.Leaf(v.Receipt.Kind, v.Receipt.Raw))
	if err != nil {
		return nil, err
	}
	if !epoch.Begins(entry.Receipt, exec.BuiltinID(epoch.Effect)) {
		return map[string]any{"begins": false}, nil
	}
	e, err := epoch.Open(entry, []byte(v.Lost), []byte(v.Good))
	if err == nil {
		err = mlog.CheckConsistency(e.Good, c, v.Proof)
	}
	if err != nil {
		return refused(err)
	}
	out := map[string]any{"begins": true, "good": e.Good.Size, "lost": e.Lost.Size}
	if v.Kept != "" {
		kept, err := mlog.OpenCheckpoint([]byte(v.Kept), log)
		if err != nil {
			return refused(err)
		}
		out["earlier"] = e.Explains(kept)
	}
	return out, nil
}

func (v logIn) show(c mlog.Checkpoint, log object.AgentID) error {
	switch {
	case v.Inclusion != nil:
		return mlog.CheckInclusion(c, v.Inclusion.Seq, ledger.Leaf(v.Inclusion.Kind, v.Inclusion.Raw), v.Inclusion.Proof)
	case v.Older != nil:
		older, err := mlog.OpenCheckpoint([]byte(v.Older.Checkpoint), log)
		if err != nil {
			return err
		}
		return mlog.CheckConsistency(older, c, v.Older.Proof)
	case v.Witness != "":
		witness, err := object.ParseKey(v.Witness)
		if err != nil {
			return err
		}
		found, err := mlog.Witnesses([]byte(v.Checkpoint), log, witness)
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("%w: the witness has not cosigned it", mlog.ErrCheckpoint)
		}
		return err
	}
	return nil
}
