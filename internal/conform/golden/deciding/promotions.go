// Package deciding computes golden vectors about models: the conditions of a promotion, and the decisions about rings
// (spec/learning.md#promotion).
package deciding

import (
	"encoding/json"
	"slices"

	"github.com/mythos-project/mythos/internal/conform/golden/input"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/judge"
	"github.com/mythos-project/mythos/object"
)

// promotionIn is the whole basis of a promotion. Agents are public keys.
type promotionIn struct {
	At           int64       `json:"at_us"`
	Ring         uint8       `json:"ring"`
	Executors    []string    `json:"trusted_for_receipts"`
	Attesters    []string    `json:"trusted_to_attest"`
	PolicyMakers []string    `json:"trusted_for_policies"`
	Model        modelIn     `json:"model"`
	Current      *modelIn    `json:"current,omitempty"` // the model in the ring
	Parent       *modelIn    `json:"parent,omitempty"`
	Below        string      `json:"below,omitempty"`        // id of the model in the ring below
	InForce      string      `json:"policy_in_force"`        // its id
	Policy       input.Hex   `json:"policy"`                 // of the promotion
	BelowPolicy  input.Hex   `json:"policy_below,omitempty"` // in force in the ring below
	Trainings    []effectRaw `json:"trainings"`
	Imports      []effectRaw `json:"imports,omitempty"` // of a model that was trained elsewhere
	Evaluations  []effectRaw `json:"evaluations"`
	Reports      []input.Hex `json:"reports"`
	Attestations []input.Hex `json:"attestations"`
	Suites       []input.Hex `json:"suites"`
}

// modelIn is a model, and which of its blobs are complete.
type modelIn struct {
	Raw      input.Hex `json:"raw"`
	Complete []string  `json:"complete"` // of weights and config
}

type effectRaw struct {
	Receipt  input.Hex `json:"receipt"`
	Response input.Hex `json:"response"`
}

// Promotion judges the six conditions.
func Promotion(in json.RawMessage) (any, error) {
	var v promotionIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	e, err := v.evidence()
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, c := range judge.Evaluate(e) {
		out[c.Name] = c.Holds
	}
	return out, nil
}

func trustedKeys(keys []string) model.TrustedAt {
	return func(agent object.AgentID, _ model.When) bool { return slices.Contains(keys, agent.KeyHex()) }
}

func (v promotionIn) evidence() (*judge.Evidence, error) {
	e := &judge.Evidence{Now: object.Time(v.At), Ring: v.Ring, Policy: v.Policy, Reports: input.Bytes(v.Reports), Attestations: input.Bytes(v.Attestations), Suites: input.Bytes(v.Suites),
		Trust: model.Trust{Receipt: trustedKeys(v.Executors), Attest: trustedKeys(v.Attesters), Policy: trustedKeys(v.PolicyMakers)}}
	var err error
	if e.PolicyID, err = model.PolicyRule.ID(v.Policy); err != nil {
		return nil, err
	}
	if v.BelowPolicy != nil {
		e.BelowPolicy = v.BelowPolicy
	}
	for _, x := range v.Trainings {
		e.Trainings = append(e.Trainings, judge.Effect{Receipt: x.Receipt, Response: x.Response})
	}
	for _, x := range v.Imports {
		e.Imports = append(e.Imports, judge.Effect{Receipt: x.Receipt, Response: x.Response})
	}
	for _, x := range v.Evaluations {
		e.Evaluations = append(e.Evaluations, judge.Effect{Receipt: x.Receipt, Response: x.Response})
	}
	for _, h := range []struct {
		text string
		to   **object.Hash
	}{{v.InForce, &e.RingPolicy}, {v.Below, &e.Below}} {
		if h.text == "" {
			continue
		}
		id, err := object.ParseHash(h.text)
		if err != nil {
			return nil, err
		}
		*h.to = &id
	}
	state, err := v.Model.state()
	if err != nil {
		return nil, err
	}
	e.Model = *state
	if e.Current, err = v.Current.state(); err != nil {
		return nil, err
	}
	e.Parent, err = v.Parent.state()
	return e, err
}

// state is the model with its blobs; nil if there is none.
func (m *modelIn) state() (*judge.ModelState, error) {
	if m == nil {
		return nil, nil
	}
	ref, id, err := object.Open[model.ModelRef](m.Raw, model.ModelRule)
	if err != nil {
		return nil, err
	}
	s := &judge.ModelState{ID: id, Raw: m.Raw}
	for role, cid := range map[string]object.Hash{"weights": ref.Weights.CID, "config": ref.Config.CID} {
		b := judge.BlobState{Role: role, CID: cid}
		if !slices.Contains(m.Complete, role) {
			b.Problem = "it is not whole"
		}
		s.Blobs = append(s.Blobs, b)
	}
	return s, nil
}
