// Package scope implements what a capability allows: one struct for each kind of power, its text form, the subset
// relation, and the cost of a use (spec/capabilities.md#scopes).
//
// Two scopes are compared field by field (see [Within]): named things must be equal, numbers no larger, lists subsets,
// ranges and prefixes inside. The largest value of a maximum (2^32-1 or 2^64-1) and an absent optional maximum mean no
// limit; such a maximum is not counted. An empty list of media or event types allows nothing. Media types may be
// patterns: "*/*", "image/*".
//
// # Constraints
//
// A tool.call scope may constrain the request, a JSON document of at most 4 MiB. Each constraint is a key OP:POINTER
// and a value; POINTER is a JSON pointer (RFC 6901). All must hold:
//
//	eq:/ptr      the value, of the same type
//	in:/ptr      one of the values, which | separates
//	prefix:/ptr  a string that begins with the value, byte for byte; with a slash
//	             in the value, no segment of the string is "." or ".."
//	max:/ptr     an integer no larger than the value, and not below 0 unless
//	             min:/ptr is there, too
//	min:/ptr     an integer no smaller than the value
//	closed:/ptr  an object with no members but those that are named, with | between
//
// The value of eq, and each of in, is a boolean or null as true, false and null, an integer as its plain digits, a JSON
// string in quotes, and else the string itself. A number of the request with a fraction or an exponent, and -0, meets
// nothing: there are no floats. A missing pointer, another type, keys of one object that are equal in any letter case
// or normal form, text that is not UTF-8, and a request that is not JSON deny.
//
// A child keeps every constraint key of its parent, with the same value or one that is narrower: for max a smaller
// integer, for min a larger one, for in and closed a subset, for prefix an extension. It may add constraints, but no
// min below 0 beside a max that its parent has alone.
package scope

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// The kinds of scope (spec/capabilities.md#scopes).
const (
	KindBlobRead uint8 = iota + 1
	KindBlobWrite
	KindBlobPin
	KindBlobDelete
	KindToolCall
	KindTrainRun
	KindEvalRun
	KindDeployPromote
	KindComputeSpawn
	KindCellRead
	KindCellWrite
	KindToolsCall
)

// The values of a maximum that mean no limit.
const (
	NoLimit32 uint32 = math.MaxUint32
	NoLimit64 uint64 = math.MaxUint64
)

// Structs describes the structs of this package.
var Structs = []object.Struct{
	object.Define[CapScope]("CapScope", object.Rule{}),
	object.Define[BlobRead]("BlobRead", object.Rule{}),
	object.Define[BlobWrite]("BlobWrite", object.Rule{}),
	object.Define[BlobPin]("BlobPin", object.Rule{}),
	object.Define[BlobDelete]("BlobDelete", object.Rule{}),
	object.Define[ToolCall]("ToolCall", object.Rule{}),
	object.Define[TrainRun]("TrainRun", object.Rule{}),
	object.Define[EvalRun]("EvalRun", object.Rule{}),
	object.Define[DeployPromote]("DeployPromote", object.Rule{}),
	object.Define[ComputeSpawn]("ComputeSpawn", object.Rule{}),
	object.Define[CellRead]("CellRead", object.Rule{}),
	object.Define[CellWrite]("CellWrite", object.Rule{}),
	object.Define[ToolsCall]("ToolsCall", object.Rule{}),
	object.Define[Rate]("Rate", object.Rule{}),
	object.Define[Approve]("Approve", object.Rule{}),
}

// CapScope is what a capability allows: a kind and the canonical bytes of the
// struct of that kind.
type CapScope struct {
	Kind    uint8  `can:"1,kind"` // 1 to 12
	Payload []byte `can:"2,payload"`
}

// Scope is a decoded scope: a pointer to a struct such as [BlobRead] or [ToolsCall].
type Scope interface {
	Kind() uint8
	// within returns why the scope is not a subset of parent, which is of the same kind.
	within(parent Scope) error
	// covers returns why the scope does not allow a use of the same kind, without regard to amounts.
	covers(u *Use) error
	// limits returns the maxima that count; other resources have no limit.
	limits() []Amount
	describer
}

type describer interface {
	text() string  // the command-line form after "kind:"
	words() string // what one may do, after "may "
}

type kindInfo struct {
	name   string
	decode func(payload []byte) (Scope, error)
	parse  func(p *params) Scope
}

// MaxKind is the largest known kind of scope; kinds are numbered from 1.
const MaxKind = uint8(len(kinds))

// kinds[k-1] describes kind k.
var kinds = [...]kindInfo{
	{"blob.read", decodeAs[BlobRead], parseBlobRead},
	{"blob.write", decodeAs[BlobWrite], parseBlobWrite},
	{"blob.pin", decodeAs[BlobPin], parseBlobPin},
	{"blob.delete", decodeAs[BlobDelete], parseBlobDelete},
	{"tool.call", decodeAs[ToolCall], parseToolCall},
	{"train.run", decodeAs[TrainRun], parseTrainRun},
	{"eval.run", decodeAs[EvalRun], parseEvalRun},
	{"deploy.promote", decodeAs[DeployPromote], parseDeployPromote},
	{"compute.spawn", decodeAs[ComputeSpawn], parseComputeSpawn},
	{"cell.read", decodeAs[CellRead], parseCellRead},
	{"cell.write", decodeAs[CellWrite], parseCellWrite},
	{"tools.call", decodeAs[ToolsCall], parseToolsCall},
}

