package wat

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
)

// routine is a function of a module, in the order of its number; an imported one has no body.
type routine struct {
	typ    uint32
	params []string // names, followed by those of the locals
	body   []node
	locals []byte // types
}

type module struct {
	types    []string // encoded, each once
	imports  []byte
	imported uint32
	numbers  map[string]uint32 // of functions
	routines []routine
	memory   []byte
	exports  [][]byte
}

// Assemble makes a module from its text. The error wraps ErrText.
func Assemble(text string) ([]byte, error) {
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	if root.head() != "module" {
		return nil, root.fail("(module ...) is expected")
	}
	m := &module{numbers: map[string]uint32{}}
	for _, part := range root.list[1:] {
		if err := m.declare(part); err != nil {
			return nil, err
		}
	}
	return m.encode()
}

func (m *module) declare(part node) error {
	switch part.head() {
	case "import":
		return m.declareImport(part)
	case "memory":
		return m.declareMemory(part)
	case "func":
		return m.function(part)
	}
	return part.fail("an import, a memory or a function is expected")
}

func (m *module) declareImport(n node) error {
	if len(n.list) != 4 || !n.list[1].quoted || !n.list[2].quoted || n.list[3].head() != "func" {
		return n.fail("an import has a module, a name and a function")
	}
	if len(m.routines) > int(m.imported) {
		return n.fail("an import stands behind a function")
	}
	r, _, err := m.signature(n.list[3])
	if err != nil {
		return err
	}
	m.imports = append(m.imports, name(n.list[1].word)...)
	m.imports = append(m.imports, name(n.list[2].word)...)
	m.imports = append(append(m.imports, 0), uleb(r.typ)...)
	m.imported++
	m.routines = append(m.routines, r)
	return nil
}

func (m *module) declareMemory(n node) error {
	rest := n.list[1:]
	if len(rest) > 0 && rest[0].head() == "export" && len(rest[0].list) == 2 {
		m.export(rest[0].list[1].word, 2, 0)
		rest = rest[1:]
	}
	if len(rest) != 1 || m.memory != nil {
		return n.fail("one memory is expected, with a number of pages")
	}
	pages, err := strconv.ParseUint(rest[0].word, 10, 16)
	if err != nil {
		return n.fail("%v", err)
	}
	m.memory = append([]byte{0}, uleb(uint32(pages))...)
	return nil
}

func (m *module) export(as string, kind byte, number uint32) {
	m.exports = append(m.exports, append(append(name(as), kind), uleb(number)...))
}

// function declares a function; its body is encoded once all are known.
func (m *module) function(n node) error {
	r, rest, err := m.signature(n)
	if err != nil {
		return err
	}
	for len(rest) > 0 && rest[0].head() == "local" {
		names, types, err := values(rest[0])
		if err != nil {
			return err
		}
		r.params, r.locals = append(r.params, names...), append(r.locals, types...)
		rest = rest[1:]
	}
	r.body = rest
	m.routines = append(m.routines, r)
	return nil
}

// signature reads the beginning of a function: its name, its exported name, and its type.
func (m *module) signature(n node) (r routine, rest []node, err error) {
	rest = n.list[1:]
	number := uint32(len(m.routines))
	if len(rest) > 0 && strings.HasPrefix(rest[0].word, "$") {
		if _, twice := m.numbers[rest[0].word]; twice {
			return r, nil, n.fail("function %s is there twice", rest[0].word)
		}
		m.numbers[rest[0].word] = number
		rest = rest[1:]
	}
	var in, out []byte
	for len(rest) > 0 {
		switch rest[0].head() {
		case "export":
			if len(rest[0].list) != 2 {
				return r, nil, n.fail("an export has a name")
			}
			m.export(rest[0].list[1].word, 0, number)
		case "param":
			names, types, err := values(rest[0])
			if err != nil {
				return r, nil, err
			}
			r.params, in = append(r.params, names...), append(in, types...)
		case "result":
			_, types, err := values(rest[0])
			if err != nil {
				return r, nil, err
			}
			out = append(out, types...)
		default:
			r.typ = m.typeNumber(in, out)
			return r, rest, nil
		}
		rest = rest[1:]
	}
	r.typ = m.typeNumber(in, out)
	return r, rest, nil
}

// values reads (param $name type) or (param type ...).
func values(n node) (names []string, list []byte, err error) {
	rest := n.list[1:]
	named := len(rest) == 2 && strings.HasPrefix(rest[0].word, "$")
	if named {
		names, rest = append(names, rest[0].word), rest[1:]
	}
	for _, t := range rest {
		code, known := types[t.word]
		if !known {
			return nil, nil, n.fail("%q is not a type", t.word)
		}
		list = append(list, code)
		if !named {
			names = append(names, "")
		}
	}
	return names, list, nil
}

func (m *module) typeNumber(in, out []byte) uint32 {
	encoded := string(slices.Concat([]byte{0x60}, vector(in), vector(out)))
	at := slices.Index(m.types, encoded)
	if at < 0 {
		at = len(m.types)
		m.types = append(m.types, encoded)
	}
	return uint32(at)
}

// encode writes the sections.
func (m *module) encode() ([]byte, error) {
	var typed, functions, exports, code []byte
	for _, t := range m.types {
		typed = append(typed, t...)
	}
	own := m.routines[m.imported:]
	for _, r := range own {
		functions = append(functions, uleb(r.typ)...)
		body, err := m.code(r)
		if err != nil {
			return nil, err
		}
		code = append(code, vector(body)...)
	}
	for _, e := range m.exports {
		exports = append(exports, e...)
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, count int, body []byte) {
		if count > 0 {
			out = append(append(out, id), vector(append(uleb(uint32(count)), body...))...)
		}
	}
	section(1, len(m.types), typed)
	section(2, int(m.imported), m.imports)
	section(3, len(own), functions)
	if m.memory != nil {
		section(5, 1, m.memory)
	}
	section(7, len(m.exports), exports)
	section(10, len(own), code)
	return out, nil
}

// code returns the body of a function: runs of locals of one type, then its instructions.
func (m *module) code(r routine) ([]byte, error) {
	var runs []byte
	count := uint32(0)
	for i := 0; i < len(r.locals); count++ {
		n := i + 1
		for n < len(r.locals) && r.locals[n] == r.locals[i] {
			n++
		}
		runs = append(append(runs, uleb(uint32(n-i))...), r.locals[i])
		i = n
	}
	b := &body{module: m, locals: r.params, out: append(uleb(count), runs...)}
	if err := b.sequence(r.body); err != nil {
		return nil, err
	}
	return append(b.out, opEnd), nil
}

func uleb(n uint32) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func sleb(n int64) (out []byte) {
	for {
		low := byte(n & 0x7f)
		n >>= 7
		if (n == 0 && low&0x40 == 0) || (n == -1 && low&0x40 != 0) {
			return append(out, low)
		}
		out = append(out, low|0x80)
	}
}

// vector returns bytes after their number.
func vector(b []byte) []byte { return append(uleb(uint32(len(b))), b...) }

func name(text string) []byte { return vector([]byte(text)) }
