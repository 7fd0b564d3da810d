package judge

import (
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

// Effect is a receipt and the response that it is about, as they are kept.
type Effect struct {
	Receipt  []byte // canonical
	Response []byte
}

// BlobState is a blob that was looked for, and read to its last byte.
type BlobState struct {
	Role    string // "weights", "config"
	CID     object.Hash
	Problem string // empty: it is here, and every chunk has its hash
}

// ModelState is a model that was looked for.
type ModelState struct {
	ID    object.Hash
	Raw   []byte // canonical ModelRef; nil: it is not here
	Blobs []BlobState
}

// Problem says why the model cannot be put into service, or "".
func (m *ModelState) Problem() string {
	if m.Raw == nil {
		return "the model " + m.ID.Short() + " is not here"
	}
	ref, id, err := object.Open[model.ModelRef](m.Raw, model.ModelRule)
	if err != nil || id != m.ID {
		return "the model's object does not verify: " + errText(err, object.ErrID)
	}
	missing := map[string]object.Hash{"weights": ref.Weights.CID, "config": ref.Config.CID}
	for _, b := range m.Blobs {
		if cid, ok := missing[b.Role]; !ok || cid != b.CID {
			continue
		}
		if b.Problem != "" {
			return b.Role + " " + b.CID.Short() + ": " + b.Problem
		}
		delete(missing, b.Role)
	}
	for _, role := range []string{"weights", "config"} {
		if cid, ok := missing[role]; ok {
			return role + " " + cid.Short() + ": not looked for"
		}
	}
	return ""
}

func errText(err, otherwise error) string {
	if err == nil {
		err = otherwise
	}
	return err.Error()
}

// Evidence is everything that a promotion is decided on. Objects come as their
// canonical bytes, and [Evaluate] verifies each of them; what does not verify, or is
// by somebody who is not trusted, does not count.
type Evidence struct {
	Now      object.Time
	Ring     uint8
	Model    ModelState
	PolicyID object.Hash
	Policy   []byte // canonical PolicyDef
	Trust    model.Trust

	Trainings    []Effect // train effects that may be about the model
	Evaluations  []Effect // eval effects of the model, and of the one now in the ring
	Reports      [][]byte // EvalReports that attestations name
	Attestations [][]byte
	Suites       [][]byte // EvalSuiteDefs that the policy requires

	Current    *ModelState  // the model now in the ring; nil: none
	Parent     *ModelState  // the model's parent, when the policy wants it as a fallback
	RingPolicy *object.Hash // the ring's current policy; nil: none is set
	Below      *object.Hash // the model in the ring below; nil: none, or this is ring 0
	// BelowPolicy is the policy of the ring below, canonical; nil: none, or ring 0.
	BelowPolicy []byte
}

// Condition is the verdict on one of the six conditions.
type Condition struct {
	Name     string        `json:"name"` // complete, trained, evaluated, metrics, quorum or ring
	Holds    bool          `json:"holds"`
	Why      string        `json:"why"`                // in words
	Evidence []object.Hash `json:"evidence"`           // what it rests on, ascending
	Warnings []string      `json:"warnings,omitempty"` // what does not decide: advisory thresholds, refused attestations
}

// Conditions are the names of the six conditions, in their order.
var Conditions = []string{"complete", "trained", "evaluated", "metrics", "quorum", "ring"}

// Failed returns the first condition that does not hold; ok is false when all hold.
func Failed(list []Condition) (c Condition, ok bool) {
	for _, c := range list {
		if !c.Holds {
			return c, true
		}
	}
	return Condition{}, false
}
