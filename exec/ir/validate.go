package ir

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// ErrInvalid means that a bundle must not run. The error is an [*InvalidError] unless the bytes are not a bundle at
// all.
var ErrInvalid = errors.New("invalid bundle")

// Finding is one reason why a bundle must not run.
type Finding struct {
	Op     int    // index of the faulty op; -1: not an op
	Where  string // place in the bundle, such as "ops[3].operands[1]"
	Reason string
}

// String is place and reason.
func (f Finding) String() string { return f.Where + ": " + f.Reason }

// maxFindings ends the list for a bundle with many faults.
const maxFindings = 100

// InvalidError lists the faults of a bundle.
type InvalidError struct{ Findings []Finding }

func (e *InvalidError) Error() string {
	lines := make([]string, 0, 4)
	for i, f := range e.Findings {
		if i == 3 {
			lines = append(lines, fmt.Sprintf("%d more", len(e.Findings)-i))
			break
		}
		lines = append(lines, f.String())
	}
	return ErrInvalid.Error() + ": " + strings.Join(lines, "; ")
}

// Unwrap gives ErrInvalid.
func (e *InvalidError) Unwrap() error { return ErrInvalid }

// Validate checks a bundle completely, before its first op. The error is nil exactly if the bundle may run. Otherwise
// the bundle is nil, the error wraps [ErrInvalid], and the findings, at most 100, list the faults. Bytes that are not a
// canonical bundle give one finding and an error that also wraps the [*can.Error].
//
// Its cost is linear in len(raw).
func Validate(raw []byte) (*Bundle, []Finding, error) {
	b, err := decode(raw)
	if err != nil {
		return nil, []Finding{{Op: -1, Where: "bundle", Reason: err.Error()}}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if findings, err := Check(b, raw); err != nil {
		return nil, findings, err
	}
	return b, nil, nil
}

// Check is [Validate] for a bundle that this process has built and encoded as raw.
func Check(b *Bundle, raw []byte) ([]Finding, error) {
	v := &validator{b: b, raw: raw}
	if v.run(); len(v.findings) > 0 {
		return v.findings, &InvalidError{v.findings}
	}
	return nil, nil
}

func decode(raw []byte) (*Bundle, error) {
	if len(raw) > MaxBundle {
		return nil, fmt.Errorf("%d bytes, a bundle has at most %d", len(raw), MaxBundle)
	}
	b := new(Bundle)
	return b, can.UnmarshalUnchecked(raw, b)
}

type validator struct {
	b   *Bundle
	raw []byte

	types     map[object.Hash]*TypeDef
	fields    map[*TypeDef]typeFields // of the types of nodes
	symbols   map[object.Hash]*SymbolSig
	contracts map[object.Hash]bool
	tools     map[object.Hash]bool
	nodes     nodeGraph
	findings  []Finding
}

func (v *validator) run() {
	v.meta()
	v.consts()
	v.typeTable()
	v.nodePool()
	v.symbolTable()
	v.contractTable()
	v.toolTable()
	v.ops()
	v.tasks()
	v.b.index = index{types: v.types, symbols: v.symbols}
}

// report adds a finding outside the ops.
func (v *validator) report(where, format string, args ...any) {
	v.add(-1, where, fmt.Sprintf(format, args...))
}

func (v *validator) add(op int, where, reason string) {
	if len(v.findings) < maxFindings {
		v.findings = append(v.findings, Finding{op, where, reason})
	}
}

// check runs the field rules of one value, a pointer to a mapped struct.
func (v *validator) check(where string, value any) bool {
	err := can.Check(value)
	if err != nil {
		v.report(where, "%v", err)
	}
	return err == nil
}

// Version is the Meta.version of the bundles that this package reads.
const Version uint16 = 2

func (v *validator) meta() {
	v.check("meta", &v.b.Meta)
	if v.b.Meta.Version != Version {
		v.report("meta.version", "version %d, this is version %d", v.b.Meta.Version, Version)
	}
}

func (v *validator) consts() {
	for i := range v.b.ConstPool.Consts {
		v.check(at("consts", i), &v.b.ConstPool.Consts[i])
	}
}

func at(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

// elements returns the received bytes of each element in a section's list, because ids are those of the received bytes.
func elements(raw []byte, section uint64) ([][]byte, error) {
	field, err := can.Field(raw, section)
	if err != nil {
		return nil, err
	}
	list, err := can.Field(field, 1)
	if err != nil {
		return nil, err
	}
	r := can.NewReader(list)
	n, err := r.List()
	if err != nil {
		return nil, err
	}
	out := make([][]byte, n)
	for i := range out {
		if out[i], err = r.Skip(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ids computes the ids of a section's n elements by rule.
func (v *validator) ids(section uint64, n int, rule object.Rule) []object.Hash {
	if n == 0 {
		return nil // most programs have few sections: avoid walking the bytes
	}
	parts, err := elements(v.raw, section)
	if err != nil {
		v.report("bundle", "%v", err)
		return nil
	}
	ids := make([]object.Hash, len(parts))
	for i, part := range parts {
		if ids[i], err = rule.ID(part); err != nil {
			v.report("bundle", "%v", err)
			return nil
		}
	}
	return ids
}

func (v *validator) typeTable() {
	v.types = make(map[object.Hash]*TypeDef)
	ids := v.ids(4, len(v.b.Types.Types), TypeRule)
	for i, id := range ids {
		t, where := &v.b.Types.Types[i], at("types", i)
		v.check(where, t)
		if t.TypeID != id {
			v.report(where, "it carries the id %s, its definition gives %s", t.TypeID, id)
		}
		if v.types[t.TypeID] != nil {
			v.report(where, "the type %s is defined twice", t.TypeID.Short())
		}
		v.types[t.TypeID] = t
	}
	for i := range v.b.Types.Types {
		for j, f := range v.b.Types.Types[i].Fields {
			v.knownType(fmt.Sprintf("types[%d].fields[%d]", i, j), f.FieldTypeID)
		}
	}
}

// knownType reports a type that is neither in the table nor built in.
func (v *validator) knownType(where string, id object.Hash) {
	if _, builtin := BuiltinName(id); !builtin && v.types[id] == nil {
		v.report(where, "the type %s is neither in the table nor built in", id.Short())
	}
}

func (v *validator) symbolTable() {
	v.symbols = make(map[object.Hash]*SymbolSig)
	for i, id := range v.ids(5, len(v.b.Symbols.Symbols), SymbolRule) {
		s, where := &v.b.Symbols.Symbols[i], at("symbols", i)
		v.check(where, s)
		if v.symbols[id] != nil {
			v.report(where, "the symbol %s is defined twice", id.Short())
		}
		v.symbols[id] = s
		for _, t := range s.ArgTypeIDs {
			v.knownType(where, t)
		}
		v.knownType(where, s.ReturnTypeID)
		if len(s.ArgTypeIDs) > MaxArgs {
			v.report(where, "%d arguments, at most %d are allowed", len(s.ArgTypeIDs), MaxArgs)
		}
		if s.Entry != nil && uint64(*s.Entry) >= uint64(len(v.b.Ops.Ops)) {
			v.report(where, "entry %d is past the last of %d ops", *s.Entry, len(v.b.Ops.Ops))
		}
	}
}

func (v *validator) contractTable() {
	v.contracts = make(map[object.Hash]bool)
	for i, id := range v.ids(6, len(v.b.Contracts.Contracts), ContractRule) {
		c, where := &v.b.Contracts.Contracts[i], at("contracts", i)
		if c.ContractID != id {
			v.report(where, "it carries the id %s, its definition gives %s", c.ContractID, id)
		}
		if v.contracts[c.ContractID] {
			v.report(where, "the contract %s is defined twice", id.Short())
		}
		v.contracts[c.ContractID] = true
		v.expr(where+".requires", &c.Requires)
		v.expr(where+".ensures", &c.Ensures)
		if c.Invariant != nil {
			v.expr(where+".invariant", c.Invariant)
		}
	}
}

func (v *validator) expr(where string, e *Expr) {
	if err := CheckExpr(e, v.b.ConstPool.Consts); err != nil {
		v.report(where, "%v", err)
	}
}

func (v *validator) toolTable() {
	v.tools = make(map[object.Hash]bool)
	for i, id := range v.ids(7, len(v.b.Tools.Tools), ToolRule) {
		t, where := &v.b.Tools.Tools[i], at("tools", i)
		v.check(where, t)
		if t.Module != nil && t.ToolID != id {
			v.report(where, "it carries the id %s, its definition gives %s", t.ToolID, id)
		}
		if v.tools[t.ToolID] {
			v.report(where, "the tool %s is declared twice", t.ToolID.Short())
		}
		v.tools[t.ToolID] = true
	}
}
