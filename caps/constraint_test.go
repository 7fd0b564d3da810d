package caps

import (
	"strings"
	"testing"

	"github.com/mythos-project/mythos/caps/scope"
)

func TestConstraints(t *testing.T) {
	const yes, no = true, false
	for _, c := range []struct {
		key, value, request string
		want                bool
	}{
		{"eq:/a", "x", `{"a":"x"}`, yes},
		{"eq:/a", "x", `{"a":"y"}`, no},
		{"eq:/a", "x", `{"b":"x"}`, no},
		{"eq:/a", "x", `{"A":"x"}`, no},
		{"eq:/a", "7", `{"a":7}`, yes},
		{"eq:/a", "7", `{"a":7.0}`, no},
		{"eq:/a", "7", `{"a":70e-1}`, no},
		{"eq:/a", "7.0", `{"a":7.0}`, no},
		{"eq:/a", "0", `{"a":-0}`, no},
		{"eq:/a", "9007199254740993", `{"a":9007199254740993}`, yes},
		{"eq:/a", "9007199254740992", `{"a":9007199254740993}`, no},
		{"eq:/a", "true", `{"a":true}`, yes},
		{"eq:/a", "null", `{"a":null}`, yes},
		{"eq:/a", "", `{"a":[]}`, no},
		{"eq:/a", "", `{"a":{}}`, no},
		{"eq:/a", "", `{"a":""}`, yes},
		{"eq:", "x", `"x"`, yes},
		{"eq:/", "x", `{"":"x"}`, yes},
		{"eq:/a~1b/m~0n", "x", `{"a/b":{"m~n":"x"}}`, yes},
		{"eq:/a~01", "x", `{"a~1":"x"}`, yes},
		{"eq:/l/1", "y", `{"l":["x","y"]}`, yes},
		{"eq:/l/2", "y", `{"l":["x","y"]}`, no},
		{"eq:/l/01", "y", `{"l":["x","y"]}`, no},
		{"eq:/l/-", "y", `{"l":["x","y"]}`, no},
		{"eq:/l/-1", "y", `{"l":["x","y"]}`, no},
		{"eq:/l/99999999999999999999", "y", `{"l":["x","y"]}`, no},
		{"eq:/a/b", "x", `{"a":"x"}`, no},
		{"in:/a", "x|y", `{"a":"y"}`, yes},
		{"in:/a", "x|y", `{"a":"x|y"}`, no},
		{"in:/a", "1|2", `{"a":2}`, yes},
		{"in:/a", "1|2", `{"a":3}`, no},
		{"prefix:/a", "/d/", `{"a":"/d/e"}`, yes},
		{"prefix:/a", "/d/", `{"a":"/d"}`, no},
		{"prefix:/a", "1", `{"a":12}`, no},
		{"prefix:/a", "", `{"a":""}`, yes},
		{"max:/a", "5", `{"a":5}`, yes},
		{"max:/a", "5", `{"a":6}`, no},
		{"max:/a", "-5", `{"a":-4}`, no},
		{"max:/a", "-5", `{"a":-50}`, no},
		{"max:/a", "10", `{"a":9}`, yes},
		{"max:/a", "5", `{"a":"5"}`, no},
		{"max:/a", "5", `{"a":4.5}`, no},
		{"max:/a", "5", `{"a":1e0}`, no},
		{"max:/a", "18446744073709551616", `{"a":18446744073709551616}`, yes},
		{"max:/a", "18446744073709551615", `{"a":18446744073709551616}`, no},
		{"max:/a", "x", `{"a":1}`, no},
		{"max:/a", "5", `{"a":5}`, yes},
		{"max:/a", "5", `{"a":-1}`, no},
		{"max:/a", "5", `{"a":-1000000}`, no},
		{"min:/a", "1", `{"a":1}`, yes},
		{"min:/a", "1", `{"a":0}`, no},
		{"min:/a", "-5", `{"a":-5}`, yes},
		{"min:/a", "-5", `{"a":-6}`, no},
		{"min:/a", "1", `{"a":"1"}`, no},
		{"min:/a", "1", `{"a":1e9}`, no},
		{"eq:/a", "false", `{"a":false}`, yes},
		{"eq:/a", "false", `{"a":"false"}`, no},
		{"eq:/a", "false", `{"a":0}`, no},
		{"eq:/a", `"false"`, `{"a":"false"}`, yes},
		{"eq:/a", `"false"`, `{"a":false}`, no},
		{"eq:/a", "null", `{"a":"null"}`, no},
		{"eq:/a", "7", `{"a":"7"}`, no},
		{"eq:/a", `"7"`, `{"a":"7"}`, yes},
		{"eq:/a", "1e3", `{"a":1e3}`, no},
		{"eq:/a", "1e3", `{"a":"1e3"}`, no},
		{"eq:/a", `"1e3"`, `{"a":"1e3"}`, yes},
		{"eq:/a", "-0", `{"a":-0}`, no},
		{"eq:/a", "-0", `{"a":0}`, no},
		{"eq:/a", "007", `{"a":"007"}`, yes},
		{"eq:/a", "2026-01-02", `{"a":"2026-01-02"}`, yes},
		{"eq:/a", `"x`, `{"a":"\"x"}`, no},
		{"eq:/a", "x", `{"a":"x","b":"\ud800"}`, no},
		{"in:/a", "true|x", `{"a":"true"}`, no},
		{"in:/a", `"a|b"|c`, `{"a":"a|b"}`, yes},
		{"in:/a", `"a|b"|c`, `{"a":"c"}`, yes},
		{"in:/a", `"a|b"|c`, `{"a":"b"}`, no},
		{"in:/a", `"a"b|c`, `{"a":"c"}`, no},
		{"prefix:/a", "/srv/", `{"a":"/srv/../etc/passwd"}`, no},
		{"prefix:/a", "/srv/", `{"a":"/srv/x/.."}`, no},
		{"prefix:/a", "/srv/", `{"a":"/srv/%2e%2E/x"}`, no},
		{"prefix:/a", "/srv/", `{"a":"/srv/%252e./x"}`, no},
		{"prefix:/a", "/srv/", `{"a":"/srv/..\\x"}`, no},
		{"prefix:/a", "/srv/", `{"a":"/srv/..x/a..b/100%"}`, yes},
		{"prefix:/a", "/srv/", `{"a":"/srv/%2e%2e/x/100%"}`, no},
		{"prefix:/a", "/srv/", `{"a":"/srv/%zz/%252e%252e%2fx"}`, no},
		{"prefix:/a", "/srv/", `{"a":"/srv/..;v=1/x"}`, no},
		{"prefix:/a", "/srv/", `{"a":"/srv/%2e%2e%3b/x"}`, no},
		{"prefix:/a", "/srv/", `{"a":"/srv/%c0%ae%c0%ae/x"}`, no},
		{"prefix:/a", "/srv/", `{"a":"/srv/%e0%80%ae/x"}`, no},
		{"prefix:/a", "/srv/", `{"a":"/srv/a;b/%e9/ü/%"}`, yes},
		{"prefix:/a", "v", `{"a":"v.. / .."}`, yes},
		{"closed:", "a|b", `{"a":1,"b":2}`, yes},
		{"closed:", "a|b", `{"a":1}`, yes},
		{"closed:", "a|b", `{"a":1,"c":2}`, no},
		{"closed:", "a|b", `[]`, no},
		{"closed:", "", `{}`, yes},
		{"closed:", "", `{"":1}`, no},
		{"closed:", `"a|b"|`, `{"a|b":1,"":2}`, yes},
		{"closed:/o", "a", `{"o":{"a":1},"p":2}`, yes},
		{"closed:/o", "a", `{"o":{"A":1}}`, no},
		{"closed:/", "a", `{"":{"a":1}}`, no},
		{"eq:/a", "x", `{"a":"x","A":"y"}`, no},
		{"eq:/a", "x", `{"a":"x","b":{"k":1,"\u212a":2}}`, no},
		{"eq:/a", "x", `{"a":"x","\u00e9":1,"e\u0301":2}`, no},
		{"eq:/a", "x", `{"a":"x","\u00c9":1,"e\u0301":2}`, no},
		{"eq:/a", "x", `{"a":"x","s":1,"\u017f":2}`, no},
		{"eq:/a", "x", `{"a":"x","a\u0000":"y"}`, no},
		{"eq:/a", "x", `{"a":"x","b":[{"c":1},{"C":1}]}`, yes},
		{"eq", "1", `1`, no},
		{"eq:a", "1", `{"a":1}`, no},
		{"eq:/a~", "1", `{"a~":1}`, no},
		{"eq:/a", "x", `{"a":"x","a":"y"}`, no},
		{"eq:/a", "x", `{"a":"x","b":{"c":1,"c":2}}`, no},
		{"eq:/a", "x", `{"a":"x"`, no},
		{"eq:/a", "x", `{"a":"x"} 1`, no},
		{"eq:/a", "x", `{"a":"x",}`, no},
		{"eq:/a", "x", ``, no},
		{"eq:/a", "x", "{\"a\":\"x\",\"b\":\"\xff\"}", no},
		{"eq:/a", "x", `{"a":"x","b":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, no},
		{"eq:/a", "x", `{"a":"x","b":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, yes},
		{"eq:/a", "x", `{"a":"x","b":"` + strings.Repeat("y", 4<<20) + `"}`, no},
	} {
		err := satisfies([]byte(c.request), map[string]string{c.key: c.value})
		if (err == nil) != c.want {
			t.Errorf("%s=%s on %.60s: %v", c.key, c.value, c.request, err)
		}
	}
	for _, c := range []struct {
		request string
		want    bool
	}{{`{"n":-5}`, yes}, {`{"n":-6}`, no}, {`{"n":3}`, yes}, {`{"n":4}`, no}} {
		if err := satisfies([]byte(c.request), map[string]string{"max:/n": "3", "min:/n": "-5"}); (err == nil) != c.want {
			t.Errorf("-5 to 3: %s: %v", c.request, err)
		}
	}
	all := map[string]string{"eq:/a": "x", "max:/n": "3"}
	if err := satisfies([]byte(`{"a":"x","n":3}`), all); err != nil {
		t.Error(err)
	}
	if err := satisfies([]byte(`{"a":"x","n":4}`), all); err == nil {
		t.Error("one of two constraints is enough")
	}
	if err := satisfies([]byte("anything"), nil); err != nil {
		t.Errorf("no constraints: %v", err)
	}
}

// An unknown constraint in a parent must be in the child and denies every use.
func TestUnknownConstraintDenies(t *testing.T) {
	call := &scope.ToolCall{ToolID: parseHash(t, hexA), MaxCalls: 5, Constraints: map[string]string{"matches:/a": ".*"}}
	parent := resign(t, owner, Capability{Issuer: owner.Agent(), Subject: alice.Agent(), Scope: scopeOf(t, call), NotBefore: t0, ExpiresAt: hours(1), Delegable: true})
	child := forge(t, alice, parent, func(*Capability) {})
	chain := Chain{child, parent}
	if err := verifier().Verify(chain, bob.Agent(), t0); err != nil {
		t.Fatal(err)
	}
	use := scope.Use{Kind: scope.KindToolCall, Tool: call.ToolID, Request: []byte(`{"a":"b"}`)}
	wantDenied(t, verifier().Authorize(chain, bob.Agent(), use, t0), CheckScope, 0)
	without := forge(t, alice, parent, func(c *Capability) {
		c.Scope = scopeOf(t, &scope.ToolCall{ToolID: call.ToolID, MaxCalls: 5})
	})
	wantDenied(t, verifier().Verify(Chain{without, parent}, bob.Agent(), t0), CheckScope, 0)
	if _, err := Issue(owner, Draft{Subject: alice.Agent(), Scope: scopeOf(t, call), NotBefore: t0, ExpiresAt: hours(1)}); err == nil {
		t.Error("a capability that denies everything is issued")
	}
}

// TestLeastOfAChild: a max without a min has the least value 0, and no child goes below it.
func TestLeastOfAChild(t *testing.T) {
	for _, c := range []struct {
		child, parent map[string]string
		within        bool
	}{
		{map[string]string{"max:/a": "5", "min:/a": "-9"}, map[string]string{"max:/a": "5"}, false},
		{map[string]string{"max:/a": "5", "min:/a": "0"}, map[string]string{"max:/a": "5"}, true},
		{map[string]string{"max:/a": "5", "min:/a": "-3"}, map[string]string{"max:/a": "5", "min:/a": "-9"}, true},
		{map[string]string{"max:/a": "5", "min:/a": "-10"}, map[string]string{"max:/a": "5", "min:/a": "-9"}, false},
		{map[string]string{"max:/a": "5"}, map[string]string{"max:/a": "5", "min:/a": "2"}, false},
		{map[string]string{"closed:": "a"}, map[string]string{"closed:": "a|b"}, true},
		{map[string]string{"closed:": "a|c"}, map[string]string{"closed:": "a|b"}, false},
		{map[string]string{"eq:/a": `"x"`}, map[string]string{"eq:/a": "x"}, true},
		{map[string]string{"eq:/a": `"1"`}, map[string]string{"eq:/a": "1"}, false},
	} {
		if err := asNarrow(c.child, c.parent); (err == nil) != c.within {
			t.Errorf("%v within %v: %v", c.child, c.parent, err)
		}
	}
}

// TestConstraintsThatNothingMeets are refused when they are issued.
func TestConstraintsThatNothingMeets(t *testing.T) {
	for _, text := range []string{"eq:/a=1e3", "eq:/a=-0", "eq:/a=1.0", `eq:/a="x`, `in:/a="a"b`, "max:/a=-1", "max:/a=1,min:/a=2", "max:/a=x", "min:/a=1.5", "closed:/=a", "less:/a=1", "eq:a=1"} {
		if _, err := scope.Parse("tool.call:"+hexA+","+text, nil); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
	for _, text := range []string{"eq:/a=x", `eq:/a="1e3"`, "max:/a=-1,min:/a=-2", "closed:=a|b", "closed:=", "min:/a=3"} {
		s, err := scope.Parse("tool.call:"+hexA+","+text, nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if again, err := scope.Parse(s.String(), nil); err != nil || again.String() != s.String() {
			t.Errorf("%s prints as %s: %v", text, s, err)
		}
	}
}
