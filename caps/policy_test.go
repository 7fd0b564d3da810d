package caps

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

var rulesText = `rules:
  - name: tools
    to: [alice, bob]
    scope: tool.call
    ttl: 2h
    limits: {calls: 10}
  - name: long
    scope: tool.call:` + hexA + `,calls=1
    ttl: 30d
    delegable: true
    revocable: true
  - {name: rest, scope: "*", ttl: 1h, to: [carol], limits: {tokens: 5, bytes: 7}}
`

func names() Names {
	return Names{
		Agent: func(name string) (object.AgentID, error) {
			for _, k := range agents {
				if k.Agent().Hint == name {
					return k.Agent(), nil
				}
			}
			return object.AgentID{}, errors.New("nobody is called " + name)
		},
		Thing: func(kind, name string) (object.Hash, error) { return object.SumText(kind + ":" + name), nil },
	}
}

func policyOf(t testing.TB, s sign.Signer, prev *IssuancePolicy, text string) (*IssuancePolicy, []byte) {
	t.Helper()
	rules, err := ParsePolicyRules([]byte(text), names())
	if err != nil {
		t.Fatal(err)
	}
	p, raw, err := NewIssuancePolicy(s, prev, rules, t0)
	if err != nil {
		t.Fatal(err)
	}
	return p, raw
}

func TestPolicyPermits(t *testing.T) {
	_, raw := policyOf(t, owner, nil, rulesText)
	p, err := OpenIssuancePolicy(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		to     sign.Signer
		scope  string
		ttl    time.Duration
		change func(*Draft)
		rule   string // or, after "!", the reason
	}{
		{alice, "tool.call:" + hexA + ",calls=10", 2 * time.Hour, nil, "tools"},
		{bob, "tool.call:x,calls=1", time.Hour, nil, "tools"},
		{alice, "tool.call:" + hexA + ",calls=11", time.Hour, nil, "!calls is 11, at most 10"},
		{alice, "tool.call:" + hexA, time.Hour, nil, "!calls has no limit"},
		{alice, "tool.call:x,calls=1", 2*time.Hour + time.Microsecond, nil, "!at most 2h are allowed"},
		{carol, "tool.call:x,calls=99", time.Hour, nil, "rest"},
		{owner, "tool.call:x,calls=1", time.Hour, nil, "!owner (d6e4f1) is not among"},
		{owner, "tool.call:" + hexA + ",calls=1", 720 * time.Hour, func(d *Draft) { d.Revocable, d.Delegable = true, true }, "long"},
		{owner, "tool.call:" + hexA + ",calls=1", time.Hour, nil, "!must be revocable"},
		{owner, "tool.call:" + hexA + ",calls=2", time.Hour, func(d *Draft) { d.Revocable = true }, "!its parent's limit is 1"},
		{alice, "tool.call:x,calls=1", time.Hour, func(d *Draft) { d.Delegable = true }, "!it is delegable"},
		{carol, "train.run:" + hexA + ",tokens=5", time.Hour, nil, "rest"},
		{carol, "train.run:" + hexA + ",tokens=6", time.Hour, nil, "!tokens is 6"},
		{carol, "blob.read:" + hexA, time.Hour, nil, "rest"},
		{alice, "blob.read:" + hexA, time.Hour, nil, "!alice"},
		// The lifetime counts from now if the window began before, and from the window's begin if it begins later.
		{carol, "blob.read:" + hexA, time.Hour, func(d *Draft) { d.NotBefore = t0.Add(30 * time.Minute); d.ExpiresAt = t0.Add(70 * time.Minute) }, "!it lasts 1h10m"},
		{carol, "blob.read:" + hexA, time.Hour, func(d *Draft) { d.NotBefore = t0.Add(-30 * time.Minute); d.ExpiresAt = t0.Add(40 * time.Minute) }, "!it lasts 1h10m"},
	} {
		d := Draft{Subject: c.to.Agent(), Scope: parse(t, c.scope), NotBefore: t0, ExpiresAt: t0.Add(c.ttl)}
		if c.change != nil {
			c.change(&d)
		}
		rule, err := p.Permit(d, t0)
		want, refused := strings.CutPrefix(c.rule, "!")
		want = strings.ReplaceAll(want, "(d6e4f1)", "("+owner.Agent().KeyHex()[:12]+")")
		if !refused && (err != nil || rule != want) {
			t.Errorf("%s to %s: %q, %v, want rule %q", c.scope, c.to.Agent().Hint, rule, err, want)
		}
		var pe *PolicyError
		if refused && (!errors.Is(err, ErrDenied) || !errors.As(err, &pe) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s to %s: %q, %v, want %q", c.scope, c.to.Agent().Hint, rule, err, want)
		}
	}
	none, _ := policyOf(t, owner, p, "rules: []")
	_, err = none.Permit(Draft{Subject: alice.Agent(), Scope: parse(t, "blob.read:"+hexA), NotBefore: t0, ExpiresAt: hours(1)}, t0)
	if err == nil || !strings.Contains(err.Error(), "no rule about blob.read") {
		t.Error(err)
	}
}

