package deciding

import (
	"slices"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/conform/generate/vector"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

func calls(of object.Hash, most uint32) scope.Scope {
	return &scope.ToolCall{ToolID: of, MaxCalls: most}
}

func scopeOf(s scope.Scope) scope.CapScope { return vector.Must(scope.New(s)) }

// Issuances judge drafts under signed policies.
func Issuances() *vector.Set {
	s := &vector.Set{Class: "issuance", About: "issuance policies, and capabilities that they allow and do not allow"}
	within := scopeOf(calls(vector.Tool, 10))
	rules := []caps.IssuanceRule{
		{Name: "calls", Kind: scope.KindToolCall, Subjects: []object.AgentID{vector.Bob.Agent()}, Within: &within, MaxTTLus: uint64(60 * vector.Minute), Limits: map[scope.Resource]uint64{scope.Calls: 5}},
		{Name: "handed on", Kind: scope.KindToolCall, MaxTTLus: uint64(vector.Minute), Delegable: true, Revocable: true},
		{Name: "anything, briefly", Kind: caps.KindAny, MaxTTLus: 1000},
	}
	_, raw, err := caps.NewIssuancePolicy(vector.Alice, nil, rules, object.Time(vector.Start))
	policy := vector.Must(raw, err)
	show := func(id string, policy []byte, change func(vector.Fields, *scope.CapScope)) {
		sc := scopeOf(calls(vector.Tool, 5))
		in := vector.Fields{"policy": vector.Hex(policy), "at_us": vector.Start, "subject_key": vector.Bob.Agent().KeyHex(), "not_before_us": vector.Start, "expires_at_us": vector.Start + 60*vector.Minute}
		if change != nil {
			change(in, &sc)
		}
		in["scope"] = vector.View("CapScope", &sc)
		s.Add(id, in)
	}
	set := func(name string, value any) func(vector.Fields, *scope.CapScope) {
		return func(in vector.Fields, _ *scope.CapScope) { in[name] = value }
	}
	show("allowed", policy, nil)
	show("subject: another", policy, set("subject_key", vector.Carol.Agent().KeyHex()))
	show("within: another tool", policy, func(_ vector.Fields, sc *scope.CapScope) { *sc = scopeOf(calls(object.SumText("tool:other"), 5)) })
	show("limits: a call more", policy, func(_ vector.Fields, sc *scope.CapScope) { *sc = scopeOf(calls(vector.Tool, 6)) })
	show("limits: no maximum", policy, func(_ vector.Fields, sc *scope.CapScope) { *sc = scopeOf(calls(vector.Tool, scope.NoLimit32)) })
	show("ttl: a microsecond more", policy, set("expires_at_us", vector.Start+60*vector.Minute+1))
	show("ttl: from now on, where it begins later", policy, func(in vector.Fields, _ *scope.CapScope) { in["not_before_us"] = vector.Start + 1 })
	show("ttl: from its beginning, where it began before", policy, func(in vector.Fields, _ *scope.CapScope) { in["not_before_us"] = vector.Start - 1 })
	show("delegable, and no rule has it", policy, set("delegable", true))
	handed := func(revocable bool) func(vector.Fields, *scope.CapScope) {
		return func(in vector.Fields, _ *scope.CapScope) {
			in["subject_key"], in["expires_at_us"], in["delegable"], in["revocable"] = vector.Carol.Agent().KeyHex(), vector.Start+vector.Minute, true, revocable
		}
	}
	show("delegable, by the second rule", policy, handed(true))
	show("delegable, without revocation checks", policy, handed(false))
	show("kind: one that no rule names", policy, func(in vector.Fields, sc *scope.CapScope) { *sc = scopeOf(&scope.BlobDelete{CID: vector.Tool}) })
	show("kind: any, by the last rule", policy, func(in vector.Fields, sc *scope.CapScope) {
		*sc = scopeOf(&scope.BlobDelete{CID: vector.Tool})
		in["expires_at_us"] = vector.Start + 1000
	})
	requested(show)
	_, none, err := caps.NewIssuancePolicy(vector.Alice, nil, nil, object.Time(vector.Start))
	show("kind: a policy without rules", vector.Must(none, err), nil)
	changed := slices.Clone(policy)
	changed[len(changed)-1] ^= 1
	show("a changed signature", changed, nil)
	show("an unknown field", resealed(policy, func(p *can.Value) {
		p.Pairs = append(p.Pairs, can.Pair{Key: can.Value{Tag: can.TagUint, Uint: 900}, Value: can.Value{Tag: can.TagTrue}})
	}), nil)
	return s
}

// requested judges requests for capabilities.
func requested(show func(id string, policy []byte, change func(vector.Fields, *scope.CapScope))) {
	static, yes := "mythos.example", true
	shop := map[string]string{"repository": "acme/shop", "environment": "production"}
	_, policy, err := caps.NewIssuancePolicy(vector.Alice, nil, []caps.IssuanceRule{
		{Name: "by key", Kind: scope.KindToolCall, Subjects: []object.AgentID{vector.Bob.Agent()}, MaxTTLus: uint64(5 * vector.Minute), OnRequest: &yes},
		{Name: "not on request", Kind: scope.KindToolCall, MaxTTLus: uint64(300 * vector.Minute)},
		{Name: "bound", Kind: scope.KindToolCall, MaxTTLus: uint64(300 * vector.Minute), Limits: map[scope.Resource]uint64{scope.Calls: 5}, Revocable: true,
			Token: &caps.TokenRule{Issuer: "https://issuer.example", Claims: shop}},
		{Name: "not bound", Kind: scope.KindToolCall, MaxTTLus: uint64(vector.Minute), Token: &caps.TokenRule{Issuer: "https://other.example", Claims: map[string]string{"sub": "acme"}, Audience: &static}},
	}, object.Time(vector.Start))
	policy = vector.Must(policy, err)
	ask := func(id string, by sign.Signer, change func(in vector.Fields, token vector.Fields)) {
		show("on request: "+id, policy, func(in vector.Fields, _ *scope.CapScope) {
			token := vector.Fields{"issuer": "https://issuer.example", "subject": "s", "audience": caps.TokenAudience(vector.Alice.Agent(), by.Agent()), "claims": shop}
			in["server_key"], in["subject_key"], in["token"] = vector.Alice.Agent().KeyHex(), by.Agent().KeyHex(), token
			delete(in, "expires_at_us")
			in["expires_at_us"] = 0
			if change != nil {
				change(in, token)
			}
		})
	}
	bare := func(in, _ vector.Fields) { delete(in, "token") }
	ask("a key that a rule names", vector.Bob, bare)
	ask("a key that no rule names", vector.Carol, bare)
	ask("a key, for longer than the rule", vector.Bob, func(in, token vector.Fields) {
		bare(in, token)
		in["expires_at_us"] = vector.Start + 5*vector.Minute + 1
	})
	ask("a token, for an hour at most", vector.Carol, nil)
	ask("a token, for as long as it says", vector.Carol, func(in, _ vector.Fields) { in["expires_at_us"] = vector.Start + 300*vector.Minute })
	ask("a token for another key", vector.Carol, func(_, token vector.Fields) {
		token["audience"] = caps.TokenAudience(vector.Alice.Agent(), vector.Bob.Agent())
	})
	ask("a token for another server", vector.Carol, func(_, token vector.Fields) {
		token["audience"] = caps.TokenAudience(vector.Bob.Agent(), vector.Carol.Agent())
	})
	ask("a token of an issuer that no rule names", vector.Carol, func(_, token vector.Fields) { token["issuer"] = "https://issuer.example/" })
	ask("a token with another claim", vector.Carol, func(_, token vector.Fields) {
		token["claims"] = map[string]string{"repository": "acme/shop", "environment": "Production"}
	})
	ask("a token without a claim", vector.Carol, func(_, token vector.Fields) { token["claims"] = map[string]string{"repository": "acme/shop"} })
	ask("a token that is bound to no key", vector.Carol, func(_, token vector.Fields) {
		token["issuer"], token["audience"], token["claims"] = "https://other.example", static, map[string]string{"sub": "acme"}
	})
	ask("a token that is bound to no key, with a bound audience", vector.Carol, func(_, token vector.Fields) {
		token["issuer"], token["claims"] = "https://other.example", map[string]string{"sub": "acme"}
	})
	show("without a request, a rule about tokens", policy, func(in vector.Fields, _ *scope.CapScope) {
		in["expires_at_us"], in["revocable"] = vector.Start+301*vector.Minute, true
	})
}

// resealed changes an issuance policy, and alice signs it again.
func resealed(raw []byte, change func(*can.Value)) []byte {
	v := vector.Must(can.Parse(raw))
	change(&v)
	raw = vector.Must(v.Append(nil))
	id := vector.Must(caps.PolicyRule.ID(raw))
	signature := vector.Must(sign.ID(vector.Alice, id))
	raw = vector.ReplaceField(raw, 1, vector.Must(can.Parse(vector.Must(can.Marshal(&id)))))
	return vector.ReplaceField(raw, 6, vector.Must(can.Parse(vector.Must(can.Marshal(&signature)))))
}
