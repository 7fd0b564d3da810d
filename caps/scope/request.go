package scope

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/mythos-project/mythos/internal/jsontext"
)

const (
	maxRequest   = 4 << 20 // bytes of a request that constraints are checked on
	maxJSONDepth = 64      // objects and arrays inside one another
)

// checkRequest refuses requests that different programs read differently. Names of members must be unique regardless of
// letter case and Unicode normal form: parsers differ in which of two like names counts, so the request could mean one
// thing here and another to the tool.
func checkRequest(data []byte) error {
	if len(data) > maxRequest {
		return fmt.Errorf("%d bytes, constraints are checked on at most %d", len(data), maxRequest)
	}
	if err := jsontext.Check(data); err != nil {
		return err
	}
	return checkNames(data, 0)
}

func checkNames(raw json.RawMessage, depth int) error {
	kind := jsontext.Kind(raw)
	if kind != '{' && kind != '[' {
		return nil
	}
	if depth == maxJSONDepth {
		return fmt.Errorf("more than %d objects and arrays inside one another", maxJSONDepth)
	}
	if kind == '[' {
		items, err := jsontext.ListOf(raw)
		for i := 0; i < len(items) && err == nil; i++ {
			err = checkNames(items[i], depth+1)
		}
		return err
	}
	members, err := jsontext.FieldsOf(raw)
	if err != nil {
		return err
	}
	like := map[string]string{}
	for _, m := range members {
		if other, twice := like[fold(m.Name)]; twice {
			return fmt.Errorf("the keys %q and %q of one object are the same to some", other, m.Name)
		}
		if strings.ContainsRune(m.Name, 0) {
			return fmt.Errorf("the key %q has a NUL character, where it ends for some", m.Name)
		}
		like[fold(m.Name)] = m.Name
		if err := checkNames(m.Value, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// scalar returns the text of a string, and any other value as written.
func scalar(at json.RawMessage) string {
	if jsontext.Kind(at) != '"' {
		return string(at)
	}
	text, err := jsontext.TextOf(at)
	if err != nil {
		return "" // the request was checked before
	}
	return text
}

// fold maps keys that differ only in letter case or normal form to the same text.
func fold(key string) string {
	folded := strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, norm.NFC.String(key))
	return norm.NFC.String(folded)
}

// isInteger reports whether s is an integer in its one plain form: a minus is the only sign; no leading zeros, no
// fraction, no exponent, no -0.
func isInteger(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || (digits[0] == '0' && s != "0") {
		return false
	}
	return !strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
}

// compareIntegers compares plain integers of any length exactly.
func compareIntegers(a, b string) int {
	negA, negB := a[0] == '-', b[0] == '-'
	switch {
	case negA && !negB:
		return -1
	case !negA && negB:
		return 1
	case negA:
		a, b = b[1:], a[1:]
	}
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
