package main

import (
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/conform"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/sign"
)

// The agents of the vectors, and a tool.
var (
	alice = conform.GoldenKey("alice")
	bob   = conform.GoldenKey("bob")
	carol = conform.GoldenKey("carol")
	tool  = object.SumText("tool:sample")
)

const (
	start  int64 = 1_790_000_000_000_000 // 2026-09-21
	minute int64 = 60_000_000
)

func receipt(s sign.Signer, key, request, response string, status uint16) (object.Hash, []byte) {
	id, raw, err := ledger.NewReceipt(s, ledger.Receipt{ToolID: tool, RequestHash: object.SumText(request), ResponseHash: object.SumText(response),
		IdempotencyKey: []byte(key), TimeObserved: object.Time(start), Status: status})
	return id, must(raw, err)
}

func receipts() *set {
	s := &set{name: "receipts", class: "receipts", about: "signed receipts, and changed ones that are refused"}
	_, keyed := receipt(alice, "deploy-1", "question", "answer", 200)
	_, keyless := receipt(alice, "", "question", "answer", 200)
	_, failed := receipt(bob, "deploy-1", "question", "no", 503)
	s.add("keyed", fields{"bytes": hexOf(keyed)})
	s.add("without a key", fields{"bytes": hexOf(keyless)})
	s.add("failed", fields{"bytes": hexOf(failed)})
	s.add("an unknown field, not signed", fields{"bytes": hexOf(withField(keyed, 900, can.AppendUint(nil, 1)))})
	for at := 10; at < len(keyed); at += 37 { // in ids, hashes, the key, the signature
		changed := slices.Clone(keyed)
		changed[at] ^= 1
		s.addf(fields{"bytes": hexOf(changed)}, "bit 0 of byte %d changed", at)
	}
	s.add("cut off", fields{"bytes": hexOf(keyed[:len(keyed)-1])})
	s.add("trailing byte", fields{"bytes": hexOf(append(slices.Clone(keyed), 0))})
	s.add("another's signature", fields{"bytes": hexOf(signedBy(keyed, bob))})
	return s
}

// signedBy replaces a receipt's signature by another agent's over the same id.
func signedBy(raw []byte, other sign.Signer) []byte {
	r := must(object.Decode[ledger.Receipt](raw))
	r.Signature = must(sign.ID(other, r.ReceiptID))
	return must(can.Marshal(r))
}

