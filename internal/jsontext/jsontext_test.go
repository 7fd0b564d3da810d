package jsontext

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzLikeEncodingJSON takes JSON apart down to its leaves and compares with what
// encoding/json decodes, with the digits of numbers. What encoding/json changes or drops
// (half a surrogate pair, the first of two members) must be refused.
func FuzzLikeEncodingJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1.0,9007199254740993,-0,1e2,"\ud83d\ude00<&>\u2028",null,true,{}],"A":"b\\\"c"}`, `[]`, ` { "a" : [ ] } `, `"\ud83d"`, `{"a":1,"a":2}`, `"\\ud800"`, "\"\xff\"", `[[],[[]]]`, `{"a":{"b":{"c":false}}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		raw := json.RawMessage(text)
		if valid := json.Valid(raw) && utf8.ValidString(text); (Check(raw) == nil) != valid {
			t.Fatalf("%q: valid %v, Check says %v", text, valid, Check(raw))
		} else if !valid {
			return
		}
		got, err := decoded(raw)
		if err != nil {
			if !strings.Contains(err.Error(), "twice") && !strings.Contains(err.Error(), "surrogate") {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		dec := json.NewDecoder(strings.NewReader(text))
		dec.UseNumber()
		var want any
		if err := dec.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is %#v, encoding/json says %#v", text, got, want)
		}
		again, err := decoded(Compact(raw))
		if err != nil || !reflect.DeepEqual(again, want) {
			t.Fatalf("%q without blanks is %#v: %v", text, again, err)
		}
	})
}

// decoded builds what encoding/json would, and writes each part again on the way.
func decoded(raw json.RawMessage) (any, error) {
	switch Kind(raw) {
	case '{':
		f, err := FieldsOf(raw)
		if err != nil {
			return nil, err
		}
		out := map[string]any{}
		for _, m := range f {
			if out[m.Name], err = decoded(m.Value); err != nil {
				return nil, err
			}
		}
		return out, nil
	case '[':
		list, err := ListOf(raw)
		if err != nil {
			return nil, err
		}
		out := make([]any, len(list))
		for i, item := range list {
			if out[i], err = decoded(item); err != nil {
				return nil, err
			}
		}
		return out, nil
	case '"':
		text, err := TextOf(raw)
		if err != nil {
			return nil, err
		}
		return TextOf(Text(text))
	case 't', 'f':
		return Kind(raw) == 't', nil
	case 'n':
		return nil, nil
	}
	return json.Number(bytes.TrimSpace(raw)), nil
}

func TestFields(t *testing.T) {
	f, err := FieldsOf(json.RawMessage(` { "b" : 1.0 , "a" : null } `))
	if err != nil || string(f.Get("b")) != "1.0" || f.Get("a") != nil || !f.Has("a") || string(f.JSON()) != `{"b":1.0,"a":null}` {
		t.Errorf("%s: %v", f.JSON(), err)
	}
	for _, bad := range []string{`[1]`, `"x"`, `{"a":1,"\u0061":2}`} {
		if f, err := FieldsOf(json.RawMessage(bad)); err == nil {
			t.Errorf("%s is %v", bad, f)
		}
	}
	if got := string(Text("<&>\"\\\n")); got != `"<&>\"\\\n"` {
		t.Errorf("a text is %s", got)
	}
	if got := Describe(json.RawMessage(strings.Repeat("é", 30))); !strings.HasSuffix(got, "...") || !utf8.ValidString(got) {
		t.Errorf("a long value is named %q", got)
	}
}
