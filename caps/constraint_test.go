package caps

import (
	"strings"
	"testing"
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
		{"max:/a", "5", `{"a":-6}`, yes},
		{"max:/a", "-5", `{"a":-4}`, no},
		{"max:/a", "-5", `{"a":-50}`, yes},
		{"max:/a", "10", `{"a":9}`, yes},
		{"max:/a", "5", `{"a":"5"}`, no},
		{"max:/a", "5", `{"a":4.5}`, no},
		{"max:/a", "5", `{"a":1e0}`, no},
		{"max:/a", "18446744073709551616", `{"a":18446744073709551616}`, yes},
		{"max:/a", "18446744073709551615", `{"a":18446744073709551616}`, no},
		{"max:/a", "x", `{"a":1}`, no},
		{"min:/a", "1", `{"a":1}`, no},
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
		{"eq:/a", "x", `{"a":"x","b":"` + strings.Repeat("y", maxRequest) + `"}`, no},
	} {
		err := meets([]byte(c.request), map[string]string{c.key: c.value})
		if (err == nil) != c.want {
			t.Errorf("%s=%s on %.60s: %v", c.key, c.value, c.request, err)
		}
	}
	all := map[string]string{"eq:/a": "x", "max:/n": "3"}
	if err := meets([]byte(`{"a":"x","n":3}`), all); err != nil {
		t.Error(err)
	}
	if err := meets([]byte(`{"a":"x","n":4}`), all); err == nil {
		t.Error("one of two constraints is enough")
	}
	if err := meets([]byte("anything"), nil); err != nil {
		t.Errorf("no constraints: %v", err)
	}
}

// An unknown constraint in a parent must be in the child and denies every use.
func TestUnknownConstraintDenies(t *testing.T) {
	scope := &ToolCall{ToolID: parseHash(t, hexA), MaxCalls: 5, Constraints: map[string]string{"matches:/a": ".*"}}
	parent := resign(t, owner, Capability{Issuer: owner.Agent(), Subject: alice.Agent(), Scope: scopeOf(t, scope), NotBefore: t0, ExpiresAt: hours(1), Delegable: true})
	child := forge(t, alice, parent, func(*Capability) {})
	chain := Chain{child, parent}
	if err := verifier().Verify(chain, bob.Agent(), t0); err != nil {
		t.Fatal(err)
	}
	use := Use{Kind: KindToolCall, Tool: scope.ToolID, Request: []byte(`{"a":"b"}`)}
	wantDenied(t, verifier().Authorize(chain, bob.Agent(), use, t0), CheckScope, 0)
	without := forge(t, alice, parent, func(c *Capability) {
		c.Scope = scopeOf(t, &ToolCall{ToolID: scope.ToolID, MaxCalls: 5})
	})
	wantDenied(t, verifier().Verify(Chain{without, parent}, bob.Agent(), t0), CheckScope, 0)
	if _, err := Issue(owner, Draft{Subject: alice.Agent(), Scope: scopeOf(t, scope), NotBefore: t0, ExpiresAt: hours(1)}); err == nil {
		t.Error("a capability that denies everything is issued")
	}
}