// ledgers are scripts of what executors do to one effect.
func ledgers() *set {
	s := &set{name: "ledger", class: "ledger", about: "the effect state machine: scripts of registers, commits and decisions on one effect, and the signed history that they leave"}
	h := object.SumText
	register := func(as string, at int64, request string) fields {
		return fields{"as": as, "at_us": start + at, "register": fields{"request_hash": h(request)}}
	}
	commit := func(as string, at int64, step int, response string, status int) fields {
		return fields{"as": as, "at_us": start + at, "commit": fields{"step": step, "response_hash": h(response), "status": status}}
	}
	resolve := func(as string, at int64, decision, about int, evidence ...object.Hash) fields {
		return fields{"as": as, "at_us": start + at, "resolve": fields{"decision": decision, "about": about, "evidence": append([]object.Hash{}, evidence...)}}
	}
	withdraw := func(as string, at int64, step, decision int) fields {
		return fields{"as": as, "at_us": start + at, "withdraw": fields{"step": step, "decision": decision}}
	}
	by := func(instance string, step fields) fields {
		step["instance"] = hexOf([]byte(instance))
		return step
	}
	gone := func(step fields) fields {
		step["gone"] = true
		return step
	}
	again := func(step fields) fields {
		step["register"].(fields)["again"] = true
		return step
	}
	add := func(id, retry string, steps ...fields) {
		s.add(id, fields{"tool_id": tool, "key": hexOf([]byte("k")), "retry": retry, "lease_us": minute, "steps": steps})
	}
	add("invoke, commit, replay", "block", register("alice", 0, "q"), commit("alice", 1, 0, "a", 200), register("bob", 2, "q"))
	add("a failed attempt is an outcome", "block", register("alice", 0, "q"), commit("alice", 1, 0, "a", 503), register("alice", 2, "q"))
	add("a live lease", "retry", register("alice", 0, "q"), register("bob", minute-1, "q"))
	add("own lease, safe to repeat", "retry", register("alice", 0, "q"), register("alice", 1, "q"))
	add("own lease, not safe to repeat", "block", register("alice", 0, "q"), register("alice", 1, "q"))
	add("takeover", "retry", register("alice", 0, "q"), register("bob", minute, "q"), commit("bob", minute+1, 1, "a", 200), register("alice", minute+2, "q"))
	add("takeover, the first owner ends late with the same answer", "retry", register("alice", 0, "q"), register("bob", minute, "q"),
		commit("bob", minute+1, 1, "a", 200), commit("alice", minute+2, 0, "a", 200))
	add("takeover, the first owner ends late with another answer", "retry", register("alice", 0, "q"), register("bob", minute, "q"),
		commit("bob", minute+1, 1, "a", 200), commit("alice", minute+2, 0, "b", 200), register("alice", minute+3, "q"))
	add("unknown outcome", "block", register("alice", 0, "q"), register("bob", minute, "q"))
	add("unknown outcome, to be probed", "probe", register("alice", 0, "q"), register("bob", minute, "q"))
	add("unknown outcome, released", "block", register("alice", 0, "q"), resolve("carol", minute, 1, 1), register("bob", minute+1, "q"))
	add("unknown outcome, abandoned", "block", register("alice", 0, "q"), resolve("carol", minute, 2, 1), register("bob", minute+1, "q"))
	add("a live lease is not resolved", "block", register("alice", 0, "q"), resolve("carol", 1, 1, 1))
	add("idempotency conflict", "block", register("alice", 0, "q"), register("alice", 1, "r"), register("alice", 2, "q"))
	add("idempotency conflict after the commit", "block", register("alice", 0, "q"), commit("alice", 1, 0, "a", 200), register("bob", 2, "r"))
	add("redundant commit", "block", register("alice", 0, "q"), commit("alice", 1, 0, "a", 200), commit("alice", 1, 0, "a", 200))
	add("response conflict", "block", register("alice", 0, "q"), commit("alice", 1, 0, "a", 200), commit("alice", 2, 0, "b", 200))
	add("multiple commits", "block", register("alice", 0, "q"), commit("alice", 1, 0, "a", 200), commit("alice", 2, 0, "a", 200))
	add("divergence, settled by an operator", "block", register("alice", 0, "q"), commit("alice", 1, 0, "a", 200), commit("alice", 2, 0, "b", 200), resolve("carol", 3, 2, 1),
		register("bob", 4, "q"))
	one, two := "process of alice", "another of hers_"
	add("own lease, another process of the same agent", "retry", by(one, register("alice", 0, "q")), by(two, register("alice", 1, "q")))
	add("own lease, the same process", "retry", by(one, register("alice", 0, "q")), by(one, register("alice", 1, "q")))
	add("an instance where the register has none", "retry", register("alice", 0, "q"), by(one, register("alice", 1, "q")))
	add("no instance where the register has one", "retry", by(one, register("alice", 0, "q")), register("alice", 1, "q"))
	add("the process has ended, safe to repeat", "retry", by(one, register("alice", 0, "q")), gone(by(two, register("bob", 1, "q"))), by(two, commit("bob", 2, 1, "a", 200)),
		register("alice", 3, "q"))
	add("the process has ended, not safe to repeat", "block", by(one, register("alice", 0, "q")), gone(register("bob", 1, "q")),
		gone(resolve("carol", 2, 1, 1)), register("bob", 3, "q"))
	add("a decision about an attempt that is not the latest", "block", register("alice", 0, "q"), resolve("carol", minute, 1, 1), register("bob", minute+1, "q"),
		resolve("carol", 2*minute+1, 1, 1), resolve("carol", 2*minute+2, 1, 2), register("alice", 2*minute+3, "q"))
	add("it did not start: the key is free, also for another request", "block", register("alice", 0, "q"), withdraw("alice", 1, 0, 4), register("bob", 2, "r"),
		commit("bob", 3, 2, "a", 200), register("alice", 4, "r"))
	add("it did not start, but an attempt before it may have", "block", register("alice", 0, "q"), resolve("carol", minute, 1, 1), register("bob", minute+1, "q"),
		withdraw("bob", minute+2, 2, 4), register("alice", minute+3, "r"), register("alice", minute+4, "q"))
	add("another says that it did not start", "block", register("alice", 0, "q"), withdraw("bob", 1, 0, 4), register("bob", 2, "q"))
	add("it was stopped", "block", register("alice", 0, "q"), withdraw("alice", 1, 0, 5), register("bob", 2, "q"), resolve("carol", 3, 1, 1), register("bob", 4, "q"))
	add("it was stopped, safe to repeat", "retry", register("alice", 0, "q"), withdraw("alice", 1, 0, 5), register("bob", 2, "q"))
	add("a failure is tried again", "block", register("alice", 0, "q"), commit("alice", 1, 0, "a", 500), register("bob", 2, "q"), again(register("bob", 3, "q")),
		commit("bob", 4, 3, "b", 200), again(register("alice", 5, "q")))
	add("a failure is tried again, which does not start", "block", register("alice", 0, "q"), commit("alice", 1, 0, "a", 500), again(register("bob", 2, "q")),
		withdraw("bob", 3, 2, 4), register("alice", 4, "q"))
	add("a failure for good is not tried again", "block", register("alice", 0, "q"), commit("alice", 1, 0, "a", 422), again(register("bob", 2, "q")),
		resolve("carol", 3, 1, 1), register("bob", 4, "q"))
	add("a failure, released by an operator", "block", register("alice", 0, "q"), commit("alice", 1, 0, "a", 500), resolve("carol", 2, 1, 1), register("bob", 3, "q"))
	add("a success is not released", "block", register("alice", 0, "q"), commit("alice", 1, 0, "a", 200), resolve("carol", 2, 1, 1), again(register("bob", 3, "q")))
	return s
}

