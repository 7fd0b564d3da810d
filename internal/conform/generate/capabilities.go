package main

import (
	"slices"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

func calls(of object.Hash, most uint32) scope.Scope {
	return &scope.ToolCall{ToolID: of, MaxCalls: most}
}

func scopeOf(s scope.Scope) scope.CapScope { return must(scope.New(s)) }

func attenuate(s sign.Signer, parent caps.Chain, to sign.Signer, change func(*caps.Draft)) caps.Chain {
	d := caps.Draft{Subject: to.Agent()}
	if change != nil {
		change(&d)
	}
	return append(caps.Chain{must(caps.Attenuate(s, parent, d))}, parent...)
}

// forge makes a child that Attenuate would refuse.
func forge(s sign.Signer, parent caps.Chain, to sign.Signer, change func(*caps.Capability)) caps.Chain {
	id := parent[0].ID
	c := parent[0].Cap
	c.Issuer, c.Subject, c.AttenuationParent = s.Agent(), to.Agent(), &id
	change(&c)
	c.CapID = must(caps.Rule.IDOf(&c))
	c.Signature = must(sign.ID(s, c.CapID))
	raw := must(can.Marshal(&c))
	return append(caps.Chain{{ID: c.CapID, Cap: c, Raw: raw}}, parent...)
}

func capabilities() *set {
	s := &set{Class: "capabilities", About: "capability chains, leaf first: valid ones, and each way in which a chain or a use of it fails"}
	var chain caps.Chain
	show := func(id string, holder sign.Signer, at int64, use fields, more fields) {
		in := fields{"chain": hexes(chain), "holder_key": holder.Agent().KeyHex(), "trusted_keys": []string{alice.Agent().KeyHex()}, "at_us": start + at}
		if use != nil {
			in["use"] = use
		}
		for k, v := range more {
			in[k] = v
		}
		s.Add(id, in)
	}
	call := func(request string) fields {
		return fields{"kind": scope.KindToolCall, "tool_id": tool, "request": hexOf([]byte(request))}
	}
	five := calls(tool, 5)

	chain = issue(alice, bob, five, nil)
	show("a root", bob, 0, call("{}"), nil)
	show("before it is valid", bob, -1, nil, nil)
	show("after it expired", bob, 60*minute, nil, nil)
	show("in its last microsecond", bob, 60*minute-1, nil, nil)
	show("another holder", carol, 0, nil, nil)
	show("an issuer whom nobody trusts", bob, 0, nil, fields{"trusted_keys": []string{carol.Agent().KeyHex()}})
	show("another tool", bob, 0, fields{"kind": scope.KindToolCall, "tool_id": object.SumText("tool:other"), "request": ""}, nil)
	chain = issue(alice, bob, &scope.ToolCall{ToolID: tool, MaxCalls: 5, MaxCost: number(10)}, nil)
	show("a price within the most that calls may cost", bob, 0, fields{"kind": scope.KindToolCall, "tool_id": tool, "request": "", "price": 10}, nil)
	show("a price beyond the most that calls may cost", bob, 0, fields{"kind": scope.KindToolCall, "tool_id": tool, "request": "", "price": 11}, nil)
	chain = issue(alice, bob, five, nil)
	show("another kind of use", bob, 0, fields{"kind": scope.KindEvalRun, "suite_id": tool}, nil)
	chain = slices.Clone(chain)
	chain[0].Raw = slices.Clone(chain[0].Raw)
	chain[0].Raw[len(chain[0].Raw)-1] ^= 1
	show("a changed signature", bob, 0, nil, nil)

	parent := issue(alice, bob, five, nil)
	chain = attenuate(bob, parent, carol, func(d *caps.Draft) { d.Scope = scopeOf(calls(tool, 2)) })
	show("a child with less", carol, 0, call("{}"), nil)
	chain = attenuate(bob, parent, carol, nil)
	show("a child with the same", carol, 0, call("{}"), nil)
	chain = forge(bob, parent, carol, func(c *caps.Capability) { c.Scope = scopeOf(calls(tool, 6)) })
	show("a child with more calls", carol, 0, nil, nil)
	chain = forge(bob, parent, carol, func(c *caps.Capability) { c.Scope = scopeOf(calls(object.SumText("tool:other"), 1)) })
	show("a child for another tool", carol, 0, nil, nil)
	chain = forge(bob, parent, carol, func(c *caps.Capability) { c.ExpiresAt++ })
	show("a child that lives longer", carol, 0, nil, nil)
	chain = forge(bob, parent, carol, func(c *caps.Capability) { c.NotBefore-- })
	show("a child that lives earlier", carol, 0, nil, nil)
	chain = forge(carol, parent, carol, func(*caps.Capability) {})
	show("a child by someone else than the subject", carol, 0, nil, nil)
	final := issue(alice, bob, five, func(d *caps.Draft) { d.Delegable = false })
	chain = forge(bob, final, carol, func(c *caps.Capability) { c.Delegable = false })
	show("a child of one that is not delegable", carol, 0, nil, nil)
	chain = attenuate(bob, parent, carol, nil)[:1]
	show("a child without its parent", carol, 0, nil, nil)
	constraintVectors(s)
	revocationVectors(s)
	scopeVectors(s)
	chainVectors(s)
	return s
}

func hexes(chain caps.Chain) []string {
	out := []string{}
	for _, l := range chain {
		out = append(out, hexOf(l.Raw))
	}
	return out
}

// constraintVectors check requests against constraints.
func constraintVectors(s *set) {
	chain := issue(alice, bob, &scope.ToolCall{ToolID: tool, MaxCalls: 5, Constraints: map[string]string{
		"eq:/env": "prod", "max:/count": "10", "prefix:/path": "/srv/", "in:/mode": "a|b"}}, nil)
	for _, request := range []string{
		`{"env":"prod","count":10,"path":"/srv/x","mode":"a"}`, `{"env":"prod","count":11,"path":"/srv/x","mode":"a"}`,
		`{"env":"dev","count":1,"path":"/srv/x","mode":"a"}`, `{"env":"prod","count":1,"path":"/etc/x","mode":"a"}`,
		`{"env":"prod","count":1,"path":"/srv/x","mode":"c"}`, `{"count":1,"path":"/srv/x","mode":"a"}`, `{"env":"prod","count":1,"path":"/srv/../x","mode":"a"}`, `not JSON`, `{"env":"prod","env":"dev","count":1,"path":"/srv/x","mode":"a"}`,
	} {
		s.Add("constraints on "+request, fields{"chain": hexes(chain), "holder_key": bob.Agent().KeyHex(), "trusted_keys": []string{alice.Agent().KeyHex()}, "at_us": start,
			"use": fields{"kind": scope.KindToolCall, "tool_id": tool, "request": hexOf([]byte(request))}})
	}
	strictConstraintVectors(s)
}

// strictConstraintVectors are requests that parsers of other languages read differently.
func strictConstraintVectors(s *set) {
	chain := issue(alice, bob, &scope.ToolCall{ToolID: tool, MaxCalls: 5, Constraints: map[string]string{
		"eq:/force": "false", "eq:/id": `"7"`, "max:/amount": "10", "closed:": "amount|force|id|low", "min:/low": "-5", "max:/low": "-2"}}, nil)
	for _, request := range []string{
		`{"force":false,"id":"7","amount":10,"low":-5}`, `{"force":"false","id":"7","amount":10,"low":-5}`, `{"force":false,"id":7,"amount":10,"low":-5}`,
		`{"force":false,"id":"7","amount":-1,"low":-5}`, `{"force":false,"id":"7","amount":1e1,"low":-5}`, `{"force":false,"id":"7","amount":-0,"low":-5}`,
		`{"force":false,"id":"7","amount":10,"low":-6}`, `{"force":false,"id":"7","amount":10,"low":-1}`, `{"force":false,"id":"7","amount":10,"low":-5,"to":"x"}`,
		`{"force":false,"id":"7","amount":10,"Amount":1000,"low":-5}`, `{"force":false,"id":"7","amount":10,"low":-5,"\u0061mount":1}`,
		`{"force":false,"id":"7","amount":10000000000000000000000,"low":-5}`, `{"force":false,"id":"\ud800","amount":10,"low":-5}`,
	} {
		s.Add("strict constraints on "+request, fields{"chain": hexes(chain), "holder_key": bob.Agent().KeyHex(), "trusted_keys": []string{alice.Agent().KeyHex()}, "at_us": start,
			"use": fields{"kind": scope.KindToolCall, "tool_id": tool, "request": hexOf([]byte(request))}})
	}
	parent := issue(alice, bob, &scope.ToolCall{ToolID: tool, MaxCalls: 5, Constraints: map[string]string{"max:/amount": "10"}}, nil)
	wider := forge(bob, parent, carol, func(c *caps.Capability) {
		c.Scope = scopeOf(&scope.ToolCall{ToolID: tool, MaxCalls: 5, Constraints: map[string]string{"max:/amount": "10", "min:/amount": "-100"}})
	})
	s.Add("a child with a min below the least of its parent", fields{"chain": hexes(wider), "holder_key": carol.Agent().KeyHex(), "trusted_keys": []string{alice.Agent().KeyHex()}, "at_us": start})
}

// revocationVectors have lists that revoke the root, are old, or are missing.
func revocationVectors(s *set) {
	root := issue(alice, bob, calls(tool, 5), func(d *caps.Draft) { d.Revocable = true })
	chain := attenuate(bob, root, carol, nil)
	list := func(by sign.Signer, at int64, ids ...object.Hash) string {
		_, raw, err := caps.Revoke(by, nil, object.Time(start+at), ids...)
		return hexOf(must(raw, err))
	}
	for _, c := range []struct {
		id     string
		lists  []string
		at     int64
		maxAge any
	}{
		{"none", nil, 0, nil},
		{"empty", []string{list(alice, 0), list(bob, 0)}, 0, nil},
		{"the root is revoked", []string{list(alice, 0, root[0].ID), list(bob, 0)}, 0, nil},
		{"the leaf is revoked", []string{list(alice, 0), list(bob, 0, chain[0].ID)}, 0, nil},
		{"another is revoked", []string{list(alice, 0, tool), list(bob, 0)}, 0, nil},
		{"fresh enough", []string{list(alice, 0), list(bob, 0)}, minute, minute},
		{"too old", []string{list(alice, 0), list(bob, 0)}, minute + 1, minute},
		{"only the leaf's issuer", []string{list(bob, 0)}, 0, nil},
		{"only the root's issuer", []string{list(alice, 0)}, 0, nil},
		{"by one who did not sign", []string{list(carol, 0, root[0].ID)}, 0, nil},
	} {
		in := fields{"chain": hexes(chain), "holder_key": carol.Agent().KeyHex(), "trusted_keys": []string{alice.Agent().KeyHex()}, "at_us": start + c.at, "revocation_lists": c.lists}
		if c.maxAge != nil {
			in["max_age_us"] = c.maxAge
		}
		s.Add("revocation lists: "+c.id, in)
	}
}

// scopeVectors use a capability of every kind, as it allows and beyond it.
func scopeVectors(s *set) {
	h, other := object.SumText("subject"), object.SumText("other")
	for _, c := range []struct {
		scope  scope.Scope
		allow  fields
		refuse []fields
	}{
		{&scope.BlobRead{CID: h, RangeStart: number(10), RangeLen: number(20)}, fields{"kind": 1, "cid": h, "offset": 10, "length": 20},
			[]fields{{"kind": 1, "cid": other, "offset": 10, "length": 20}, {"kind": 1, "cid": h, "offset": 9, "length": 20}, {"kind": 1, "cid": h, "offset": 11, "length": 20}, {"kind": 1, "cid": h}}},
		{&scope.BlobWrite{Namespace: "logs", MaxSize: 100, MediaAllow: []string{"text/plain"}}, fields{"kind": 2, "namespace": "logs", "size": 100, "media": "text/plain"},
			[]fields{{"kind": 2, "namespace": "other", "size": 1, "media": "text/plain"}, {"kind": 2, "namespace": "logs", "size": 101, "media": "text/plain"}, {"kind": 2, "namespace": "logs", "size": 1, "media": "image/png"}}},
		{&scope.BlobPin{CID: h, TTLus: uint64(60 * minute)}, fields{"kind": 3, "cid": h, "ttl_us": 60 * minute}, []fields{{"kind": 3, "cid": h, "ttl_us": 60*minute + 1}, {"kind": 3, "cid": h}}},
		{&scope.BlobDelete{CID: h}, fields{"kind": 4, "cid": h}, []fields{{"kind": 4, "cid": other}}},
		{&scope.TrainRun{RecipeID: h, MaxJobs: 2, MaxTokens: 100}, fields{"kind": 6, "recipe_id": h, "jobs": 2, "tokens": 100}, []fields{{"kind": 6, "recipe_id": h, "jobs": 3}, {"kind": 6, "recipe_id": h, "tokens": 101}}},
		{&scope.EvalRun{SuiteID: h, MaxRuns: 1}, fields{"kind": 7, "suite_id": h}, []fields{{"kind": 7, "suite_id": other}, {"kind": 7, "suite_id": h, "runs": 2}}},
		{&scope.DeployPromote{RingID: 1, PolicyID: h}, fields{"kind": 8, "ring": 1, "policy_id": h}, []fields{{"kind": 8, "ring": 2, "policy_id": h}, {"kind": 8, "ring": 1, "policy_id": other}}},
		{&scope.ComputeSpawn{PoolID: h, MaxWorkers: 2, MaxCPUus: 1_000_000, MaxIO: 5}, fields{"kind": 9, "pool_id": h, "workers": 2, "cpu_us": 1_000_000, "io_count": 5}, []fields{{"kind": 9, "pool_id": h, "workers": 3}, {"kind": 9, "pool_id": h, "io_count": 6}}},
		{&scope.CellRead{CellID: h, KeyPrefix: []byte("ab")}, fields{"kind": 10, "cell_id": h, "key": hexOf([]byte("abc"))}, []fields{{"kind": 10, "cell_id": h, "key": hexOf([]byte("a"))}}},
		{&scope.CellWrite{CellID: h, MaxEvents: 2, EventTypeAllow: []uint32{7}}, fields{"kind": 11, "cell_id": h, "events": 2, "event_types": []int{7}}, []fields{{"kind": 11, "cell_id": h, "events": 1, "event_types": []int{8}}, {"kind": 11, "cell_id": h, "events": 3, "event_types": []int{7}}}},
		{&scope.ToolsCall{ToolIDs: []object.Hash{h, object.SumText("next")}, MaxCalls: 2}, fields{"kind": 5, "tool_id": h, "request": ""}, []fields{{"kind": 5, "tool_id": other, "request": ""}, {"kind": 6, "recipe_id": h}}},
	} {
		chain := issue(alice, bob, c.scope, nil)
		for i, use := range append([]fields{c.allow}, c.refuse...) {
			s.Addf(fields{"chain": hexes(chain), "holder_key": bob.Agent().KeyHex(), "trusted_keys": []string{alice.Agent().KeyHex()}, "at_us": start, "use": use},
				"%s, use %d", scope.KindName(chain[0].Cap.Scope.Kind), i)
		}
	}
}

func number(n uint64) *uint64 { return &n }
