// Package natural takes the key of a call from its arguments, if the tool's policy names the place
// (spec/tools.md#mcp-clients), for example an order's number. Two calls with the same natural key are one call.
package natural

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// maxKey is the longest natural key, in bytes.
const maxKey = 1024

// Check refuses a text that is not a place in arguments.
func Check(pointer string) error {
	p, err := jsontext.ParsePointer(pointer)
	if err == nil && len(p) == 0 {
		err = fmt.Errorf("%q names all of the arguments: name one of them, such as /order", pointer)
	}
	return err
}

// Key is the key of a call of a tool whose key is at the pointer: a slash, and the JSON of a text or an integer. The
// error wraps exec.ErrRequest if the request has no such value there.
func Key(pointer string, request []byte) (string, error) {
	p, err := jsontext.ParsePointer(pointer)
	var value json.RawMessage
	if err == nil {
		value, err = p.In(request)
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: its key stands at %s: %w", exec.ErrRequest, pointer, err)
	case value == nil:
		return "", fmt.Errorf("%w: its key is at %s, which is missing", exec.ErrRequest, pointer)
	}
	plain, err := jsontext.Canonical(value)
	is := err == nil && (jsontext.Kind(plain) == '"' && len(plain) > 2 || integer(plain))
	if !is || len(plain) > maxKey || !utf8.Valid(plain) {
		return "", fmt.Errorf("%w: its key is at %s, and %.40q is not a key: expected an integer or a text that is not empty, of at most %d bytes", exec.ErrRequest, pointer, value, maxKey)
	}
	return "/" + string(plain), nil
}

// integer reports whether a number is an integer in its plain form.
func integer(plain []byte) bool {
	digits := bytes.TrimPrefix(plain, []byte("-"))
	return len(digits) > 0 && (digits[0] != '0' || string(plain) == "0") && len(bytes.Trim(digits, "0123456789")) == 0
}

// Lead begins the keys of calls that are not made for another agent.
const Lead = "a"

// Of is the key of a call without one that its tool's policy names; nil: it names none.
func Of(t exec.Tool, request []byte) ([]byte, error) {
	if t.Policy.KeyFrom == "" {
		return nil, nil
	}
	key, err := Key(t.Policy.KeyFrom, request)
	return []byte(Lead + key), err
}
