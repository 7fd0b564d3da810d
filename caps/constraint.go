package caps

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The operations of constraints.
const (
	opEq     = "eq"
	opIn     = "in"
	opPrefix = "prefix"
	opMax    = "max"
)

// cutConstraint splits a constraint's key into operation and JSON pointer.
func cutConstraint(key string) (op, pointer string, err error) {
	op, pointer, found := strings.Cut(key, ":")
	if !found || !slices.Contains([]string{opEq, opIn, opPrefix, opMax}, op) {
		return "", "", fmt.Errorf("constraint %q is not known (eq, in, prefix and max are)", key)
	}
	return op, pointer, checkPointer(pointer)
}

// checkConstraints refuses constraints that no request could meet, because the
// key or the value is malformed. Verification does not need it: they deny.
func checkConstraints(constraints map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(constraints)) {
		op, _, err := cutConstraint(key)
		if err != nil {
			return err
		}
		if op == opMax && !isInteger(constraints[key]) {
			return fmt.Errorf("constraint %q: %q is not an integer", key, constraints[key])
		}
	}
	return nil
}

// meets says which constraint the request does not meet.
func meets(request []byte, constraints map[string]string) error {
	if len(constraints) == 0 {
		return nil
	}
	doc, err := parseJSON(request)
	if err != nil {
		return fmt.Errorf("the scope constrains the request, which is not plain JSON: %w", err)
	}
	for _, key := range slices.Sorted(maps.Keys(constraints)) {
		op, pointer, err := cutConstraint(key)
		if err != nil {
			return err
		}
		at, found := doc.at(pointer)
		if !found {
			return fmt.Errorf("constraint %q: the request has no such member", key)
		}
		if want := constraints[key]; !holds(op, at, want) {
			return fmt.Errorf("constraint %s=%s does not hold", key, want)
		}
	}
	return nil
}

func holds(op string, at *jsonValue, want string) bool {
	text, scalar := at.text()
	switch op {
	case opEq:
		return scalar && text == want
	case opIn:
		return scalar && slices.Contains(strings.Split(want, "|"), text)
	case opPrefix:
		return at.kind == jsonString && strings.HasPrefix(text, want)
	case opMax:
		return at.kind == jsonNumber && scalar && isInteger(want) && compareIntegers(text, want) <= 0
	}
	return false
}

// constraintsWithin says why the child's constraints do not imply the parent's:
// the same key with the same value, or one that is narrower.
func constraintsWithin(child, parent map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(parent)) {
		have, ok := child[key]
		if !ok {
			return fmt.Errorf("its parent's constraint %s=%s is missing", key, parent[key])
		}
		if have != parent[key] && !narrower(key, have, parent[key]) {
			return fmt.Errorf("constraint %s=%s is not narrower than its parent's %s", key, have, parent[key])
		}
	}
	return nil
}

func narrower(key, child, parent string) bool {
	op, _, err := cutConstraint(key)
	if err != nil {
		return false
	}
	switch op {
	case opMax:
		return isInteger(child) && isInteger(parent) && compareIntegers(child, parent) <= 0
	case opPrefix:
		return strings.HasPrefix(child, parent)
	case opIn:
		allowed := strings.Split(parent, "|")
		return !slices.ContainsFunc(strings.Split(child, "|"), func(v string) bool { return !slices.Contains(allowed, v) })
	}
	return false
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
		parts = append(parts, constraintWords(key, constraints[key]))
	}
	return ", where the request has " + strings.Join(parts, " and ")
}

func constraintWords(key, value string) string {
	op, pointer, err := cutConstraint(key)
	if err != nil {
		return fmt.Sprintf("%q=%q (not known here: denies everything)", key, value)
	}
	switch op {
	case opEq:
		return fmt.Sprintf("%q at %q", value, pointer)
	case opIn:
		return fmt.Sprintf("one of %q at %q", strings.Split(value, "|"), pointer)
	case opPrefix:
		return fmt.Sprintf("a text beginning with %q at %q", value, pointer)
	}
	return fmt.Sprintf("at most %s at %q", printableOr(value), pointer)
}

// printableOr quotes a text that a terminal could trip over.
func printableOr(s string) string {
	if printable(s) {
		return s
	}
	return fmt.Sprintf("%q", s)
}
