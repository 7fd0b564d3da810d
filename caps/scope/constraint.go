package scope

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/internal/jsontext"
)

// The operations of constraints.
const (
	opEq     = "eq"
	opIn     = "in"
	opPrefix = "prefix"
	opMax    = "max"
	opMin    = "min"
	opClosed = "closed"
)

// cutConstraint splits a constraint's key into operation and JSON pointer.
func cutConstraint(key string) (op, pointer string, err error) {
	op, pointer, found := strings.Cut(key, ":")
	if !found || !slices.Contains([]string{opEq, opIn, opPrefix, opMax, opMin, opClosed}, op) {
		return "", "", fmt.Errorf("constraint %q is not known (eq, in, prefix, max, min and closed are)", key)
	}
	_, err = jsontext.ParsePointer(pointer)
	return op, pointer, err
}

// CheckConstraints refuses constraints that no request could meet because the key or the value is malformed.
// Verification does not need it: such constraints deny every request.
func CheckConstraints(constraints map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(constraints)) {
		if err := checkConstraint(key, constraints); err != nil {
			return err
		}
	}
	return nil
}

func checkConstraint(key string, constraints map[string]string) error {
	op, pointer, err := cutConstraint(key)
	if err != nil {
		return err
	}
	value := constraints[key]
	least, bounded := constraints[opMin+":"+pointer]
	switch {
	case (op == opMax || op == opMin) && !isInteger(value):
		return fmt.Errorf("constraint %q: %q is not an integer", key, value)
	case op == opMax && !bounded && value[0] == '-':
		return fmt.Errorf("constraint %s=%s holds for nothing: without min:%s the least is 0", key, value, pointer)
	case op == opMax && bounded && isInteger(least) && compareIntegers(least, value) > 0:
		return fmt.Errorf("constraint %s=%s holds for nothing: min:%s is %s", key, value, pointer, least)
	case op == opClosed && pointer == "/":
		return fmt.Errorf("constraint %q is about the member with the empty name; the request as a whole is %q", key, opClosed+":")
	case op == opEq:
		_, err = parseLiteral(value)
	case op == opIn:
		_, err = parseLiterals(value)
	case op == opClosed:
		_, err = parseNames(value)
	}
	if err != nil {
		return fmt.Errorf("constraint %q: %w", key, err)
	}
	return nil
}

// meets returns the constraint that the request does not meet.
func meets(request []byte, constraints map[string]string) error {
	if len(constraints) == 0 {
		return nil
	}
	if err := checkRequest(request); err != nil {
		return fmt.Errorf("the scope constrains the request, which is not plain JSON: %w", err)
	}
	for _, key := range slices.Sorted(maps.Keys(constraints)) {
		if err := checkConstraint(key, constraints); err != nil {
			return err
		}
		op, pointer, err := cutConstraint(key)
		if err != nil {
			return err
		}
		at, err := valueAt(request, pointer)
		if err != nil {
			return fmt.Errorf("constraint %q: %w", key, err)
		}
		if at == nil {
			return fmt.Errorf("constraint %q: the request has no such member", key)
		}
		want := constraints[key]
		_, bounded := constraints[opMin+":"+pointer]
		if !holds(op, at, want) || (op == opMax && !bounded && at[0] == '-') {
			return fmt.Errorf("constraint %s=%s does not hold", key, want)
		}
	}
	return nil
}

func valueAt(request []byte, pointer string) (json.RawMessage, error) {
	p, err := jsontext.ParsePointer(pointer)
	if err != nil {
		return nil, err
	}
	return p.In(request)
}

func holds(op string, at json.RawMessage, want string) bool {
	switch op {
	case opEq:
		l, err := parseLiteral(want)
		return err == nil && l.is(at)
	case opIn:
		list, err := parseLiterals(want)
		return err == nil && slices.ContainsFunc(list, func(l literal) bool { return l.is(at) })
	case opPrefix:
		return jsontext.Kind(at) == '"' && strings.HasPrefix(scalar(at), want) && !(strings.Contains(want, "/") && leadsAside(scalar(at)))
	case opMax:
		return isInteger(string(at)) && isInteger(want) && compareIntegers(string(at), want) <= 0
	case opMin:
		return isInteger(string(at)) && isInteger(want) && compareIntegers(string(at), want) >= 0
	case opClosed:
		names, err := parseNames(want)
		members, notObject := jsontext.FieldsOf(at)
		return err == nil && notObject == nil && !slices.ContainsFunc(members, func(m jsontext.Member) bool { return !slices.Contains(names, m.Name) })
	}
	return false
}

// leadsAside reports whether a path or an address has a segment "." or "..", plain or percent-encoded once or twice,
// also with parameters behind a semicolon. Such a text may lead outside its prefix. An over-long UTF-8 form counts as
// any character.
func leadsAside(text string) bool {
	for range 3 {
		for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == '/' || r == '\\' }) {
			if name, _, _ := strings.Cut(part, ";"); name == "." || name == ".." || overlong(part) {
				return true
			}
		}
		text = unescaped(text)
	}
	return false
}

