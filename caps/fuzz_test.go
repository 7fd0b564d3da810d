package caps

import (
	"bytes"
	"testing"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
)

// FuzzOpen: an opened capability has the id of its bytes, explains itself, and survives the file form unchanged. No
// input panics.
func FuzzOpen(f *testing.F) {
	for _, text := range allScopes {
		f.Add(rootCap(f, text)[0].Raw)
	}
	chain := extend(f, alice, rootCap(f, "eval.run:"+hexA), Draft{Subject: bob.Agent(), Revocable: true})
	f.Add(chain[0].Raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, _, generic := object.Open[Capability](raw, Rule)
		l, err := Open(raw)
		if (err == nil) != (generic == nil) && len(raw) <= MaxSize {
			t.Fatalf("%v, the generic reader says %v", err, generic)
		}
		if err != nil {
			return
		}
		if id, err := Rule.ID(raw); err != nil || id != l.ID || !bytes.Equal(l.Raw, raw) {
			t.Fatalf("id %s, %v", id, err)
		}
		if Explain(Chain{l}, t0) == "" || l.Cap.Scope.String() == "" {
			t.Fatal("no words for it")
		}
		file, err := ExportFile(Chain{l})
		if (err == nil) != (l.Cap.AttenuationParent == nil) {
			t.Fatal(err)
		}
		if again, impErr := ImportFile(file); err == nil && (impErr != nil || again[0].ID != l.ID) {
			t.Fatal(impErr)
		}
	})
}

// FuzzParseScope: a scope that parses prints to a text that parses to the same scope.
func FuzzParseScope(f *testing.F) {
	for _, text := range allScopes {
		f.Add(text)
	}
	f.Add("tool.call:echo,eq:/a=1")
	resolve := func(kind, name string) (object.Hash, error) { return object.SumText(kind + name), nil }
	f.Fuzz(func(t *testing.T, text string) {
		s, err := scope.Parse(text, resolve)
		if err != nil {
			return
		}
		if err := s.Check(); err != nil {
			t.Fatalf("%q gives an invalid scope: %v", text, err)
		}
		again, err := scope.Parse(s.String(), nil)
		if err != nil || again.Kind != s.Kind || !bytes.Equal(again.Payload, s.Payload) {
			t.Fatalf("%q prints as %q: %v", text, s.String(), err)
		}
		if err := s.Within(again); err != nil {
			t.Fatalf("%q is not within itself: %v", text, err)
		}
	})
}

// FuzzMeets: constraints never panic, whatever the request.
func FuzzMeets(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,"x",null]}}`), "eq:/a/b/1", "x")
	f.Add([]byte(`{"a":1e5}`), "max:/a", "7")
	f.Fuzz(func(t *testing.T, request []byte, key, value string) {
		constraints := map[string]string{key: value}
		if satisfies(request, constraints) == nil && scope.CheckConstraints(constraints) != nil {
			t.Fatalf("a malformed constraint %q=%q is met", key, value)
		}
	})
}