// datasets select from twelve episodes with receipts and signals.
func datasets() *set {
	s := &set{name: "datasets", class: "datasets", about: "definitions, what they select from the evidence given, and the roots of their manifests"}
	w := newEvidence()
	def := func(id string, corpora [][]object.Hash, query string, change func(*dataset.DatasetDef)) {
		d := dataset.DatasetDef{CorpusRoots: []object.Hash{}, Query: dataset.QueryDef{Predicate: must(dataset.ParseQuery(query, toolNamed))},
			Sampling: dataset.SamplingDef{Mode: dataset.SampleAll, Seed: object.SumText("seed")}}
		for _, ids := range corpora {
			d.CorpusRoots = append(d.CorpusRoots, must(merkle.ListRoot(ids)).CID)
		}
		if change != nil {
			change(&d)
		}
		_, raw, err := dataset.NewDef(d)
		in := fields{"definition": view(structNamed("DatasetDef"), must(raw, err)), "corpora": corpora, "episodes": w.episodes, "receipts": w.receipts,
			"signals": w.signals}
		if d.SignalRoots != nil {
			in["signal_logs"] = [][]object.Hash{w.signalLog}
		}
		s.add(id, in)
	}
	all := w.ascending()
	half, rest := all[:6], all[6:]
	one := [][]object.Hash{all}
	def("everything", one, "true", nil)
	def("two corpora", [][]object.Hash{half, rest}, "true", nil)
	def("an episode in both corpora counts once", [][]object.Hash{all[:8], all[4:]}, "true", nil)
	reversed := slices.Clone(all)
	slices.Reverse(reversed)
	def("a corpus in another order, with a warning", [][]object.Hash{reversed}, "true", nil)
	def("no corpus", [][]object.Hash{}, "true", nil)
	def("an empty corpus", [][]object.Hash{{}}, "true", nil)
	for _, query := range []string{`status == 200`, `has_status(200)`, `failed`, `status != 200`, `has_tool("wc")`, `not has_tool("wc") and status in [500, 600)`, `signal.reward >= 1`,
		`signal.reward < 1 or signal.label == "good"`, `episode.time_observed < 2026-09-21T14:13:26Z`, `signal.reward >= 0 and signal.reward < 2`} {
		def(query, one, query, nil)
	}
	for _, mode := range []uint8{dataset.SampleHashN, dataset.SampleFirstN} {
		for _, k := range []uint64{0, 3, 12, 100} {
			def(fmt.Sprintf("mode %d, n %d", mode, k), one, "true", func(d *dataset.DatasetDef) { d.Sampling.Mode, d.Sampling.N = mode, number(k) })
		}
	}
	def("the seed matters", one, "true", func(d *dataset.DatasetDef) {
		d.Sampling = dataset.SamplingDef{Mode: dataset.SampleHashN, N: number(3), Seed: object.SumText("another seed")}
	})
	def("first after the predicate", one, "status == 200", func(d *dataset.DatasetDef) { d.Sampling.Mode, d.Sampling.N = dataset.SampleFirstN, number(2) })
	def("strata", one, "true", func(d *dataset.DatasetDef) {
		d.Stratify = &dataset.StratifyDef{KeyPath: ir.Path{Root: ir.RootEpisode, Segments: []uint32{3}}, PerBucketN: 2, Seed: object.SumText("strata")}
	})
	def("pinned signals", one, "signal.reward >= 1", func(d *dataset.DatasetDef) {
		d.SignalRoots = []object.Hash{must(merkle.ListRoot(w.signalLog)).CID}
	})
	return s
}

