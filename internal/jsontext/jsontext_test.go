package jsontext

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzLikeEncodingJSON takes JSON apart down to its leaves and compares it with the result of encoding/json, including
// the digits of numbers. What encoding/json changes or drops (half a surrogate pair, the first of two members) must be
// refused.
func FuzzLikeEncodingJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1.0,9007199254740993,-0,1e2,"\ud83d\ude00<&>\u2028",null,true,{}],"A":"b\\\"c"}`, `[]`, ` { "a" : [ ] } `, `"\ud83d"`, `{"a":1,"a":2}`, `"\\ud800"`, "\"\xff\"", `[[],[[]]]`, `{"a":{"b":{"c":false}}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		raw := json.RawMessage(text)
		err := Check(raw)
		if valid := json.Valid(raw) && utf8.ValidString(text); !valid && err == nil {
			t.Fatalf("%q is not JSON, and Check takes it", text)
		} else if err != nil {
			if valid && !strings.Contains(err.Error(), "twice") && !strings.Contains(err.Error(), "surrogate") && !strings.Contains(err.Error(), "inside one another") {
				t.Fatalf("%q: %v", text, err)
			}
			_, _ = decoded(raw) // it may be refused, but must end
			return
		}
		got, err := decoded(raw)
		if err != nil {
			t.Fatalf("%q passes Check: %v", text, err)
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
		canonical, err := Canonical(raw)
		if err != nil {
			t.Fatalf("%q has no canonical form: %v", text, err)
		}
		for _, form := range [][]byte{Compact(raw), canonical} {
			again, err := decoded(form)
			if err != nil || !reflect.DeepEqual(again, want) {
				t.Fatalf("%q written as %s is %#v: %v", text, form, again, err)
			}
		}
	})
}

// decoded builds the value of encoding/json, and rewrites each part on the way.
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
	for _, bad := range []string{"", "{", `{"a`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{"a" 1}`, `{a:1}`, `{"a":1}}`, `{"a":1 "b":2}`, `{:1}`} {
		if f, err := FieldsOf(json.RawMessage(bad)); err == nil {
			t.Errorf("%s is %v", bad, f)
		}
	}
	for _, bad := range []string{"", "[", "[1", "[1,", "[1,]", "[,]", "[1 2]", "[1]]", "[1:2]"} {
		if l, err := ListOf(json.RawMessage(bad)); err == nil {
			t.Errorf("%s is %v", bad, l)
		}
	}
	if got := string(Text("<&>\"\\\n")); got != `"<&>\"\\\n"` {
		t.Errorf("a text is %s", got)
	}
	if got := Describe(json.RawMessage(strings.Repeat("é", 30))); !strings.HasSuffix(got, "...") || !utf8.ValidString(got) {
		t.Errorf("a long value is named %q", got)
	}
}

func TestPointers(t *testing.T) {
	// The document and pointers of RFC 6901, section 5.
	const doc = `{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8,"null":null,"nested":[[1],{"x":[{}]}]}`
	for text, want := range map[string]string{"": doc, "/foo": `["bar","baz"]`, "/foo/0": `"bar"`, "/": "0", "/a~1b": "1", "/c%d": "2", "/e^f": "3", "/g|h": "4", `/i\j`: "5", `/k"l`: "6", "/ ": "7", "/m~0n": "8",
		"/null": "null", "/nested/1/x/0": "{}", "/nested/0/0": "1", "/foo/2": "", "/foo/-": "", "/foo/00": "", "/foo/+1": "", "/foo/1e0": "", "/no": "", "/foo/0/x": "", "/foo/99999999999999999999": "", "/null/x": ""} {
		p, err := ParsePointer(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := p.In(json.RawMessage(doc)); err != nil || string(got) != want {
			t.Errorf("%s is %s (%v), expected %s", text, got, err, want)
		}
	}
	for _, bad := range []string{"foo", "/~", "/~2", "/a~", "~0"} {
		if p, err := ParsePointer(bad); err == nil {
			t.Errorf("%s is %q", bad, p)
		}
	}
	if v, err := (Pointer{"a", "b"}).In(json.RawMessage(`{"a":{"b":1,"b":2}}`)); err == nil {
		t.Errorf("one of two is %s", v)
	}
}

func TestCheck(t *testing.T) {
	nested := func(n int) string { return strings.Repeat(`{"a":[`, n/2) + strings.Repeat("]}", n/2) }
	for text, part := range map[string]string{"\xef\xbb\xbf{}": "byte order mark", "\"\xff\"": "UTF-8 (byte 2)", `{"a":{"b":1,"\u0062":2}}`: `"b" is there twice`, `["\udc00"]`: "byte 3", `{"\ud800":1}`: "surrogate",
		`{} {}`: "after top-level", `{"a":NaN}`: "byte", "": "end of JSON", nested(502): "inside one another"} {
		if err := Check([]byte(text)); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%.40s: %v, expected %s", text, err, part)
		}
	}
	for _, text := range []string{nested(500), ` {"a":1,"A":2,"\u00e4":3,"a\u0308":4} `, `"\ud83d\ude00\\ud800"`, `[1e400,-0,0.10]`, `"\uD83D\uDE00"`, `[[],{},"",0]`} {
		if err := Check([]byte(text)); err != nil {
			t.Errorf("%.40s: %v", text, err)
		}
	}
}
