package wat

import (
	"slices"
	"strconv"
	"strings"
)

// body encodes the instructions of a function.
type body struct {
	module *module
	locals []string
	labels []string // open labels, innermost last
	out    []byte
}

func (b *body) sequence(list []node) error {
	for len(list) > 0 {
		rest, err := b.next(list)
		if err != nil {
			return err
		}
		list = rest
	}
	return nil
}

// next encodes the instruction that a list begins with.
func (b *body) next(list []node) ([]node, error) {
	n := list[0]
	if n.word == "" {
		return list[1:], b.folded(n)
	}
	o, known := ops[n.word]
	if !known {
		return nil, n.fail("%q is not an instruction that stands by itself", n.word)
	}
	return b.plain(n, o, list[1:])
}

// folded encodes (op immediates operands...): the operands come first.
func (b *body) folded(n node) error {
	switch n.head() {
	case "block":
		return b.block(opBlock, n.list[1:])
	case "loop":
		return b.block(opLoop, n.list[1:])
	case "if":
		return b.branch(n)
	}
	o, known := ops[n.head()]
	if !known {
		return n.fail("%q is not an instruction", n.head())
	}
	own := 1
	for own < len(n.list) && n.list[own].word != "" {
		own++
	}
	for _, operand := range n.list[own:] {
		if operand.word != "" {
			return operand.fail("%q stands between operands", operand.word)
		}
		if err := b.folded(operand); err != nil {
			return err
		}
	}
	rest, err := b.plain(n.list[0], o, n.list[1:own])
	if err == nil && len(rest) > 0 {
		err = rest[0].fail("%q is one too many for %s", rest[0].word, n.head())
	}
	return err
}

// block encodes a block or a loop: a label, and its contents.
func (b *body) block(code byte, list []node) error {
	label := ""
	if len(list) > 0 && strings.HasPrefix(list[0].word, "$") {
		label, list = list[0].word, list[1:]
	}
	b.out = append(b.out, code, blockVoid)
	b.labels = append(b.labels, label)
	err := b.sequence(list)
	b.labels = b.labels[:len(b.labels)-1]
	b.out = append(b.out, opEnd)
	return err
}

// branch encodes (if condition (then ...) (else ...)).
func (b *body) branch(n node) error {
	if len(n.list) < 3 || len(n.list) > 4 || n.list[2].head() != "then" || (len(n.list) == 4 && n.list[3].head() != "else") {
		return n.fail("an if has a condition, (then ...) and perhaps (else ...)")
	}
	if err := b.folded(n.list[1]); err != nil {
		return err
	}
	b.out = append(b.out, opIf, blockVoid)
	b.labels = append(b.labels, "")
	err := b.sequence(n.list[2].list[1:])
	if err == nil && len(n.list) == 4 {
		b.out = append(b.out, opElse)
		err = b.sequence(n.list[3].list[1:])
	}
	b.labels = b.labels[:len(b.labels)-1]
	b.out = append(b.out, opEnd)
	return err
}

// plain encodes an instruction and takes its operands from the words after it.
func (b *body) plain(n node, o op, rest []node) ([]node, error) {
	b.out = append(b.out, o.code)
	switch o.operand {
	case none:
		return rest, nil
	case zero:
		b.out = append(b.out, 0)
		return rest, nil
	case memory:
		return b.access(n, o, rest)
	}
	if len(rest) == 0 || rest[0].word == "" {
		return nil, n.fail("%s lacks what it is about", n.word)
	}
	word := rest[0].word
	var found int
	switch o.operand {
	case i32, i64:
		value, err := number(word, o.operand)
		if err != nil {
			return nil, n.fail("%v", err)
		}
		b.out = append(b.out, sleb(value)...)
		return rest[1:], nil
	case local:
		found = slices.Index(b.locals, word)
	case label:
		found = b.depth(word)
	case function:
		num, known := b.module.numbers[word]
		found = int(num)
		if !known {
			found = -1
		}
	}
	if found < 0 || !strings.HasPrefix(word, "$") {
		return nil, n.fail("%s: there is no %s", n.word, word)
	}
	b.out = append(b.out, uleb(uint32(found))...)
	return rest[1:], nil
}

// depth returns how many blocks lie between here and the innermost one with this label; -1: there is none.
func (b *body) depth(label string) int {
	for i, open := range slices.Backward(b.labels) {
		if open == label {
			return len(b.labels) - 1 - i
		}
	}
	return -1
}

// access encodes alignment, which is always the natural one, and offset.
func (b *body) access(n node, o op, rest []node) ([]node, error) {
	offset := uint64(0)
	if len(rest) > 0 {
		if text, ok := strings.CutPrefix(rest[0].word, "offset="); ok {
			var err error
			if offset, err = strconv.ParseUint(text, 0, 32); err != nil {
				return nil, n.fail("%v", err)
			}
			rest = rest[1:]
		}
	}
	b.out = append(append(b.out, o.align), uleb(uint32(offset))...)
	return rest, nil
}

// number reads a constant; a 32-bit constant may be written signed or unsigned.
func number(word string, kind operand) (int64, error) {
	if kind == i64 {
		return strconv.ParseInt(word, 0, 64)
	}
	if strings.HasPrefix(word, "-") {
		return strconv.ParseInt(word, 0, 32)
	}
	value, err := strconv.ParseUint(word, 0, 32)
	return int64(int32(value)), err
}
