package asm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object/can"
)

// assembler builds a bundle from a text.
type assembler struct {
	parser
	linker
	b      ir.Bundle
	extras []extra
	fixed  bool // .artifact was given

	opAt []token          // place of each op
	at   map[string]token // place of each declaration, by its place in the bundle
}

// part is the name of a table's item in a [Finding].
func part(table string, i int) string { return fmt.Sprintf("%s[%d]", table, i) }

// Assemble makes a bundle from an assembler text (spec/ir.md#assembler) and validates it. It computes the artifact id
// unless the text gives one. Errors are [*SyntaxError]s, joined if the validator found several.
func Assemble(text []byte) ([]byte, error) {
	a, err := parseAsm(string(text))
	if err != nil {
		return nil, err
	}
	raw, err := a.encode()
	if err != nil {
		return nil, err
	}
	_, findings, err := ir.Validate(raw)
	if err == nil {
		return raw, nil
	}
	errs := make([]error, 0, len(findings))
	for _, f := range findings {
		errs = append(errs, a.locate(f))
	}
	return nil, errors.Join(errs...)
}

func parseAsm(text string) (*assembler, error) {
	toks, err := lex(text)
	if err != nil {
		return nil, err
	}
	a := &assembler{
		parser: parser{toks: toks}, at: map[string]token{},
		linker: linker{consts: map[string]int{}, nodes: map[string]int{}, labels: map[string]int{}, names: map[string]*named{}},
	}
	a.b = ir.Empty()
	for a.peek().kind != tokEOF {
		if err := a.statement(); err != nil {
			return nil, err
		}
	}
	for _, phase := range a.fixups {
		for _, fix := range phase {
			if err := fix(); err != nil {
				return nil, err
			}
		}
	}
	return a, nil
}

// encode returns the bundle's bytes with extra fields and its artifact id.
func (a *assembler) encode() ([]byte, error) {
	raw, err := can.Marshal(&a.b)
	if err != nil {
		return nil, fmt.Errorf("assemble: %w", err)
	}
	if raw, err = addExtras(raw, a.extras); err != nil {
		return nil, err
	}
	if a.fixed {
		return raw, nil
	}
	return ir.SetArtifactID(raw)
}

// locate turns a finding into an error at its statement.
func (a *assembler) locate(f ir.Finding) error {
	if f.Op >= 0 && f.Op < len(a.opAt) {
		return a.opAt[f.Op].fail("%s: %s", strings.TrimPrefix(f.Where, fmt.Sprintf("ops[%d].", f.Op)), f.Reason)
	}
	place := f.Where
	if i := strings.IndexAny(place, ".:"); i >= 0 {
		place = place[:i]
	}
	if t, ok := a.at[place]; ok {
		return t.fail("%s", f)
	}
	return &SyntaxError{1, 1, f.String()}
}

// statement reads one line: nothing, a directive, a label, or an op.
func (a *assembler) statement() error {
	t := a.take()
	switch {
	case t.kind == tokNewline:
		return nil
	case t.kind != tokWord:
		return t.fail("expected a directive, a label or an op, found %s", t)
	case strings.HasPrefix(t.text, "."):
		if err := a.directive(t); err != nil {
			return err
		}
	case a.accept(":"):
		if err := a.define(a.labels, t, len(a.b.Ops.Ops)); err != nil {
			return err
		}
		if a.peek().kind != tokNewline && a.peek().kind != tokEOF {
			return nil // an op may follow on the same line
		}
	default:
		if err := a.op(t); err != nil {
			return err
		}
	}
	return a.endLine()
}

func (a *assembler) directive(t token) error {
	switch t.text {
	case ".const":
		return a.constant()
	case ".node":
		return a.node()
	case ".type":
		return a.typeDef()
	case ".symbol":
		return a.symbol()
	case ".contract":
		return a.contract()
	case ".tool":
		return a.tool()
	case ".task":
		return a.task(t)
	}
	return a.meta(t)
}