var requestText = `rules:
  - {name: by key, to: [alice], request: true, scope: tool.call, ttl: 30m}
  - {name: not by request, to: [bob], scope: tool.call, ttl: 30m}
  - name: deploys
    oidc:
      issuer: https://token.actions.githubusercontent.com
      claims: {repository: acme/shop, environment: production}
    scope: tool.call:` + hexA + `
    ttl: 2h
    limits: {calls: 1}
    revocable: true
  - name: gitlab
    oidc: {issuer: "https://gitlab.example", claims: {project_path: acme/shop}, audience: mythos.example}
    scope: tool.call
    ttl: 5m
`

// TestPolicyPermitsRequests: an asker gets what a rule for requests gives to that key or token, and nothing from other
// rules.
func TestPolicyPermitsRequests(t *testing.T) {
	p, _ := policyOf(t, owner, nil, requestText)
	const github, gitlab = "https://token.actions.githubusercontent.com", "https://gitlab.example"
	bound := TokenAudience(owner.Agent(), carol.Agent())
	good := map[string]string{"repository": "acme/shop", "environment": "production", "ref": "refs/heads/main"}
	token := func(issuer, audience string, claims map[string]string) *ShownToken {
		return &ShownToken{Issuer: issuer, Subject: "s", Audience: audience, Claims: claims}
	}
	for _, c := range []struct {
		name  string
		to    sign.Signer
		scope string
		ttl   time.Duration // 0: not said
		token *ShownToken
		rule  string // or, after "!", the reason
	}{
		{"a key", alice, "tool.call:x,calls=1", 0, nil, "by key"},
		{"a key, too long", alice, "tool.call:x,calls=1", time.Hour, nil, "!at most 30m"},
		{"a key of a rule that is not for requests", bob, "tool.call:x,calls=1", 0, nil, "!is not among its subjects"},
		{"another kind", alice, "blob.read:" + hexA, 0, nil, "!no rule that gives blob.read on such a request"},
		{"a token", carol, "tool.call:" + hexA + ",calls=1", 0, token(github, bound, good), "deploys"},
		{"a token for another key", bob, "tool.call:" + hexA + ",calls=1", 0, token(github, bound, good), "!audience"},
		{"a token for another server", carol, "tool.call:" + hexA + ",calls=1", 0, token(github, TokenAudience(bob.Agent(), carol.Agent()), good), "!audience"},
		{"a token of a fork", carol, "tool.call:" + hexA + ",calls=1", 0, token(github, bound, map[string]string{"repository": "evil/shop", "environment": "production"}), `!claim repository is "evil/shop"`},
		{"a token without environment", carol, "tool.call:" + hexA + ",calls=1", 0, token(github, bound, map[string]string{"repository": "acme/shop"}), "!no claim environment"},
		{"a token, and too many calls", carol, "tool.call:" + hexA + ",calls=2", 0, token(github, bound, good), "!calls is 2"},
		{"a token of an issuer that no rule names", carol, "tool.call:" + hexA + ",calls=1", 0, token("https://evil.example", bound, good), "!no rule that gives"},
		{"a token of another issuer's rule", carol, "tool.call:" + hexA + ",calls=1", 0, token(gitlab, "mythos.example", good), "!no claim project_path"},
		{"a token that is bound to no key", carol, "tool.call:y,calls=9", 0, token(gitlab, "mythos.example", map[string]string{"project_path": "acme/shop"}), "gitlab"},
	} {
		d := Draft{Subject: c.to.Agent(), Scope: parse(t, c.scope), NotBefore: t0}
		if c.ttl > 0 {
			d.ExpiresAt = t0.Add(c.ttl)
		}
		as, r, err := p.PermitRequest(d, Asker{owner.Agent(), c.token}, t0)
		if want, refused := strings.CutPrefix(c.rule, "!"); refused {
			if !errors.Is(err, ErrPolicy) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", c.name, err, want)
			}
			continue
		}
		if err != nil || r.Name != c.rule {
			t.Errorf("%s: %v, want %q", c.name, err, c.rule)
			continue
		}
		if life := min(r.MaxTTL(), MaxOnRequest); as.ExpiresAt != t0.Add(life) || as.Revocable != r.Revocable {
			t.Errorf("%s: until %s, revocable %t", c.name, as.ExpiresAt, as.Revocable)
		}
	}
	// Without a request, a rule about tokens gives nothing.
	_, err := p.Permit(Draft{Subject: carol.Agent(), Scope: parse(t, "tool.call:"+hexA+",calls=1"), NotBefore: t0, ExpiresAt: t0.Add(time.Minute), Revocable: true}, t0)
	if !errors.Is(err, ErrPolicy) || !strings.Contains(err.Error(), "shows a token") {
		t.Error(err)
	}
	if !p.TokenIssuer(github) || p.TokenIssuer(github+"/") {
		t.Error("issuers")
	}
}

