package scope

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/object"
)

// params is a split text form. It keeps the first failure, which end returns.
type params struct {
	head    string // the part before the first comma, unchanged
	keys    []string
	values  map[string]*string // unchanged, with backslashes; nil: a word without =
	resolve func(kind, name string) (object.Hash, error)
	err     error
}

func newParams(rest string, resolve func(kind, name string) (object.Hash, error)) (*params, error) {
	parts := splitPlain(rest, ',')
	p := &params{head: parts[0], values: map[string]*string{}, resolve: resolve}
	for _, part := range parts[1:] {
		kv := splitPlain(part, '=')
		key, err := unescape(kv[0])
		if err != nil {
			return nil, err
		}
		if _, twice := p.values[key]; twice {
			return nil, fmt.Errorf("%q is given twice", key)
		}
		p.keys = append(p.keys, key)
		p.values[key] = nil
		if len(kv) > 1 {
			value := part[len(kv[0])+1:]
			p.values[key] = &value
		}
	}
	return p, nil
}

// splitPlain splits at each sep that does not follow a backslash.
func splitPlain(s string, sep byte) []string {
	var parts []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case sep:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// escape puts a backslash before characters that would end a value: commas, backslashes, and the bytes in more.
func escape(s, more string) string {
	if !strings.ContainsAny(s, `\,`+more) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(`\,`+more, s[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			if i++; i == len(s) || strings.IndexByte(`\,=|`, s[i]) < 0 {
				return "", fmt.Errorf("%q has a backslash before nothing special", s)
			}
		}
		b = append(b, s[i])
	}
	return string(b), nil
}

func (p *params) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

// end returns the first failure, or reports a parameter that nothing has read.
func (p *params) end() error {
	for _, key := range p.keys {
		if _, left := p.values[key]; left {
			p.fail(fmt.Errorf("%q does not belong to this kind of scope", key))
		}
	}
	return p.err
}

// take removes and returns a parameter's value.
func (p *params) take(key string) (string, bool) {
	v, ok := p.values[key]
	if !ok {
		return "", false
	}
	delete(p.values, key)
	if v == nil {
		p.fail(fmt.Errorf("%q needs a value, as in %s=VALUE", key, key))
		return "", false
	}
	return *v, true
}

// word removes a parameter without a value and reports whether it was there.
func (p *params) word(key string) bool {
	if v, ok := p.values[key]; !ok || v != nil {
		return false
	}
	delete(p.values, key)
	return true
}

func (p *params) Plain(s string) string {
	text, err := unescape(s)
	if err != nil {
		p.fail(err)
	}
	return text
}

func (p *params) hash(kind, name string) object.Hash {
	name = p.Plain(name)
	h, err := object.ParseHash(name)
	switch {
	case err == nil:
		return h
	case name == "":
		p.fail(fmt.Errorf("no %s is named", kind))
		return object.Hash{}
	case p.resolve == nil:
		p.fail(err)
		return object.Hash{}
	}
	if h, err = p.resolve(kind, name); err != nil {
		p.fail(fmt.Errorf("%s %q: %w", kind, name, err))
	}
	return h
}

// number reads a parameter with at most so many bits. An absent parameter is the largest value: no limit.
func (p *params) number(key string, bits int) uint64 {
	text, ok := p.take(key)
	if !ok {
		return 1<<bits - 1
	}
	n, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		p.fail(fmt.Errorf("%s=%s is not a number of at most %d bits", key, text, bits))
	}
	return n
}

func (p *params) parsed(text string, parse func(string) (uint64, error)) uint64 {
	n, err := parse(text)
	if err != nil {
		p.fail(err)
	}
	return n
}
