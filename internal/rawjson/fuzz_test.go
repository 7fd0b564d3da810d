package rawjson

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzPlain: the plain form of a plain form is itself, says the same, and Members loses no byte.
func FuzzPlain(f *testing.F) {
	for _, s := range []string{`{"b":1e5,"a":"\u00e9\n"}`, `{"a":1,"a":2}`, `"\ud800"`, `[ 1 , {"x":null}]`, `{"A":1,"a":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if list, err := Members(data); err == nil {
			for _, m := range list {
				if !bytes.Contains(data, m.Raw) {
					t.Fatalf("%q is no part of %q", m.Raw, data)
				}
			}
		}
		plain, err := Plain(data)
		if err != nil {
			return
		}
		if !json.Valid(plain) {
			t.Fatalf("%q has the plain form %q", data, plain)
		}
		if again, err := Plain(plain); err != nil || !bytes.Equal(again, plain) {
			t.Fatalf("%q became %q: %v", plain, again, err)
		}
	})
}
