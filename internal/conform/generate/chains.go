package main

import (
	"slices"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// chainVectors are chains at the limits of attenuation.
func chainVectors(s *set) {
	var chain caps.Chain
	show := func(id string, holder sign.Signer, more fields) {
		in := fields{"chain": hexes(chain), "holder_key": holder.Agent().KeyHex(), "trusted_keys": []string{alice.Agent().KeyHex()}, "at_us": start}
		for k, v := range more {
			in[k] = v
		}
		s.Add(id, in)
	}
	root := issue(alice, bob, calls(tool, 5), nil)
	chain = root
	for range 15 {
		chain = attenuate(bob, chain, bob, nil)
	}
	show("a chain of 16 links", bob, nil)
	chain = forge(bob, chain, bob, func(*caps.Capability) {})
	show("a chain of 17 links", bob, nil)
	chain = caps.Chain{}
	show("a chain of no links", bob, nil)
	chain = caps.Chain{root[0], root[0]}
	show("a root twice", bob, nil)
	chain = forge(alice, root, carol, func(*caps.Capability) {})
	show("a child by the parent's issuer: re-issue", carol, nil)
	final := issue(alice, bob, calls(tool, 5), func(d *caps.Draft) { d.Delegable = false })
	chain = forge(alice, final, carol, func(c *caps.Capability) { c.Delegable = false })
	show("a child by the parent's issuer, of one that is not delegable", carol, nil)
	chain = forge(alice, final, carol, func(c *caps.Capability) { c.Delegable = true })
	show("a delegable child of one that is not", carol, nil)
	checked := issue(alice, bob, calls(tool, 5), func(d *caps.Draft) { d.Revocable = true })
	chain = forge(bob, checked, carol, func(c *caps.Capability) { c.RevocationRequired = nil })
	show("a child that requires no revocation checks, though its parent does", carol, nil)
	chain = forge(bob, root, carol, func(c *caps.Capability) { c.Scope = scopeOf(&scope.EvalRun{SuiteID: tool, MaxRuns: 1}) })
	show("a child of another kind", carol, nil)
	raw := func(id string, change func(raw []byte) []byte) {
		s.Add(id, fields{"chain": []string{hexOf(change(slices.Clone(root[0].Raw)))}, "holder_key": bob.Agent().KeyHex(), "trusted_keys": []string{alice.Agent().KeyHex()}, "at_us": start})
	}
	raw("form: a byte after a capability", func(raw []byte) []byte { return append(raw, 0) })
	raw("form: no subject", func(raw []byte) []byte { return without(raw, 3) })
	raw("form: a scope of an unknown kind", func(raw []byte) []byte {
		return withValue(raw, 4, must(can.Parse(withValue(must(can.Field(raw, 4)), 1, uintValue(12)))))
	})
	raw("id: another id", func(raw []byte) []byte { return withValue(raw, 1, hashValue("another")) })
	raw("id: an unknown field that is not in the id", func(raw []byte) []byte { return withField(raw, 900, can.AppendUint(nil, 1)) })
	s.Add("scope: an unknown field in the scope", fields{"chain": []string{hexOf(signedCap(root[0].Cap, func(raw []byte) []byte {
		return withValue(raw, 4, must(can.Parse(withField(must(can.Field(raw, 4)), 900, can.AppendUint(nil, 1)))))
	}))}, "holder_key": bob.Agent().KeyHex(), "trusted_keys": []string{alice.Agent().KeyHex()}, "at_us": start})
	ranges(s)
	moreConstraints(s)
}

// signedCap changes a capability of alice's, and alice signs it again.
func signedCap(c caps.Capability, change func(raw []byte) []byte) []byte {
	raw := change(must(can.Marshal(&c)))
	id := must(caps.Rule.ID(raw))
	signature := must(sign.ID(alice, id))
	raw = withValue(raw, 1, must(can.Parse(must(can.Marshal(&id)))))
	return withValue(raw, 10, must(can.Parse(must(can.Marshal(&signature)))))
}

// ranges are children of blob.read and media types of blob.write.
func ranges(s *set) {
	read := func(from, length uint64) scope.Scope {
		return &scope.BlobRead{CID: tool, RangeStart: number(from), RangeLen: number(length)}
	}
	open := func(from uint64) scope.Scope { return &scope.BlobRead{CID: tool, RangeStart: number(from)} }
	write := func(media ...string) scope.Scope {
		return &scope.BlobWrite{Namespace: "logs", MaxSize: 10, MediaAllow: append([]string{}, media...)}
	}
	rate := func(n uint32, per uint64) *scope.Rate { return &scope.Rate{Calls: n, PerUs: per} }
	call := func(r *scope.Rate) scope.Scope { return &scope.ToolCall{ToolID: tool, MaxCalls: 5, Rate: r} }
	several := func(r *scope.Rate) scope.Scope {
		return &scope.ToolsCall{ToolIDs: []object.Hash{tool}, MaxCalls: 5, Rate: r}
	}
	costly := func(most *uint64) scope.Scope {
		return &scope.ToolCall{ToolID: tool, MaxCalls: 5, MaxCost: most}
	}
	approve := func(n uint8, role string) *scope.Approve { return &scope.Approve{Need: n, Role: role} }
	agreed := func(a *scope.Approve) scope.Scope { return &scope.ToolCall{ToolID: tool, MaxCalls: 5, Approve: a} }
	group := func(a *scope.Approve) scope.Scope {
		return &scope.ToolsCall{ToolIDs: []object.Hash{tool}, MaxCalls: 5, Approve: a}
	}
	for _, c := range []struct {
		id            string
		parent, child scope.Scope
	}{
		{"cost: the same", costly(number(10)), costly(number(10))}, {"cost: less", costly(number(10)), costly(number(0))}, {"cost: more", costly(number(10)), costly(number(11))}, {"cost: none below one", costly(number(10)), costly(nil)},
		{"cost: one below none", costly(nil), costly(number(10))}, {"cost: below that of several tools", &scope.ToolsCall{ToolIDs: []object.Hash{tool}, MaxCalls: 5, MaxCost: number(10)}, costly(number(10))},
		{"cost: more than that of several tools", &scope.ToolsCall{ToolIDs: []object.Hash{tool}, MaxCalls: 5, MaxCost: number(10)}, costly(number(11))},
		{"approval: the same", agreed(approve(2, "ops")), agreed(approve(2, "ops"))}, {"approval: by more", agreed(approve(2, "ops")), agreed(approve(3, "ops"))}, {"approval: by fewer", agreed(approve(2, "ops")), agreed(approve(1, "ops"))},
		{"approval: by another role", agreed(approve(2, "ops")), agreed(approve(2, "dev"))}, {"approval: none below one", agreed(approve(1, "ops")), agreed(nil)}, {"approval: one below none", agreed(nil), agreed(approve(1, "ops"))},
		{"approval: below that of several tools", group(approve(1, "ops")), agreed(approve(2, "ops"))}, {"approval: none below that of several tools", group(approve(1, "ops")), agreed(nil)}, {"approval: of several tools", group(approve(1, "ops")), group(approve(1, "ops"))},
		{"rate: the same", call(rate(6, 60)), call(rate(6, 60))}, {"rate: fewer", call(rate(6, 60)), call(rate(5, 60))}, {"rate: more", call(rate(6, 60)), call(rate(7, 60))}, {"rate: the same at once, more often", call(rate(6, 60)), call(rate(6, 59))},
		{"rate: fewer at once, more often", call(rate(6, 60)), call(rate(1, 9))}, {"rate: fewer at once, as often", call(rate(6, 60)), call(rate(1, 10))}, {"rate: more at once, as often", call(rate(1, 10)), call(rate(6, 60))},
		{"rate: none below one", call(rate(6, 60)), call(nil)}, {"rate: one below none", call(nil), call(rate(6, 60))}, {"rate: below that of several tools", several(rate(6, 60)), call(rate(6, 60))}, {"rate: none below that of several tools", several(rate(6, 60)), call(nil)},
		{"rate: of several tools", several(rate(6, 60)), several(rate(6, 60))}, {"rate: more of several tools", several(rate(6, 60)), several(rate(7, 60))}, {"rate: products beyond 2^64", call(rate(1<<32-1, 366*24*3600*1e6)), call(rate(1<<32-1, 366*24*3600*1e6-1))},
		{"range: the same", read(10, 20), read(10, 20)}, {"range: inside", read(10, 20), read(15, 15)}, {"range: a byte more", read(10, 20), read(10, 21)}, {"range: a byte before", read(10, 20), read(9, 1)},
		{"range: an open child", read(10, 20), open(10)}, {"range: an open parent", open(10), read(10, 20)}, {"range: both open", open(10), open(11)}, {"range: an open child that begins before", open(10), open(9)},
		{"range: up to the last byte", open(0), read(1<<64-2, 1)}, {"range: an end beyond 2^64", open(0), read(1<<64-1, 2)},
		{"media: the same type", write("text/plain"), write("text/plain")}, {"media: a type of the pattern", write("text/*"), write("text/plain")}, {"media: the pattern of a type", write("text/plain"), write("text/*")},
		{"media: the same pattern", write("text/*"), write("text/*")}, {"media: a pattern of any", write("*/*"), write("text/*")}, {"media: any of a pattern", write("text/*"), write("*/*")},
		{"media: none", write("text/plain"), write()}, {"media: another case", write("text/plain"), write("Text/Plain")},
	} {
		root, err := caps.Issue(alice, caps.Draft{Subject: bob.Agent(), Scope: scopeOf(c.parent), NotBefore: object.Time(start), ExpiresAt: object.Time(start + minute), Delegable: true})
		chain := caps.Chain{must(root, err)}
		payload := must(can.Marshal(c.child))
		chain = forge(bob, chain, carol, func(child *caps.Capability) {
			child.Scope = scope.CapScope{Kind: c.child.Kind(), Payload: payload}
		})
		s.Addf(fields{"chain": hexes(chain), "holder_key": carol.Agent().KeyHex(), "trusted_keys": []string{alice.Agent().KeyHex()}, "at_us": start}, "a child's %s", c.id)
	}
}

// constrained is a scope with unchecked constraints.
func constrained(constraints map[string]string) scope.CapScope {
	return scope.CapScope{Kind: scope.KindToolCall, Payload: must(can.Marshal(&scope.ToolCall{ToolID: tool, MaxCalls: 5, Constraints: constraints}))}
}

// moreConstraints are requests, and constraints of a child, at the edges of JSON.
func moreConstraints(s *set) {
	use := func(id string, constraints map[string]string, request string) {
		c := issue(alice, bob, calls(tool, 5), nil)[0].Cap
		c.Scope = constrained(constraints)
		s.Addf(fields{"chain": []string{hexOf(signedCap(c, func(raw []byte) []byte { return raw }))}, "holder_key": bob.Agent().KeyHex(), "trusted_keys": []string{alice.Agent().KeyHex()}, "at_us": start,
			"use": fields{"kind": scope.KindToolCall, "tool_id": tool, "request": hexOf([]byte(request))}}, "constraints, %s", id)
	}
	use("30 digits, the same", map[string]string{"eq:/n": "123456789012345678901234567890"}, `{"n":123456789012345678901234567890}`)
	use("30 digits, one more", map[string]string{"max:/n": "123456789012345678901234567890"}, `{"n":123456789012345678901234567891}`)
	use("-0 in the request", map[string]string{"eq:/n": "0"}, `{"n":-0}`)
	use("1e0 in the request", map[string]string{"eq:/n": "1"}, `{"n":1e0}`)
	use("1.0 in the request", map[string]string{"eq:/n": "1"}, `{"n":1.0}`)
	use("a pointer with ~1 and ~0", map[string]string{"eq:/a~1b~0": "x"}, `{"a/b~":"x"}`)
	use("an item of a list", map[string]string{"eq:/l/1": "x"}, `{"l":["a","x"]}`)
	use("beyond a list", map[string]string{"eq:/l/2": "x"}, `{"l":["a","x"]}`)
	use("the whole request", map[string]string{"eq:": "x"}, `"x"`)
	use("keys that are equal in letter case, deep inside", map[string]string{"eq:/a": "x"}, `{"a":"x","b":[{"Key":1,"kEY":2}]}`)
	use("keys that are equal in NFC", map[string]string{"eq:/a": "x"}, "{\"a\":\"x\",\"\u00e9\":1,\"e\u0301\":2}")
	use("a NUL in a key", map[string]string{"eq:/a": "x"}, `{"a":"x","b\u0000":1}`)
	use("64 arrays inside one another", map[string]string{"eq:/a": "x"}, `{"a":"x","b":`+strings.Repeat("[", 63)+strings.Repeat("]", 63)+`}`)
	use("65 containers inside one another", map[string]string{"eq:/a": "x"}, `{"a":"x","b":`+strings.Repeat("[", 64)+strings.Repeat("]", 64)+`}`)
	use("two values", map[string]string{"eq:/a": "x"}, `{"a":"x"} {}`)
	use("no constraint: anything is a request", map[string]string{}, "\xff not JSON")
	for _, c := range [][2]string{{" that climbs, percent-encoded twice", "%252e%252e/x"}, {", backslashes", `a\\..\\b`}, {", dots in a name", "..a/b..c"}, {", a percent sign that encodes nothing", "%2e%2e/100%"}, {", parameters", "..;v=1/x"}, {", an over-long form", "%c0%ae%c0%ae/x"}, {", other bytes", "a;b/%e9/100%"}} {
		use("a prefix"+c[0], map[string]string{"prefix:/p": "/srv/"}, `{"p":"/srv/`+c[1]+`"}`)
	}
	use("the empty text in a set", map[string]string{"in:/m": "|a"}, `{"m":""}`)
	use("an unknown operator", map[string]string{"near:/n": "1"}, `{"n":1}`)
	use("max below 0 without min", map[string]string{"max:/n": "-1"}, `{"n":-1}`)
	child := func(id string, parent, child map[string]string) {
		root := issue(alice, bob, &scope.ToolCall{ToolID: tool, MaxCalls: 5, Constraints: parent}, nil)
		chain := forge(bob, root, carol, func(c *caps.Capability) {
			c.Scope = scopeOf(&scope.ToolCall{ToolID: tool, MaxCalls: 5, Constraints: child})
		})
		s.Addf(fields{"chain": hexes(chain), "holder_key": carol.Agent().KeyHex(), "trusted_keys": []string{alice.Agent().KeyHex()}, "at_us": start}, "constraints of a child, %s", id)
	}
	child("a smaller max", map[string]string{"max:/n": "10"}, map[string]string{"max:/n": "9"})
	child("a larger max", map[string]string{"max:/n": "10"}, map[string]string{"max:/n": "11"})
	child("a larger min", map[string]string{"min:/n": "1"}, map[string]string{"min:/n": "2"})
	child("a smaller min", map[string]string{"min:/n": "1"}, map[string]string{"min:/n": "0"})
	child("a subset", map[string]string{"in:/m": "a|b"}, map[string]string{"in:/m": "b"})
	child("another value in a set", map[string]string{"in:/m": "a|b"}, map[string]string{"in:/m": "b|c"})
	child("a longer prefix", map[string]string{"prefix:/p": "/srv/"}, map[string]string{"prefix:/p": "/srv/a"})
	child("a shorter prefix", map[string]string{"prefix:/p": "/srv/"}, map[string]string{"prefix:/p": "/srv"})
	child("eq in another spelling", map[string]string{"eq:/m": "a"}, map[string]string{"eq:/m": `"a"`})
	child("eq of another type", map[string]string{"eq:/m": "1"}, map[string]string{"eq:/m": `"1"`})
	child("dropped", map[string]string{"eq:/m": "a", "max:/n": "1"}, map[string]string{"eq:/m": "a"})
	child("one more", map[string]string{"eq:/m": "a"}, map[string]string{"eq:/m": "a", "max:/n": "1"})
}
