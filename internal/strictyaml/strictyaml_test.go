package strictyaml

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

type inner struct {
	On   *bool             `yaml:"on"`
	N    uint16            `yaml:"n"`
	Kept map[string]uint64 `yaml:"kept"`
}

type outer struct {
	Name  string         `yaml:"name"`
	List  []string       `yaml:"list,flow"`
	Inner []inner        `yaml:"inner"`
	Any   map[string]any `yaml:"any"`
	Rest  []yaml.Node    `yaml:"rest"`
}

func TestTaken(t *testing.T) {
	var got outer
	err := Unmarshal([]byte("# a comment\nname: 2026-01-02\nlist: [1, true, x]\ninner:\n  - {on: true, n: 7, kept: {a: 1}}\n  - {}\nany: {x: [1, {y: z}]}\nrest: [a, {b: c}]\n"), &got)
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "2026-01-02" || !reflect.DeepEqual(got.List, []string{"1", "true", "x"}) || got.Inner[0].N != 7 || !*got.Inner[0].On || got.Inner[0].Kept["a"] != 1 || len(got.Rest) != 2 {
		t.Errorf("%+v", got)
	}
	var list []inner
	if err := Unmarshal([]byte(`[{"n": 1}]`), &list); err != nil || list[0].N != 1 {
		t.Errorf("JSON: %+v, %v", list, err)
	}
}

func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"name:\n":                         "line 1: name has no value",
		"name: ~\n":                       "has no value",
		"list: [a, null]\n":               "has no value",
		"inner: [{n: 1.9}]\n":             `"1.9"; a number is expected`,
		"inner: [{n: '1'}]\n":             "a number is expected",
		"inner: [{n: -1}]\n":              "cannot unmarshal",
		"inner: [{n: 65536}]\n":           "cannot unmarshal",
		"inner: [{on: yes}]\n":            "true or false is expected",
		"inner: [{on: \"true\"}]\n":       "true or false is expected",
		"inner: [{kept: {a: 1, a: 2}}]\n": `"a" is there twice`,
		"inner: [{kept: {a: }}]\n":        "a has no value",
		"inner: {n: 1}\n":                 "inner is a map; a list is expected",
		"name: [a]\n":                     "name is a list; a text is expected",
		"list: a\n":                       "a list is expected",
		"x: 1\nName: a\n":                 `"x" is not known`,
		"Name: a\n":                       `did you mean "name"?`,
		"name: a\nname: b\n":              "twice",
		"name: a\n---\nname: b\n":         "more than one",
		"name: &x a\nlist: [*x]\n":        "anchors and aliases",
		"inner: [{<<: {n: 1}}]\n":         "a name is expected",
		"any: {x: [{y: }]}\n":             "y has no value",
		"any: {x: 1, x: 2}\n":             "twice",
		"rest: [{a: 1, a: 2}]\n":          "twice",
		"? [a]\n: b\n":                    "a name is expected",
		"a\n":                             "the document",
		"name: !!binary YQ==\n":           "a text is expected",
	} {
		if err := Unmarshal([]byte(text), new(outer)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for _, text := range []string{"", "# only a comment\n", "null\n", "---\n"} {
		if err := Unmarshal([]byte(text), new(outer)); !errors.Is(err, ErrEmpty) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := Unmarshal([]byte(strings.Repeat("[", 200)+strings.Repeat("]", 200)), new(any)); err == nil {
		t.Error("any depth is taken")
	}
}

// FuzzUnmarshal: what is accepted is read the same way after it is written again.
func FuzzUnmarshal(f *testing.F) {
	for _, s := range []string{"name: a\nlist: [b]\n", "inner: [{on: true, n: 7}]\n", "any: {a: {b: c}}\n", "&a [*a]\n", "name: 0x10\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, again outer
		if Unmarshal(data, &got) != nil {
			return
		}
		got.Any, got.Rest = nil, nil
		text, err := yaml.Marshal(map[string]any{"name": got.Name, "list": append([]string{}, got.List...)})
		if err != nil {
			t.Fatal(err)
		}
		if err := Unmarshal(text, &again); err != nil || again.Name != got.Name || len(again.List) != len(got.List) {
			t.Fatalf("%q became %q: %v", data, text, err)
		}
	})
}