func toolNamed(name string) (object.Hash, error) { return object.SumText("tool:" + name), nil }

type evidence struct {
	ids       []object.Hash
	episodes  []string
	receipts  []string
	signals   []string
	signalLog []object.Hash
}

// newEvidence makes episodes 0 to 11: every third called wc, every fourth failed,
// every second has a reward, every fifth a label; they have three contexts.
func newEvidence() *evidence {
	w := &evidence{}
	for i := range 12 {
		name, status := "cat", uint16(200)
		if i%3 == 0 {
			name = "wc"
		}
		if i%4 == 3 {
			status = 500
		}
		id, raw, err := ledger.NewReceipt(alice, ledger.Receipt{ToolID: object.SumText("tool:" + name), RequestHash: object.SumText(fmt.Sprint("request ", i)),
			ResponseHash: object.SumText(fmt.Sprint("response ", i)), TimeObserved: object.Time(start), Status: status})
		w.receipts = append(w.receipts, hexOf(must(raw, err)))
		e := object.EpisodeRef{TraceRef: object.TraceRef{TraceBlob: object.BlobRef{CID: object.SumText(fmt.Sprint("trace ", i)), Size: uint64(100 + i), Media: "application/mythos.trace"},
			ReceiptIDs: []object.Hash{id}}, ContextHash: object.SumText(fmt.Sprint("context ", i%3)), OutcomeHash: object.SumText(fmt.Sprint("outcome ", i)),
			TimeObserved: object.Time(start + int64(i)*1_000_000)}
		e.EpisodeID = must(object.EpisodeRule.IDOf(&e))
		w.ids = append(w.ids, e.EpisodeID)
		w.episodes = append(w.episodes, hexOf(must(can.Marshal(&e))))
		if i%2 == 0 {
			w.signal(e.EpisodeID, dataset.Reward, ir.I64Scalar(int64(i%5)-1), i < 6)
		}
		if i%5 == 0 {
			w.signal(e.EpisodeID, dataset.Label, ir.TextScalar("good"), false)
		}
	}
	return w
}