// TestPolicyPermitsOnlyWithin: a rule with a scope permits only subsets of it, as judged use by use by the reference
// evaluator.
func TestPolicyPermitsOnlyWithin(t *testing.T) {
	permitted := 0
	for kind := range scope.MaxKind {
		for _, a := range allScopes {
			for _, b := range allScopes {
				above, below := parse(t, a), parse(t, b)
				if above.Kind != kind+1 || below.Kind != kind+1 {
					continue
				}
				r := IssuanceRule{Name: "r", Kind: above.Kind, Within: &above, MaxTTLus: 1 << 40}
				d := Draft{Subject: alice.Agent(), Scope: below, NotBefore: t0, ExpiresAt: hours(1)}
				if r.permits(&d, t0) != nil {
					continue
				}
				permitted++
				child, parent := mustScope(t, below), mustScope(t, above)
				for _, u := range usesOf(kind + 1) {
					if refAllows(child, u) && !refAllows(parent, u) {
						t.Fatalf("a rule within %s permits %s, which allows %+v", a, b, u)
					}
				}
			}
		}
	}
	if permitted < len(allScopes) {
		t.Errorf("only %d were permitted", permitted)
	}
}

func mustScope(t testing.TB, s scope.CapScope) scope.Scope {
	t.Helper()
	scope, err := s.Decode()
	if err != nil {
		t.Fatal(err)
	}
	return scope
}

func TestPolicyFileErrors(t *testing.T) {
	for text, want := range map[string]string{
		"rules:\n  - {name: a, scope: tool.call, ttl: 1h}\n  - {name: a, scope: tool.call, ttl: 1h}":                                           `line 3: two rules`,
		"rules:\n\n  - {name: a, scope: tool.call}":                                                                                            "line 3: rule \"a\" needs ttl",
		"rules:\n  - {name: a, ttl: 1h}":                                                                                                       "line 2: rule \"a\": it needs scope",
		"rules:\n  - {name: a, scope: fly, ttl: 1h}":                                                                                           `kind "fly" is not known`,
		"rules:\n  - {name: a, scope: tool.call, ttl: 1h, to: [nobody]}":                                                                       "nobody is called nobody",
		"rules:\n  - {name: a, scope: tool.call, ttl: 1h, limits: {speed: 1}}":                                                                 `resource "speed" is not known`,
		"rules:\n  - {name: a, scope: tool.call, ttl: 1h, tll: 2h}":                                                                            `"tll" is not known`,
		"rules:\n  - {name: a, scope: tool.call, ttl: 0s}":                                                                                     "max_ttl_us 0",
		"rules:\n  - {name: '', scope: tool.call, ttl: 1h}":                                                                                    "a name has 1 to 64",
		"rules:\n  - {name: a, scope: tool.call, ttl: 1h, request: true}":                                                                      "names its subjects",
		"rules:\n  - {name: a, scope: tool.call, ttl: 1h, to: [alice], oidc: {issuer: 'https://i.example', claims: {sub: x}}}":                 "names no subjects",
		"rules:\n  - {name: a, scope: tool.call, ttl: 1h, oidc: {issuer: 'https://i.example'}}":                                                "1 to 32 claims",
		"rules:\n  - {name: a, scope: tool.call, ttl: 1h, oidc: {issuer: 'http://i.example', claims: {sub: x}}}":                               "does not use https",
		"rules:\n  - {name: a, scope: tool.call, ttl: 1h, oidc: {issuer: 'https://u@i.example', claims: {sub: x}}}":                            "not a plain URL",
		"rules:\n  - {name: a, scope: tool.call, ttl: 1h, oidc: {issuer: 'https://i.example', claims: {aud: x}}}":                              "cannot name the claim aud",
		"rules:\n  - {name: a, scope: tool.call, ttl: 1h, oidc: {issuer: 'https://token.actions.githubusercontent.com', claims: {ref: main}}}": "projects of everybody",
		"ruels: []": `"ruels" is not known`,
		"rules: [{name: a, scope: tool.call, ttl: 1h, limits: }]":             "limits has no value",
		"rules: [{name: a, scope: tool.call, ttl: 1h, limits: {calls: 1.9}}]": `calls is "1.9"`,
		"rules: [{name: a, scope: tool.call, ttl: 1h, to: }]":                 "to has no value",
		"rules: []\n---\na: 1": "more than one",
	} {
		if _, err := ParsePolicyRules([]byte(text), names()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v, want %q", text, err, want)
		}
	}
}

