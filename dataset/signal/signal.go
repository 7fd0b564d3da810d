// Package signal handles signed statements of people and tools about episodes: rewards, labels and constraints
// (spec/datasets.md#signals), and the index that finds an episode's signals. An entry of the index was verified before
// it was written.
package signal

import (
	"fmt"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// Kind is the kind under which a store keeps signals.
const Kind = "Signal"

// Types of a Signal.
const (
	Reward     uint8 = 1
	Label      uint8 = 2
	Constraint uint8 = 3
)

// types are the names of the types in queries and exports.
var types = map[uint8]string{Reward: "reward", Label: "label", Constraint: "constraint"}

// TypeName is "reward", "label" or "constraint"; empty for an unknown type.
func TypeName(t uint8) string { return types[t] }

// ParseType reads the output of TypeName.
func ParseType(name string) (uint8, error) {
	for t, n := range types {
		if n == name {
			return t, nil
		}
	}
	return 0, fmt.Errorf("%w: signal type %q is not known (reward, label, constraint)", object.ErrInvalid, name)
}

var valueKinds = map[uint8]string{ir.KindI64: "i64", ir.KindU64: "u64", ir.KindBytes: "bytes", ir.KindText: "text", ir.KindHash: "hash"}

// ValueKindName is "i64", "u64", "bytes", "text" or "hash".
func ValueKindName(k uint8) string { return valueKinds[k] }

// Signal is a signed statement about an episode.
type Signal struct {
	SignalID     object.Hash      `can:"1,signal_id"`
	EpisodeID    object.Hash      `can:"2,episode_id"`
	SignalType   uint8            `can:"3,signal_type"` // 1 reward, 2 label, 3 constraint
	ValueKind    uint8            `can:"4,value_kind"`  // 1 i64, 2 u64, 3 bytes, 4 text, 5 hash
	ValueBytes   []byte           `can:"5,value_bytes"` // canonical encoding of the value
	Signer       object.AgentID   `can:"6,signer"`
	TimeObserved object.Time      `can:"7,time_observed"`
	Signature    object.Signature `can:"8,signature"`
}

// Check refuses a value that is not of its kind. It accepts an unknown type or kind, so that every version selects the
// same episodes [field-29].
func (s Signal) Check() error {
	_, _, err := s.Value()
	return err
}

// Value decodes the signal's value; false if its kind is unknown.
func (s Signal) Value() (v ir.Scalar, known bool, err error) {
	return DecodeValue(s.ValueKind, s.ValueBytes)
}

// DecodeValue decodes the value of a signal by its kind; false if the kind is unknown.
func DecodeValue(kind uint8, raw []byte) (v ir.Scalar, known bool, err error) {
	if _, known = valueKinds[kind]; !known {
		return v, false, nil
	}
	v, err = ir.ParseScalar(kind, raw)
	return v, err == nil, err
}

// Rule says how signals are identified and signed.
var Rule = object.Rule{Mask: can.Mask{1: nil, 8: nil}, IDField: 1, Signer: 6, Sig: 8}

// Structs describes the structs of this package.
var Structs = []object.Struct{object.Define[Signal]("Signal", Rule)}

// New signs a value for an episode and returns the signal's id and bytes.
func New(s sign.Signer, episode object.Hash, kind uint8, value ir.Scalar, now object.Time) (object.Hash, []byte, error) {
	raw, err := value.Encode()
	if err != nil {
		return object.Hash{}, nil, fmt.Errorf("signal: %w", err)
	}
	g := Signal{EpisodeID: episode, SignalType: kind, ValueKind: value.Kind(), ValueBytes: raw, Signer: s.Agent(), TimeObserved: now}
	if _, known := types[kind]; !known {
		return object.Hash{}, nil, fmt.Errorf("%w: signal type %d is not known", object.ErrInvalid, kind)
	}
	if g.SignalID, err = Rule.IDOf(&g); err != nil {
		return object.Hash{}, nil, fmt.Errorf("signal: %w", err)
	}
	if g.Signature, err = sign.ID(s, g.SignalID); err != nil {
		return object.Hash{}, nil, err
	}
	out, err := can.Marshal(&g)
	return g.SignalID, out, err
}

// Open decodes canonical bytes and checks fields, id and signature. The caller decides whether the signer is trusted.
// Errors wrap object.ErrInvalid, object.ErrID or sign.ErrSignature.
func Open(raw []byte) (*Signal, object.Hash, error) {
	s, id, err := object.Open[Signal](raw, Rule)
	if err != nil {
		return nil, id, fmt.Errorf("signal: %w", err)
	}
	if err := sign.VerifyID(s.Signer, id, s.Signature); err != nil {
		return nil, id, fmt.Errorf("signal %s: %w", id.Short(), err)
	}
	return s, id, nil
}