func (w *evidence) signal(episode object.Hash, kind uint8, v ir.Scalar, logged bool) {
	id, raw, err := dataset.NewSignal(bob, episode, kind, v, object.Time(start))
	w.signals = append(w.signals, hexOf(must(raw, err)))
	if logged {
		w.signalLog = append(w.signalLog, id)
		slices.SortFunc(w.signalLog, object.Hash.Compare)
	}
}

func (w *evidence) ascending() []object.Hash {
	ids := slices.Clone(w.ids)
	slices.SortFunc(ids, object.Hash.Compare)
	return ids
}

func calls(of object.Hash, most uint32) caps.Scope { return &caps.ToolCall{ToolID: of, MaxCalls: most} }

func scope(s caps.Scope) caps.CapScope { return must(caps.NewScope(s)) }

func issue(s sign.Signer, to sign.Signer, what caps.Scope, change func(*caps.Draft)) caps.Chain {
	d := caps.Draft{Subject: to.Agent(), Scope: scope(what), NotBefore: object.Time(start), ExpiresAt: object.Time(start + 60*minute), Delegable: true}
	if change != nil {
		change(&d)
	}
	return caps.Chain{must(caps.Issue(s, d))}
}

func attenuate(s sign.Signer, parent caps.Chain, to sign.Signer, change func(*caps.Draft)) caps.Chain {
	d := caps.Draft{Subject: to.Agent()}
	if change != nil {
		change(&d)
	}
	return append(caps.Chain{must(caps.Attenuate(s, parent, d))}, parent...)
}

// forge makes a child that Attenuate would refuse to make.
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
	s := &set{name: "capabilities", class: "capabilities", about: "capability chains, leaf first: valid ones, and each way in which a chain or a use of it fails"}
	var chain caps.Chain
	show := func(id string, holder sign.Signer, at int64, use fields, more fields) {
		in := fields{"chain": hexes(chain), "holder_key": holder.Agent().KeyHex(), "trusted_keys": []string{alice.Agent().KeyHex()}, "at_us": start + at}
		if use != nil {
			in["use"] = use
		}
		for k, v := range more {
			in[k] = v
		}
		s.add(id, in)
	}
	call := func(request string) fields {
		return fields{"kind": caps.KindToolCall, "tool_id": tool, "request": hexOf([]byte(request))}
	}
	five := calls(tool, 5)

	chain = issue(alice, bob, five, nil)
	show("a root", bob, 0, call("{}"), nil)
	show("before it is valid", bob, -1, nil, nil)
	show("after it expired", bob, 60*minute, nil, nil)
	show("in its last microsecond", bob, 60*minute-1, nil, nil)
	show("another holder", carol, 0, nil, nil)
	show("an issuer whom nobody trusts", bob, 0, nil, fields{"trusted_keys": []string{carol.Agent().KeyHex()}})
	show("another tool", bob, 0, fields{"kind": caps.KindToolCall, "tool_id": object.SumText("tool:other"), "request": ""}, nil)
	show("another kind of use", bob, 0, fields{"kind": caps.KindEvalRun, "suite_id": tool}, nil)
	chain = slices.Clone(chain)
	chain[0].Raw = slices.Clone(chain[0].Raw)
	chain[0].Raw[len(chain[0].Raw)-1] ^= 1
	show("a changed signature", bob, 0, nil, nil)

	parent := issue(alice, bob, five, nil)
	chain = attenuate(bob, parent, carol, func(d *caps.Draft) { d.Scope = scope(calls(tool, 2)) })
	show("a child with less", carol, 0, call("{}"), nil)
	chain = attenuate(bob, parent, carol, nil)
	show("a child with the same", carol, 0, call("{}"), nil)
	chain = forge(bob, parent, carol, func(c *caps.Capability) { c.Scope = scope(calls(tool, 6)) })
	show("a child with more calls", carol, 0, nil, nil)
	chain = forge(bob, parent, carol, func(c *caps.Capability) { c.Scope = scope(calls(object.SumText("tool:other"), 1)) })
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
	chain := issue(alice, bob, &caps.ToolCall{ToolID: tool, MaxCalls: 5, Constraints: map[string]string{
		"eq:/env": "prod", "max:/count": "10", "prefix:/path": "/srv/", "in:/mode": "a|b"}}, nil)
	for _, request := range []string{
		`{"env":"prod","count":10,"path":"/srv/x","mode":"a"}`, `{"env":"prod","count":11,"path":"/srv/x","mode":"a"}`,
		`{"env":"dev","count":1,"path":"/srv/x","mode":"a"}`, `{"env":"prod","count":1,"path":"/etc/x","mode":"a"}`,
		`{"env":"prod","count":1,"path":"/srv/x","mode":"c"}`, `{"count":1,"path":"/srv/x","mode":"a"}`, `{"env":"prod","count":1,"path":"/srv/../x","mode":"a"}`, `not JSON`, `{"env":"prod","env":"dev","count":1,"path":"/srv/x","mode":"a"}`,
	} {
		s.add("constraints on "+request, fields{"chain": hexes(chain), "holder_key": bob.Agent().KeyHex(), "trusted_keys": []string{alice.Agent().KeyHex()}, "at_us": start,
			"use": fields{"kind": caps.KindToolCall, "tool_id": tool, "request": hexOf([]byte(request))}})
	}
	strictConstraintVectors(s)
}

