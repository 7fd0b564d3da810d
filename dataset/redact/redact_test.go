package redact

import (
	"bytes"
	"errors"
	"testing"

	"github.com/mythos-project/mythos/object"
)

// TestRedactionRulesAreWhole: rules that would be ignored or have no effect are refused.
func TestRedactionRulesAreWhole(t *testing.T) {
	key := bytes.Repeat([]byte("k"), MinKey)
	for _, text := range []string{
		"- {pointer: /a}\n---\n- {pointer: /b}\n", "- {pointer: /a, of: }\n", "- {pointer: /a, tool: null}\n", "- &x {pointer: /a}\n- *x\n",
		"- {pointer: /a, pointer: /b}\n", "- {Pointer: /a}\n", "{pointer: /a}\n", "- [pointer]\n", "", "null\n",
	} {
		if _, err := Parse([]byte(text), key); !errors.Is(err, ErrRules) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestNoEscapeHides searches decoded strings of JSON, in lines of it, too. JSON that readers interpret differently is
// withheld.
func TestNoEscapeHides(t *testing.T) {
	red, err := New([]Rule{{Regex: "secret"}}, []byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	label := red.Replacement("redacted", "secret")
	for payload, want := range map[string]string{
		`{"b":1.0,"a":"\u0073ecret"}`:                      `{"a":"` + label + `","b":1.0}`,
		"{\"a\":\"\\u0073ecret\"}\r\n{\"n\": 1}\nsecret":   `{"a":"` + label + "\"}\r\n{\"n\": 1}\n" + label,
		`[{"\u0073ecret":[9007199254740993,"<&>\u2028"]}]`: `[{"` + label + `":[9007199254740993,"<&>\u2028"]}]`,
	} {
		out, changed, ok := red.Apply("request", object.Hash{}, []byte(payload))
		if !ok || !changed || string(out) != want {
			t.Errorf("%s\nbecame %s, expected %s", payload, out, want)
		}
	}
	for _, payload := range []string{`{"a":"\u0073ecret","a":"x"}`, `{"a":"\ud800"}`, "{}\n" + `{"a":{"b":"\u0073ecret","b":1}}`, `{"\u0073ecret":1,"secre\u0074":2}`} {
		if out, _, ok := red.Apply("request", object.Hash{}, []byte(payload)); ok {
			t.Errorf("%s leaves as %s", payload, out)
		}
	}
}

func TestRedaction(t *testing.T) {
	key := []byte("0123456789abcdef")
	wc, other := object.SumText("tool:wc"), object.SumText("tool:other")
	red, err := New([]Rule{{Pointer: "/a/*/b~1c", Tool: wc.String()}, {Regex: `s\w+t`, Of: "response"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	mark := func(label, v string) string { return red.Replacement(label, v) }
	for _, c := range []struct {
		of, payload, want string
		tool              object.Hash
		changed, ok       bool
	}{
		{"request", `{"a":[{"b/c":"x","d":1}]}`, `{"a":[{"b/c":"` + mark("redacted", "x") + `","d":1}]}`, wc, true, true},
		{"request", `{"a":{"k":{"b/c":{"x":[1.50]}}}}`, `{"a":{"k":{"b/c":"` + mark("redacted", `{"x":[1.50]}`) + `"}}}`, wc, true, true},
		{"request", `{"a":[{"b/c":"x"}]}`, `{"a":[{"b/c":"x"}]}`, other, false, true},
		{"request", `{"z": 1}`, `{"z": 1}`, wc, false, true},
		{"request", `not JSON`, ``, wc, true, false},
		{"request", `{"a":1} {"a":2}`, ``, wc, true, false},
		{"request", `secret`, `secret`, other, false, true},
		{"response", `a secret`, `a ` + mark("redacted", "secret"), other, true, true},
		{"response", `{"k":"s\u0065cret"}`, `{"k":"` + mark("redacted", "secret") + `"}`, other, true, true},
		{"response", `{"\u0073ecret":1}`, `{"` + mark("redacted", "secret") + `":1}`, other, true, true},
		{"response", "\xff secret", ``, other, true, false},
		{"signal", `secret`, `secret`, object.Hash{}, false, true},
	} {
		out, changed, ok := red.Apply(c.of, c.tool, []byte(c.payload))
		if string(out) != c.want || changed != c.changed || ok != c.ok {
			t.Errorf("%s of %s: %s, %v, %v, expected %s", c.of, c.payload, out, changed, ok, c.want)
		}
	}
	if again, err := New([]Rule{{Regex: "x"}}, []byte("another key 1234")); err != nil || again.Replacement("a", "b") == mark("a", "b") || again.ID() == red.ID() || again.KeyID() == red.KeyID() {
		t.Errorf("keys and rules make no difference: %v", err)
	}
	for _, bad := range []Rule{{}, {Pointer: "/a", Regex: "b"}, {Pointer: "a"}, {Regex: "("}, {Regex: "a", Of: "all"}, {Regex: "a", Tool: "wc"}} {
		if _, err := New([]Rule{bad}, key); !errors.Is(err, ErrRules) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := New([]Rule{{Regex: "a"}}, []byte("short")); !errors.Is(err, ErrRules) {
		t.Errorf("a short key: %v", err)
	}
	if _, err := Parse([]byte("- {regexp: a}"), key); !errors.Is(err, ErrRules) {
		t.Errorf("an unknown field: %v", err)
	}
}

// FuzzParse: parsed rules redact any payload without panic, and the same way twice.
func FuzzParse(f *testing.F) {
	f.Add([]byte("- {of: request, pointer: /a/b, label: x}\n- {regex: 's[a-z]+'}\n"), []byte(`{"a":{"b":"secret"}}`))
	f.Add([]byte("- {pointer: /a}\n---\n- {pointer: /b}\n"), []byte(`{"a":1}`))
	f.Add([]byte("- {Pointer: /a}\n"), []byte(`[1,"a"]`))
	key := bytes.Repeat([]byte("k"), MinKey)
	f.Fuzz(func(t *testing.T, rules, payload []byte) {
		r, err := Parse(rules, key)
		if err != nil {
			return
		}
		again, err := Parse(rules, key)
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