// TestPolicyForgeries: OpenIssuancePolicy refuses anything that its signer did not sign exactly so, and anything that
// this version does not wholly understand.
func TestPolicyForgeries(t *testing.T) {
	p, raw := policyOf(t, owner, nil, rulesText)
	for i := range raw {
		bad := append([]byte{}, raw...)
		bad[i] ^= 1
		if _, err := OpenIssuancePolicy(bad); err == nil {
			got, _ := OpenIssuancePolicy(bad)
			if got.Issuer.Hint == p.Issuer.Hint && got.Signature == p.Signature {
				t.Fatalf("byte %d may change", i)
			}
		}
	}
	type ruleMore struct {
		Name      string `can:"1,name"`
		Kind      uint8  `can:"3,kind"`
		MaxTTLus  uint64 `can:"5,max_ttl_us"`
		Delegable bool   `can:"7,delegable"`
		Revocable bool   `can:"8,revocable"`
		OnlyOn    string `can:"99,weekday"`
	}
	type more struct {
		PolicyID     object.Hash      `can:"1,policy_id"`
		Issuer       object.AgentID   `can:"2,issuer"`
		Rules        []ruleMore       `can:"3,rules"`
		Sequence     uint64           `can:"4,sequence"`
		TimeObserved object.Time      `can:"5,time_observed"`
		Signature    object.Signature `can:"6,signature"`
	}
	m := more{Issuer: owner.Agent(), Rules: []ruleMore{{Name: "a", Kind: 5, MaxTTLus: 9, OnlyOn: "monday"}}, Sequence: 1, TimeObserved: t0}
	unknown, err := sign.Seal(owner, PolicyRule, &m, &m.PolicyID, &m.Signature)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenIssuancePolicy(unknown); !errors.Is(err, scope.ErrUnknownField) {
		t.Errorf("a rule with a field that is not known: %v", err)
	}
	payload, err := can.Marshal(&struct {
		CID  object.Hash `can:"1,cid"`
		Only string      `can:"9,weekday"`
	}{parseHash(t, hexA), "monday"})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = NewIssuancePolicy(owner, nil, []IssuanceRule{{Name: "a", Kind: scope.KindBlobDelete, Within: &scope.CapScope{Kind: scope.KindBlobDelete, Payload: payload}, MaxTTLus: 9}}, t0)
	if !errors.Is(err, scope.ErrUnknownField) {
		t.Errorf("a scope with a field that is not known: %v", err)
	}
}

func TestPolicies(t *testing.T) {
	ctx := t.Context()
	trusted := map[object.AgentID]bool{owner.Agent().Bare(): true}
	ps := NewPolicies(newMemKV(), func(p *IssuancePolicy) bool { return trusted[p.Issuer.Bare()] })
	if p, _, err := ps.Current(ctx); p != nil || err != nil {
		t.Fatal(p, err)
	}
	first, raw1 := policyOf(t, owner, nil, "rules: []")
	second, raw2 := policyOf(t, owner, first, rulesText)
	_, foreign := policyOf(t, alice, second, rulesText)
	for _, c := range []struct {
		raw  []byte
		want error
	}{{raw1, nil}, {raw1, nil}, {raw2, nil}, {raw1, ErrPolicyOld}, {foreign, ErrPolicySigner}} {
		if _, err := ps.Put(ctx, c.raw); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
	if p, raw, err := ps.Current(ctx); err != nil || p.Sequence != 2 || string(raw) != string(raw2) {
		t.Fatal(p, err)
	}
	delete(trusted, owner.Agent().Bare()) // the issuer of the policy in force: nothing is issued now
	if _, _, err := ps.Current(ctx); !errors.Is(err, ErrDenied) {
		t.Error(err)
	}
	trusted[alice.Agent().Bare()] = true // another takes over, with a larger number
	if p, err := ps.Put(ctx, foreign); err != nil || p.Sequence != 3 {
		t.Error(p, err)
	}
}