// strictConstraintVectors are requests that parsers of other languages read in another way.
func strictConstraintVectors(s *set) {
	chain := issue(alice, bob, &caps.ToolCall{ToolID: tool, MaxCalls: 5, Constraints: map[string]string{
		"eq:/force": "false", "eq:/id": `"7"`, "max:/amount": "10", "closed:": "amount|force|id|low", "min:/low": "-5", "max:/low": "-2"}}, nil)
	for _, request := range []string{
		`{"force":false,"id":"7","amount":10,"low":-5}`, `{"force":"false","id":"7","amount":10,"low":-5}`, `{"force":false,"id":7,"amount":10,"low":-5}`,
		`{"force":false,"id":"7","amount":-1,"low":-5}`, `{"force":false,"id":"7","amount":1e1,"low":-5}`, `{"force":false,"id":"7","amount":-0,"low":-5}`,
		`{"force":false,"id":"7","amount":10,"low":-6}`, `{"force":false,"id":"7","amount":10,"low":-1}`, `{"force":false,"id":"7","amount":10,"low":-5,"to":"x"}`,
		`{"force":false,"id":"7","amount":10,"Amount":1000,"low":-5}`, `{"force":false,"id":"7","amount":10,"low":-5,"\u0061mount":1}`,
		`{"force":false,"id":"7","amount":10000000000000000000000,"low":-5}`, `{"force":false,"id":"\ud800","amount":10,"low":-5}`,
	} {
		s.add("strict constraints on "+request, fields{"chain": hexes(chain), "holder_key": bob.Agent().KeyHex(), "trusted_keys": []string{alice.Agent().KeyHex()}, "at_us": start,
			"use": fields{"kind": caps.KindToolCall, "tool_id": tool, "request": hexOf([]byte(request))}})
	}
	parent := issue(alice, bob, &caps.ToolCall{ToolID: tool, MaxCalls: 5, Constraints: map[string]string{"max:/amount": "10"}}, nil)
	wider := forge(bob, parent, carol, func(c *caps.Capability) {
		c.Scope = scope(&caps.ToolCall{ToolID: tool, MaxCalls: 5, Constraints: map[string]string{"max:/amount": "10", "min:/amount": "-100"}})
	})
	s.add("a child with a min below the least of its parent", fields{"chain": hexes(wider), "holder_key": carol.Agent().KeyHex(), "trusted_keys": []string{alice.Agent().KeyHex()}, "at_us": start})
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
		s.add("revocation lists: "+c.id, in)
	}
}