func decodeAs[T any, P interface {
	*T
	Scope
}](payload []byte) (Scope, error) {
	v, err := object.Decode[T](payload)
	if err != nil {
		return nil, err
	}
	return P(v), nil
}

// KindName is the kind's name on the command line, such as "tool.call"; "kind N"
// for an unknown one.
func KindName(kind uint8) string {
	if kind == 0 || int(kind) > len(kinds) {
		return fmt.Sprintf("kind %d", kind)
	}
	return kinds[kind-1].name
}

// KindNames lists the names of all kinds, in the order of their numbers.
func KindNames() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

// Domain is the name under which trust for the kind is given: "blob", "tool", "train", "eval", "deploy", "compute" or
// "cell"; "" for an unknown kind.
func Domain(kind uint8) string {
	if kind == KindToolsCall { // it has the same domain as tool.call
		kind = KindToolCall
	}
	domain, _, found := strings.Cut(KindName(kind), ".")
	if !found {
		return ""
	}
	return domain
}

// Serves reports whether scopes of a kind allow uses of another kind and may have children of it. Each kind serves
// itself, and tools.call also serves tool.call.
func Serves(kind, use uint8) bool {
	return kind == use || (kind == KindToolsCall && use == KindToolCall)
}

// New encodes a scope. It fails on a scope that breaks a field rule.
func New(s Scope) (CapScope, error) {
	if err := can.Check(s); err != nil {
		return CapScope{}, err
	}
	payload, err := can.Marshal(s)
	if err != nil {
		return CapScope{}, fmt.Errorf("%s: %w", KindName(s.Kind()), err)
	}
	return CapScope{s.Kind(), payload}, nil
}

// Decode reads the payload strictly as the struct of the kind. It ignores unknown fields; verification does not
// ([Exact]).
func (s CapScope) Decode() (Scope, error) {
	if s.Kind == 0 || int(s.Kind) > len(kinds) {
		return nil, fmt.Errorf("scope kind %d is not known (1 to %d are)", s.Kind, len(kinds))
	}
	scope, err := kinds[s.Kind-1].decode(s.Payload)
	if err != nil {
		return nil, fmt.Errorf("%s payload: %w", KindName(s.Kind), err)
	}
	return scope, nil
}

// Words says in plain English what a scope allows: "call tool 4f1c..., at most 5
// calls in all".
func (s CapScope) Words() string {
	scope, err := s.Decode()
	if err != nil {
		return "do nothing that is known here: " + err.Error()
	}
	return scope.words()
}

// Plain reports whether the payload has only fields of its struct.
func (s CapScope) Plain() bool {
	scope, err := s.Decode()
	if err != nil {
		return false
	}
	again, err := New(scope)
	return err == nil && string(again.Payload) == string(s.Payload)
}

// Check decodes the payload [field-11].
func (s CapScope) Check() error {
	_, err := s.Decode()
	return err
}

// Covers returns why a scope does not allow a use of its own kind, without regard to amounts.
func Covers(s Scope, u *Use) error { return s.covers(u) }

// Limits returns the maxima that count; other resources have no limit.
func Limits(s Scope) []Amount { return s.limits() }

// Within returns why s is not a subset of parent; nil when parent allows everything that s allows.
func (s CapScope) Within(parent CapScope) error {
	child, err := s.Decode()
	if err != nil {
		return err
	}
	above, err := parent.Decode()
	if err != nil {
		return err
	}
	return Within(child, above)
}

// Within returns why a scope is not a subset of parent: another kind, wider, or larger limits.
func Within(child, parent Scope) error {
	if !Serves(parent.Kind(), child.Kind()) {
		return fmt.Errorf("it is for %s, its parent for %s", KindName(child.Kind()), KindName(parent.Kind()))
	}
	if err := child.within(parent); err != nil {
		return err
	}
	return amountsWithin(child.limits(), parent.limits())
}

var scopeType = can.TypeOf(reflect.TypeFor[CapScope]())

// Exact refuses a scope that has unknown fields, in itself or in its payload. raw is the capability that contains it;
// scope is the decoded scope.
func Exact(raw []byte, s CapScope, scope Scope) error {
	field, err := can.Field(raw, 4)
	if err != nil {
		return err
	}
	if err := Known(scopeType, can.NewReader(field)); err != nil {
		return err
	}
	return Known(can.TypeOf(reflect.TypeOf(scope).Elem()), can.NewReader(s.Payload))
}

// ErrUnknownField means that a scope has fields that this version does not know.
var ErrUnknownField = errors.New("it has fields that this version does not know, which may narrow it")

// Known reads one value of a type that has been decoded before. It refuses struct fields that the type does not have.
func Known(t *can.Type, r *can.Reader) error {
	switch t.Kind {
	case can.KindStruct:
	case can.KindList:
		return knownList(t, r)
	default:
		_, err := r.Skip()
		return err
	}
	n, err := r.Map()
	if err != nil {
		return err
	}
	for range n {
		num, err := r.Uint()
		if err != nil {
			return err
		}
		f, ok := t.FieldByNum(num)
		if !ok {
			return ErrUnknownField
		}
		if err := Known(f.Type, r); err != nil {
			return err
		}
	}
	r.Leave()
	return nil
}

func knownList(t *can.Type, r *can.Reader) error {
	n, err := r.List()
	if err != nil {
		return err
	}
	for range n {
		if err := Known(t.Elem, r); err != nil {
			return err
		}
	}
	r.Leave()
	return nil
}
