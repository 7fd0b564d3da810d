package jsontext

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

type inner struct {
	Name string `json:"name"`
}

type outer struct {
	Key   *string          `json:"key"`
	Count int              `json:"count,omitempty"`
	In    inner            `json:"in"`
	List  []inner          `json:"list"`
	Map   map[string]inner `json:"map"`
	Raw   json.RawMessage  `json:"raw"`
	Any   any              `json:"any"`
	Plain string           // no tag: its own name
}

func TestUnmarshal(t *testing.T) {
	var v outer
	good := `{"key":"","count":3,"in":{"name":"a\ud83d\ude00\\ud800"},"list":[{"name":"b"}],"map":{"x":{"name":"c"},"X":{}},"raw":{"a":null,"A":1},"any":null,"Plain":"p"}`
	if err := Unmarshal([]byte(good), &v); err != nil {
		t.Fatal(err)
	}
	if v.Key == nil || v.Count != 3 || v.In.Name != `a😀\ud800` || v.List[0].Name != "b" || v.Plain != "p" {
		t.Fatalf("%+v", v)
	}
	for text, part := range map[string]string{
		`{"key":"a","key":"b"}`:                `"key" is there twice`,
		`{"key":"a","\u006bey":"b"}`:           `"key" is there twice`,
		`{"raw":{"a":1,"a":2}}`:                `"a" is there twice`,
		`{"any":[{"a":1,"a":2}]}`:              `"a" is there twice`,
		`{"Key":"a"}`:                          `did you mean "key"`,
		`{"kye":"a"}`:                          `"kye" is not known`,
		`{"skip":{}}`:                          `"skip" is not known`,
		`{"in":{"nome":"a"}}`:                  `"nome" is not known`,
		`{"list":[{"name":"a"},{"Name":"b"}]}`: `"Name" is not known`,
		`{"map":{"x":{"nome":"a"}}}`:           `"nome" is not known`,
		`{"key":null}`:                         `"key" is null`,
		`{"in":null}`:                          `"in" is null`,
		`null`:                                 `null`,
		`[]`:                                   "cannot unmarshal",
		`{"count":1.5}`:                        "count",
		`{"count":"1"}`:                        "count",
		`{} {}`:                                "after top-level",
		`{"key":"\ud800"}`:                     "surrogate",
		`{"key":"\udc00\ud800"}`:               "surrogate",
		`{"key":"\uD83Dx"}`:                    "surrogate",
		"{\"key\":\"\xff\"}":                   "UTF-8",
		"\xef\xbb\xbf{}":                       "byte order mark",
		`{"any":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}`: "inside one another",
		``:  "unexpected end",
		`{`: "unexpected end",
	} {
		if err := Unmarshal([]byte(text), &v); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%.60s: %v, expected %q", text, err, part)
		}
	}
}

func TestLines(t *testing.T) {
	var got []string
	text := "\xef\xbb\xbf{\"key\":\"1\"}\r\n\r\n  {\"key\":\"2\"}\n" + `{"key":"3"}`
	err := Each(strings.NewReader(text), func(n int, v outer) error {
		got = append(got, *v.Key)
		return nil
	})
	if err != nil || strings.Join(got, "") != "123" {
		t.Fatal(got, err)
	}
	for text, part := range map[string]string{
		"{}\n{\"kye\":1}\n":                 "line 2",
		"{}\n\n{\"key\":\"\xff\"}":          "line 3",
		"\xff\xfe{\x00}\x00":                "UTF-16",
		"\x1f\x8b\x08":                      "gzip",
		"{\"key\":\"a\x00\"}":               "NUL",
		"{}\n" + strings.Repeat(" ", 2<<20): "line 2: it has more than",
	} {
		err := Each(strings.NewReader(text), func(int, outer) error { return nil })
		if !errors.Is(err, ErrLine) || !strings.Contains(err.Error(), part) {
			t.Errorf("%.20q: %v, expected %q", text, err, part)
		}
	}
	long := `{"Plain":"` + strings.Repeat("x", MaxLine-12) + `"}`
	if err := Each(strings.NewReader(long+"\r\n"), func(int, outer) error { return nil }); err != nil {
		t.Error(err)
	}
}

// FuzzUnmarshal: what is accepted is also accepted by encoding/json, with the same value.
func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(`{"key":"a","in":{"name":"\ud83d\ude00"},"raw":[1,2]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var v outer
		if Unmarshal(data, &v) != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatal("it is not JSON")
		}
		again, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if Check(again) != nil {
			t.Fatalf("%s", again)
		}
	})
}
