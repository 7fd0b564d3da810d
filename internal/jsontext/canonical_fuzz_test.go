package jsontext

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzCanonical: canonicalizing twice changes nothing, and FieldsOf loses no byte.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{`{"b":1e5,"a":"\u00e9\n"}`, `{"a":1,"a":2}`, `"\ud800"`, `[ 1 , {"x":null}]`, `{"A":1,"a":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if list, err := FieldsOf(data); err == nil {
			for _, m := range list {
				if !bytes.Contains(data, m.Value) {
					t.Fatalf("%q is no part of %q", m.Value, data)
				}
			}
		}
		plain, err := Canonical(data)
		if err != nil {
			return
		}
		if !json.Valid(plain) {
			t.Fatalf("%q has the canonical form %q", data, plain)
		}
		if again, err := Canonical(plain); err != nil || !bytes.Equal(again, plain) {
			t.Fatalf("%q became %q: %v", plain, again, err)
		}
	})
}
