// Package input reads the inputs of golden vectors (spec/vectors/README.md).
package input

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/internal/catalog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// Decode reads a vector's input. It refuses unknown members, so that no vector states something that is never checked.
func Decode(in json.RawMessage, v any) error {
	dec := json.NewDecoder(bytes.NewReader(in))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("input: %w", err)
	}
	return nil
}

// Hex is a byte string, in JSON as hex digits.
type Hex []byte

// MarshalText gives lower-case hex digits.
func (b Hex) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%x", []byte(b)), nil }

// UnmarshalText reads hex digits.
func (b *Hex) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(strings.TrimSpace(string(text)))
	*b = raw
	return err
}

// Bytes are byte strings without their form in JSON.
func Bytes(list []Hex) [][]byte {
	out := make([][]byte, len(list))
	for i, raw := range list {
		out[i] = raw
	}
	return out
}

// Key is the agent with a name in vectors: its Ed25519 seed is the SHA-256 of "mythos golden key: " and the name, which
// is also its hint.
func Key(name string) *sign.Key {
	return sign.FromSeed(object.SumText("mythos golden key: "+name).Sum, name)
}

// Struct is a struct by its name.
func Struct(name string) (object.Struct, error) {
	s, ok := catalog.Lookup(name)
	if !ok {
		return s, fmt.Errorf("no struct %q", name)
	}
	return s, nil
}

// View encodes the JSON view of a struct.
func View(name string, view json.RawMessage) ([]byte, error) {
	s, err := Struct(name)
	if err != nil {
		return nil, err
	}
	raw, err := object.FromJSON(s.Type(), view)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return raw, can.Validate(raw)
}
