package httptool

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/exec"
)

// TestFill: values fill a URL without changing its shape.
func TestFill(t *testing.T) {
	const base = "http://h/public/"
	tests := []struct{ template, request, want string }{
		{base + "{/name}", `{"name":"a b?&#;,+ü"}`, base + "a%20b%3F&%23%3B%2C+%C3%BC"},
		{base + "{/name}", `{"name":"..."}`, base + "..."},
		{base + "{/name}", `{"name":9007199254740993}`, base + "9007199254740993"},
		{base + "{/name}", `{"name":1.50}`, base + "1.50"},
		{base + "{/a}{/b}", `{"a":"x.","b":"y"}`, base + "x.y"},
		{base + "{+/name}/raw", `{"name":"a/b c"}`, base + "a/b%20c/raw"},
		{base + "x?q={/name}&r={/name}", `{"name":"a/../%&r=2#\n"}`, base + "x?q=a%2F..%2F%25%26r%3D2%23%0A&r=a%2F..%2F%25%26r%3D2%23%0A"},
		{"http://h/a/../{/name}", `{"name":"x"}`, "http://h/a/../x"}, // the registration's own text stays
		{base + "{/a~1b/0}", `{"a/b":["x"]}`, base + "x"},
		{base, "no JSON", base},
	}
	for _, tt := range tests {
		if got, err := fill(tt.template, []byte(tt.request)); err != nil || got != tt.want {
			t.Errorf("%s with %s: %q, %v", tt.template, tt.request, got, err)
		}
	}
	refused := map[string][]string{
		base + "{/name}": {`{"name":""}`, `{"name":"."}`, `{"name":".."}`, `{"name":"../private"}`, `{"name":"..\\private"}`, `{"name":"a/b"}`, `{"name":"..%2fprivate"}`,
			`{"name":"%2e%2e"}`, `{"name":"%252e"}`, `{"name":"a\u0000"}`, `{"name":"a\r\nHost: x"}`, `{"name":"a\u0085"}`, `{"name":"..;x"}`, `{"name":".;"}`,
			`{"name":"\ud800"}`, "{\"name\":\"\xff\"}", `{"name":"a","name":"b"}`, `{"name":"a"}{"name":"b"}`, `{"name":null}`, `{"name":{}}`, `{}`, ``, `[]`},
		base + "{/a}{/b}":             {`{"a":".","b":"."}`},
		base + ".{/a}":                {`{"a":"."}`},
		base + "{/a}%2e":              {`{"a":"."}`},
		base + "%252e{/a}":            {`{"a":"."}`},
		base + "{+/name}":             {`{"name":"a/../../x"}`, `{"name":"/etc"}`, `{"name":"a//b"}`, `{"name":"a/"}`, `{"name":"a/..;/b"}`, `{"name":"a\\b"}`, `{"name":"%2e%2e/x"}`},
		base + "{/list/01}":           {`{"list":["x","y"]}`},
		base + "{/list/+1}":           {`{"list":["x","y"]}`},
		base + "{/list/-}":            {`{"list":["x","y"]}`},
		base + "x?q={/name}":          {`{"name":"\udfff"}`, `{"other":"x"}`},
		"http://h/{/a}/../x/{/b}/../": {`{"a":"a","b":"."}`},
	}
	for template, requests := range refused {
		for _, request := range requests {
			if got, err := fill(template, []byte(request)); !errors.Is(err, exec.ErrRequest) {
				t.Errorf("%s with %s: %q, %v", template, request, got, err)
			}
		}
	}
}

// FuzzFill: whatever the value, the URL has the template's segments and stays below its folder.
func FuzzFill(f *testing.F) {
	for _, s := range []string{"a", "../b", "..%2fb", "a/b", `..\b`, "%252e%252e", "\u202e", "a?b#c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		request, err := json.Marshal(map[string]string{"v": value})
		if err != nil {
			t.Skip()
		}
		got, err := fill("http://h/public/{/v}/end?q={/v}", request)
		if err != nil {
			return
		}
		u, err := url.Parse(got)
		if err != nil {
			t.Fatalf("%q: %v", got, err)
		}
		if strings.Count(u.EscapedPath(), "/") != 3 || u.Host != "h" || u.Fragment != "" || len(u.Query()["q"]) != 1 || len(u.Query()) != 1 {
			t.Errorf("%q of %q", got, value)
		}
		for range 2 {
			clean, err := url.PathUnescape(u.Path)
			if err != nil {
				break
			}
			if !strings.HasPrefix((&url.URL{Path: "/"}).ResolveReference(&url.URL{Path: clean}).Path, "/public/") {
				t.Errorf("%q leaves the folder", got)
			}
		}
	})
}
