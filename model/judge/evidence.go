package judge

import (
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

// Effect is a receipt with its response, as they are stored.
type Effect struct {
	Receipt  []byte // canonical
	Response []byte
}

// BlobState is the result of reading a blob to its last byte.
type BlobState struct {
	Role    string // "weights", "config"
	CID     object.Hash
	Problem string // empty: it is here, and every chunk has its hash
}

// ModelState is the result of looking for a model.
type ModelState struct {
	ID    object.Hash
	Raw   []byte // canonical ModelRef; nil: not here
	Blobs []BlobState
}

// Problem returns why the model cannot be put into service, or "".
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

// Evidence is the whole basis of a promotion's decision. Objects are canonical bytes, and [Evaluate] verifies each of
// them. An object that does not verify, or whose signer is not trusted, does not count.
type Evidence struct {
	Now      object.Time
	Ring     uint8
	Model    ModelState
	PolicyID object.Hash
	Policy   []byte // canonical PolicyDef
	Trust    model.Trust

	Trainings    []Effect // train effects that may be about the model
	Imports      []Effect // model.import effects that may be about it
	Evaluations  []Effect // eval effects of the model, and of the ring's present model
	Reports      [][]byte // EvalReports that attestations name
	Attestations [][]byte
	Suites       [][]byte // EvalSuiteDefs that the policy requires

	Current    *ModelState  // the ring's present model; nil: none
	Parent     *ModelState  // the model's parent, if the policy requires it as a fallback
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
	Evidence []object.Hash `json:"evidence"`           // objects behind the verdict, ascending
	Warnings []string      `json:"warnings,omitempty"` // not decisive: advisory thresholds, refused attestations
}

// Conditions are the names of the six conditions, in their order.
var Conditions = []string{"complete", "trained", "evaluated", "metrics", "quorum", "ring"}

// Failed returns the first condition that does not hold; ok is false if all hold.
func Failed(list []Condition) (c Condition, ok bool) {
	for _, c := range list {
		if !c.Holds {
			return c, true
		}
	}
	return Condition{}, false
}
