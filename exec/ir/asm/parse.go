package asm

import (
	"strconv"

	"github.com/mythos-project/mythos/object"
)

// parser reads tokens with one token of look-ahead.
type parser struct {
	toks []token
	pos  int
}

func (p *parser) peek() token { return p.toks[p.pos] }

func (p *parser) take() token {
	t := p.toks[p.pos]
	if t.kind != tokEOF {
		p.pos++
	}
	return t
}

// accept takes the next token if it is this punctuation or word.
func (p *parser) accept(text string) bool {
	t := p.peek()
	if (t.kind == tokPunct || t.kind == tokWord) && t.text == text {
		p.pos++
		return true
	}
	return false
}

func (p *parser) expect(text string) error {
	if p.accept(text) {
		return nil
	}
	return p.peek().fail("expected %q, found %s", text, p.peek())
}

func (p *parser) want(kind tokenKind) (token, error) {
	t := p.peek()
	if t.kind != kind {
		return t, t.fail("expected %s, found %s", tokenNames[kind], t)
	}
	return p.take(), nil
}

// endLine takes the end of a statement.
func (p *parser) endLine() error {
	if t := p.peek(); t.kind != tokNewline && t.kind != tokEOF {
		return t.fail("expected the end of the line, found %s", t)
	}
	p.take()
	return nil
}

// list reads open, items separated by commas, close. A comma may follow the last.
func (p *parser) list(open, end string, item func() error) error {
	if err := p.expect(open); err != nil {
		return err
	}
	for !p.accept(end) {
		if err := item(); err != nil {
			return err
		}
		if p.accept(",") {
			continue
		}
		return p.expect(end)
	}
	return nil
}

// number reads an unsigned number of so many bits.
func (p *parser) number(bits int) (uint64, error) {
	t, err := p.want(tokNumber)
	if err != nil {
		return 0, err
	}
	return t.number(bits)
}

func (t token) number(bits int) (uint64, error) {
	n, err := strconv.ParseUint(t.text, 10, bits)
	if err != nil {
		return 0, t.fail("%s does not fit %d bits", t.text, bits)
	}
	return n, nil
}

func (t token) signed() (int64, error) {
	n, err := strconv.ParseInt(t.text, 10, 64)
	if err != nil {
		return 0, t.fail("%q is not a signed number of 64 bits", t.text)
	}
	return n, nil
}

// nameOrString reads a name or a string.
func (p *parser) nameOrString() (string, error) {
	t := p.peek()
	if t.kind != tokWord && t.kind != tokString {
		return "", t.fail("expected a name or a string, found %s", t)
	}
	return p.take().text, nil
}

// ref reads #hash or kind:name.
func (p *parser) ref() (ref, error) {
	t := p.take()
	if t.kind == tokHash {
		return ref{token: t}, nil
	}
	switch t.text {
	case "type", "sym", "contract", "tool":
		if t.kind == tokWord && p.accept(":") {
			name, err := p.want(tokWord)
			return ref{name, t.text}, err
		}
	}
	return ref{}, t.fail("expected a hash like #hex, or type:, sym:, contract: or tool: and a name, found %s", t)
}

// typeRef reads a type: a name without prefix, or #hash.
func (p *parser) typeRef() (ref, error) {
	if t := p.peek(); t.kind == tokWord {
		return ref{p.take(), "type"}, nil
	}
	return p.ref()
}

// title reads the part after a declared name: as "other name", or unnamed.
func (p *parser) title(t token) (*string, error) {
	if p.accept("unnamed") {
		return nil, nil
	}
	if !p.accept("as") {
		return &t.text, nil
	}
	s, err := p.want(tokString)
	return &s.text, err
}

// explicitID reads id #hash, if present.
func (p *parser) explicitID() (*object.Hash, error) {
	if !p.accept("id") {
		return nil, nil
	}
	t, err := p.want(tokHash)
	return &t.hash, err
}