// unescaped decodes the percent encoding in text.
func unescaped(text string) string {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if b, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				out, i = append(out, byte(b)), i+2
				continue
			}
		}
		out = append(out, text[i])
	}
	return string(out)
}

// overlong reports bytes that would be UTF-8 if they did not use more bytes than the character needs.
func overlong(text string) bool {
	for i := range len(text) {
		next := byte(0xff)
		if i+1 < len(text) {
			next = text[i+1]
		}
		if c := text[i]; c == 0xc0 || c == 0xc1 || c == 0xe0 && next < 0xa0 || c == 0xf0 && next < 0x90 {
			return true
		}
	}
	return false
}

// constraintsWithin returns why the child's constraints do not imply the parent's. For each key of the parent the child
// must have the same value or a narrower one.
func constraintsWithin(child, parent map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(parent)) {
		have, ok := child[key]
		if !ok {
			return fmt.Errorf("its parent's constraint %s=%s is missing", key, parent[key])
		}
		if have != parent[key] && !narrower(key, have, parent[key]) {
			return fmt.Errorf("constraint %s=%s is not narrower than its parent's %s", key, have, parent[key])
		}
		if pointer, found := strings.CutPrefix(key, opMax+":"); found {
			if err := leastWithin(pointer, child, parent); err != nil {
				return err
			}
		}
	}
	return nil
}

// leastWithin refuses a min below 0 in a child whose parent has only a max: the parent's least value is then 0.
func leastWithin(pointer string, child, parent map[string]string) error {
	key := opMin + ":" + pointer
	_, bounded := parent[key]
	least, ok := child[key]
	if bounded || !ok || (isInteger(least) && least[0] != '-') {
		return nil
	}
	return fmt.Errorf("constraint %s=%s is not within its parent's max:%s, whose least is 0", key, least, pointer)
}

func narrower(key, child, parent string) bool {
	op, _, err := cutConstraint(key)
	if err != nil {
		return false
	}
	switch op {
	case opMax:
		return isInteger(child) && isInteger(parent) && compareIntegers(child, parent) <= 0
	case opMin:
		return isInteger(child) && isInteger(parent) && compareIntegers(child, parent) >= 0
	case opPrefix:
		return strings.HasPrefix(child, parent)
	case opEq:
		c, cerr := parseLiteral(child)
		p, perr := parseLiteral(parent)
		return cerr == nil && perr == nil && c == p
	case opIn:
		return subset(child, parent, parseLiterals)
	case opClosed:
		return subset(child, parent, parseNames)
	}
	return false
}

// subset reports whether all values of one list are in another.
func subset[T comparable](child, parent string, parse func(string) ([]T, error)) bool {
	some, cerr := parse(child)
	all, perr := parse(parent)
	return cerr == nil && perr == nil && !slices.ContainsFunc(some, func(v T) bool { return !slices.Contains(all, v) })
}

func constraintsText(constraints map[string]string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(constraints)) {
		fmt.Fprintf(&b, ",%s=%s", escape(key, "="), escape(constraints[key], ""))
	}
	if constraints != nil && len(constraints) == 0 {
		return ",noconstraints"
	}
	return b.String()
}

func constraintsWords(constraints map[string]string) string {
	if len(constraints) == 0 {
		return ""
	}
	parts := make([]string, 0, len(constraints))
	for _, key := range slices.Sorted(maps.Keys(constraints)) {
		parts = append(parts, constraintWords(key, constraints))
	}
	return ", where the request has " + strings.Join(parts, " and ")
}

func constraintWords(key string, constraints map[string]string) string {
	value := constraints[key]
	op, pointer, err := cutConstraint(key)
	if err == nil {
		err = checkConstraint(key, constraints)
	}
	if err != nil {
		return fmt.Sprintf("%q=%q (not understood here: denies everything)", key, value)
	}
	switch op {
	case opEq:
		l, _ := parseLiteral(value) // checked above, like the lists below
		return fmt.Sprintf("%s at %q", l, pointer)
	case opIn:
		list, _ := parseLiterals(value)
		return fmt.Sprintf("one of %s at %q", list, pointer)
	case opPrefix:
		return fmt.Sprintf("a text beginning with %q at %q", value, pointer)
	case opMin:
		return fmt.Sprintf("at least %s at %q", value, pointer)
	case opClosed:
		names, _ := parseNames(value)
		return fmt.Sprintf("no members but %q at %q", names, pointer)
	}
	if _, bounded := constraints[opMin+":"+pointer]; bounded {
		return fmt.Sprintf("at most %s at %q", value, pointer)
	}
	return fmt.Sprintf("0 to %s at %q", value, pointer)
}
