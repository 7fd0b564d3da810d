package dataset

import (
	"bytes"
	"testing"

	"github.com/mythos-project/mythos/object"
)

// FuzzParseRedaction: rules that are read redact any payload without panic, and the same way
// twice.
func FuzzParseRedaction(f *testing.F) {
	f.Add([]byte("- {of: request, pointer: /a/b, label: x}\n- {regex: 's[a-z]+'}\n"), []byte(`{"a":{"b":"secret"}}`))
	f.Add([]byte("- {pointer: /a}\n---\n- {pointer: /b}\n"), []byte(`{"a":1}`))
	f.Add([]byte("- {Pointer: /a}\n"), []byte(`[1,"a"]`))
	key := bytes.Repeat([]byte("k"), MinRedactKey)
	f.Fuzz(func(t *testing.T, rules, payload []byte) {
		r, err := ParseRedaction(rules, key)
		if err != nil {
			return
		}
		again, err := ParseRedaction(rules, key)
		if err != nil || again.ID() != r.ID() {
			t.Fatal("other rules the second time")
		}
		out, changed, ok := r.Apply("request", object.Hash{}, payload)
		twice, changedAgain, okAgain := again.Apply("request", object.Hash{}, payload)
		if !bytes.Equal(out, twice) || changed != changedAgain || ok != okAgain {
			t.Fatalf("%q becomes %q, then %q", payload, out, twice)
		}
		if ok && !changed && !bytes.Equal(out, payload) {
			t.Fatalf("%q becomes %q, which is not told", payload, out)
		}
	})
}

// FuzzParseSplit: no part of a split is named twice.
func FuzzParseSplit(f *testing.F) {
	for _, s := range []string{"train=8,test=2", "a=1,a=2", "a=0"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if parts, err := ParseSplit(string(data)); err == nil {
			names := map[string]bool{}
			for _, p := range parts {
				if names[p.Name] {
					t.Fatalf("%q names %q twice", data, p.Name)
				}
				names[p.Name] = true
			}
		}
	})
}
