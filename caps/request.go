package caps

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/mythos-project/mythos/internal/strictjson"
)

const (
	maxRequest   = 4 << 20 // bytes of a request that constraints are checked on
	maxJSONDepth = 64      // objects and arrays inside one another
)

type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonBool
	jsonNumber
	jsonString
	jsonArray
	jsonObject
)

// jsonValue is a parsed JSON value. Object keys are unique, whatever their letter case and
// their normal form: which of two like keys counts differs between parsers, so a request
// could mean one thing here and another to the tool.
type jsonValue struct {
	kind    jsonKind
	scalar  string // string, number as written, "true", "false", "null"
	items   []*jsonValue
	members map[string]*jsonValue
}

func parseJSON(data []byte) (*jsonValue, error) {
	if len(data) > maxRequest {
		return nil, fmt.Errorf("%d bytes, constraints are checked on at most %d", len(data), maxRequest)
	}
	if err := strictjson.Check(data); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return readJSON(d, 0)
}

func readJSON(d *json.Decoder, depth int) (*jsonValue, error) {
	tok, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := tok.(type) {
	case string:
		return &jsonValue{kind: jsonString, scalar: t}, nil
	case json.Number:
		return &jsonValue{kind: jsonNumber, scalar: t.String()}, nil
	case bool:
		return &jsonValue{kind: jsonBool, scalar: strconv.FormatBool(t)}, nil
	case json.Delim:
		if depth == maxJSONDepth {
			return nil, fmt.Errorf("more than %d objects and arrays inside one another", maxJSONDepth)
		}
		if t == '[' {
			return readArray(d, depth+1)
		}
		return readObject(d, depth+1)
	}
	return &jsonValue{kind: jsonNull, scalar: "null"}, nil
}

func readArray(d *json.Decoder, depth int) (*jsonValue, error) {
	v := &jsonValue{kind: jsonArray}
	for d.More() {
		item, err := readJSON(d, depth)
		if err != nil {
			return nil, err
		}
		v.items = append(v.items, item)
	}
	_, err := d.Token()
	return v, err
}

func readObject(d *json.Decoder, depth int) (*jsonValue, error) {
	v := &jsonValue{kind: jsonObject, members: map[string]*jsonValue{}}
	like := map[string]string{}
	for d.More() {
		tok, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, ok := tok.(string)
		if !ok {
			return nil, errors.New("an object's key is not a string")
		}
		if other, twice := like[fold(key)]; twice {
			return nil, fmt.Errorf("the keys %q and %q of one object are the same to some", other, key)
		}
		if strings.ContainsRune(key, 0) {
			return nil, fmt.Errorf("the key %q has a NUL character, where it ends for some", key)
		}
		like[fold(key)] = key
		if v.members[key], err = readJSON(d, depth); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return v, err
}

// fold is the same for keys that differ in letter case or in normal form alone.
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

// checkPointer refuses what is no JSON pointer (RFC 6901 section 3).
func checkPointer(p string) error {
	if p != "" && p[0] != '/' {
		return fmt.Errorf("JSON pointer %q does not begin with a slash", p)
	}
	for i := range len(p) {
		if p[i] == '~' && (i+1 == len(p) || (p[i+1] != '0' && p[i+1] != '1')) {
			return fmt.Errorf("JSON pointer %q has a ~ that is neither ~0 nor ~1", p)
		}
	}
	return nil
}

var unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")

// at finds the value that a valid JSON pointer names (RFC 6901 section 4).
func (v *jsonValue) at(pointer string) (*jsonValue, bool) {
	if pointer == "" {
		return v, true
	}
	for _, token := range strings.Split(pointer[1:], "/") {
		var ok bool
		switch v.kind {
		case jsonObject:
			v, ok = v.members[unescapePointer.Replace(token)]
		case jsonArray:
			v, ok = v.item(token)
		}
		if !ok {
			return nil, false
		}
	}
	return v, true
}

// item finds an array's item; indexes have no sign and no leading zero.
func (v *jsonValue) item(token string) (*jsonValue, bool) {
	if !isInteger(token) || token[0] == '-' {
		return nil, false
	}
	i, err := strconv.ParseUint(token, 10, 31)
	if err != nil || i >= uint64(len(v.items)) {
		return nil, false
	}
	return v.items[i], true
}

// isInteger tells whether s is an integer in its one plain form: no sign but a
// minus, no leading zeros, no fraction, no exponent, no -0.
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