// scopeVectors use a capability of every kind, as it allows and beyond it.
func scopeVectors(s *set) {
	h, other := object.SumText("subject"), object.SumText("other")
	for _, c := range []struct {
		scope  caps.Scope
		allow  fields
		refuse []fields
	}{
		{&caps.BlobRead{CID: h, RangeStart: number(10), RangeLen: number(20)}, fields{"kind": 1, "cid": h, "offset": 10, "length": 20},
			[]fields{{"kind": 1, "cid": other, "offset": 10, "length": 20}, {"kind": 1, "cid": h, "offset": 9, "length": 20}, {"kind": 1, "cid": h, "offset": 11, "length": 20}, {"kind": 1, "cid": h}}},
		{&caps.BlobWrite{Namespace: "logs", MaxSize: 100, MediaAllow: []string{"text/plain"}}, fields{"kind": 2, "namespace": "logs", "size": 100, "media": "text/plain"},
			[]fields{{"kind": 2, "namespace": "other", "size": 1, "media": "text/plain"}, {"kind": 2, "namespace": "logs", "size": 101, "media": "text/plain"}, {"kind": 2, "namespace": "logs", "size": 1, "media": "image/png"}}},
		{&caps.BlobPin{CID: h, TTLus: uint64(60 * minute)}, fields{"kind": 3, "cid": h, "ttl_us": 60 * minute}, []fields{{"kind": 3, "cid": h, "ttl_us": 60*minute + 1}, {"kind": 3, "cid": h}}},
		{&caps.BlobDelete{CID: h}, fields{"kind": 4, "cid": h}, []fields{{"kind": 4, "cid": other}}},
		{&caps.TrainRun{RecipeID: h, MaxJobs: 2, MaxTokens: 100}, fields{"kind": 6, "recipe_id": h, "jobs": 2, "tokens": 100}, []fields{{"kind": 6, "recipe_id": h, "jobs": 3}, {"kind": 6, "recipe_id": h, "tokens": 101}}},
		{&caps.EvalRun{SuiteID: h, MaxRuns: 1}, fields{"kind": 7, "suite_id": h}, []fields{{"kind": 7, "suite_id": other}, {"kind": 7, "suite_id": h, "runs": 2}}},
		{&caps.DeployPromote{RingID: 1, PolicyID: h}, fields{"kind": 8, "ring": 1, "policy_id": h}, []fields{{"kind": 8, "ring": 2, "policy_id": h}, {"kind": 8, "ring": 1, "policy_id": other}}},
		{&caps.ComputeSpawn{PoolID: h, MaxWorkers: 2, MaxCPUus: 1_000_000, MaxIO: 5}, fields{"kind": 9, "pool_id": h, "workers": 2, "cpu_us": 1_000_000, "io_count": 5}, []fields{{"kind": 9, "pool_id": h, "workers": 3}, {"kind": 9, "pool_id": h, "io_count": 6}}},
		{&caps.CellRead{CellID: h, KeyPrefix: []byte("ab")}, fields{"kind": 10, "cell_id": h, "key": hexOf([]byte("abc"))}, []fields{{"kind": 10, "cell_id": h, "key": hexOf([]byte("a"))}}},
		{&caps.CellWrite{CellID: h, MaxEvents: 2, EventTypeAllow: []uint32{7}}, fields{"kind": 11, "cell_id": h, "events": 2, "event_types": []int{7}}, []fields{{"kind": 11, "cell_id": h, "events": 1, "event_types": []int{8}}, {"kind": 11, "cell_id": h, "events": 3, "event_types": []int{7}}}},
	} {
		chain := issue(alice, bob, c.scope, nil)
		for i, use := range append([]fields{c.allow}, c.refuse...) {
			s.addf(fields{"chain": hexes(chain), "holder_key": bob.Agent().KeyHex(), "trusted_keys": []string{alice.Agent().KeyHex()}, "at_us": start, "use": use},
				"%s, use %d", caps.KindName(chain[0].Cap.Scope.Kind), i)
		}
	}
}

func number(n uint64) *uint64 { return &n }
