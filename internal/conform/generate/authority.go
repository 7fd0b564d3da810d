package main

import (
	"encoding/json"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// quotas charge capabilities.
func quotas() *set {
	s := &set{Class: "quotas", About: "charges to capability chains and refunds, one after the other, and what was charged to each link at the end"}
	use := fields{"kind": scope.KindToolCall, "tool_id": tool}
	charge := func(chain int, use fields) fields { return fields{"chain": chain, "charge": use} }
	refund := func(chain int, use fields) fields { return fields{"chain": chain, "refund": use} }
	add := func(id string, chains []caps.Chain, steps ...fields) {
		list := [][]string{}
		for _, c := range chains {
			list = append(list, hexes(c))
		}
		s.Add(id, fields{"chains": list, "steps": steps})
	}
	two := issue(alice, bob, calls(tool, 2), nil)
	add("calls: two are charged, the third is refused", []caps.Chain{two}, charge(0, use), charge(0, use), charge(0, use))
	add("calls: a refund makes room", []caps.Chain{two}, charge(0, use), charge(0, use), refund(0, use), charge(0, use), charge(0, use))
	free := issue(alice, bob, calls(tool, scope.NoLimit32), nil)
	add("no limit: nothing is counted", []caps.Chain{free}, charge(0, use), charge(0, use))
	child := attenuate(bob, two, carol, func(d *caps.Draft) { d.Scope = scopeOf(calls(tool, 1)) })
	other := attenuate(bob, two, alice, func(d *caps.Draft) { d.Scope = scopeOf(calls(tool, 2)) })
	add("ancestors: a child has less", []caps.Chain{child}, charge(0, use), charge(0, use))
	add("ancestors: two children share what their parent has", []caps.Chain{child, other}, charge(1, use), charge(0, use), charge(1, use))
	add("ancestors: the first link from the root is named", []caps.Chain{child, other}, charge(1, use), charge(1, use), charge(0, use))
	write := issue(alice, bob, &scope.BlobWrite{Namespace: "logs", MaxSize: 100, MediaAllow: []string{"*/*"}}, nil)
	bytes := func(n int) fields {
		return fields{"kind": scope.KindBlobWrite, "namespace": "logs", "media": "text/plain", "size": n}
	}
	add("bytes: the total counts", []caps.Chain{write}, charge(0, bytes(60)), charge(0, bytes(41)), charge(0, bytes(40)), charge(0, bytes(1)))
	recipe := object.SumText("recipe")
	train := issue(alice, bob, &scope.TrainRun{RecipeID: recipe, MaxJobs: 5, MaxTokens: 100, MaxGPUms: number(10)}, nil)
	job := func(tokens, gpu int) fields {
		return fields{"kind": scope.KindTrainRun, "recipe_id": recipe, "jobs": 1, "tokens": tokens, "gpu_ms": gpu}
	}
	add("several resources: all or none", []caps.Chain{train}, charge(0, job(90, 1)), charge(0, job(20, 1)), charge(0, job(5, 10)), charge(0, job(10, 9)))
	cell := object.SumText("cell:c")
	events := issue(alice, bob, &scope.CellWrite{CellID: cell, MaxEvents: 3}, nil)
	append2 := fields{"kind": scope.KindCellWrite, "cell_id": cell, "events": 2, "event_types": []int{1, 1}}
	add("events: the number of events is charged", []caps.Chain{events}, charge(0, append2), charge(0, append2))
	pool := object.SumText("pool:local")
	spawn := issue(alice, bob, &scope.ComputeSpawn{PoolID: pool, MaxWorkers: 4, MaxCPUus: 1000, MaxIO: 3}, nil)
	add("workers, cpu_us and io", []caps.Chain{spawn}, charge(0, fields{"kind": scope.KindComputeSpawn, "pool_id": pool, "workers": 2, "cpu_us": 600, "io_count": 1}),
		charge(0, fields{"kind": scope.KindComputeSpawn, "pool_id": pool, "workers": 2, "cpu_us": 401, "io_count": 1}))
	at := func(us int, step fields) fields { step["at_us"] = start + int64(us); return step }
	rated := issue(alice, bob, &scope.ToolCall{ToolID: tool, MaxCalls: scope.NoLimit32, Rate: &scope.Rate{Calls: 2, PerUs: 10}}, nil)
	add("rate: two at once, then one in half the time", []caps.Chain{rated}, at(0, charge(0, use)), at(0, charge(0, use)), at(4, charge(0, use)), at(5, charge(0, use)), at(9, charge(0, use)), at(20, charge(0, use)), at(20, charge(0, use)), at(20, charge(0, use)))
	add("rate: a refund makes room", []caps.Chain{rated}, at(0, charge(0, use)), at(0, charge(0, use)), at(0, refund(0, use)), at(0, charge(0, use)), at(0, charge(0, use)))
	add("rate: a clock that was ahead", []caps.Chain{rated}, at(1000, charge(0, use)), at(1000, charge(0, use)), at(0, charge(0, use)), at(5, charge(0, use)))
	slow := attenuate(bob, rated, carol, func(d *caps.Draft) {
		d.Scope = scopeOf(&scope.ToolCall{ToolID: tool, MaxCalls: scope.NoLimit32, Rate: &scope.Rate{Calls: 1, PerUs: 7}})
	})
	add("rate: every link has its own, and a refusal charges none", []caps.Chain{slow, rated}, at(0, charge(0, use)), at(0, charge(0, use)), at(0, charge(1, use)), at(0, charge(1, use)), at(7, charge(0, use)))
	costs(add, charge, refund)
	return s
}

// costs charge and settle prices.
func costs(add func(id string, chains []caps.Chain, steps ...fields), charge, refund func(chain int, use fields) fields) {
	priced := func(n int) fields { return fields{"kind": scope.KindToolCall, "tool_id": tool, "price": n} }
	spent := func(price, used int) fields {
		return fields{"chain": 0, "spent": fields{"price": price, "used": used}}
	}
	ten := issue(alice, bob, &scope.ToolCall{ToolID: tool, MaxCalls: 5, MaxCost: number(10)}, nil)
	add("cost: what a call would exceed is refused, and charges nothing", []caps.Chain{ten}, charge(0, priced(6)), charge(0, priced(5)), charge(0, priced(4)), charge(0, priced(1)), charge(0, priced(0)))
	add("cost: a refund gives the price back, too", []caps.Chain{ten}, charge(0, priced(10)), refund(0, priced(10)), charge(0, priced(10)))
	add("cost: what was not used is returned", []caps.Chain{ten}, charge(0, priced(10)), spent(10, 3), charge(0, priced(7)), charge(0, priced(1)))
	add("cost: what was used beyond the price counts, and beyond the limit", []caps.Chain{ten}, charge(0, priced(8)), spent(8, 12), charge(0, priced(1)), charge(0, priced(0)))
	add("cost: of a call without a price", []caps.Chain{ten}, charge(0, priced(0)), spent(0, 9), charge(0, priced(2)), charge(0, priced(1)))
	child := attenuate(bob, ten, carol, func(d *caps.Draft) {
		d.Scope = scopeOf(&scope.ToolCall{ToolID: tool, MaxCalls: 5, MaxCost: number(6)})
	})
	add("cost: every link counts", []caps.Chain{child}, charge(0, priced(4)), spent(4, 5), charge(0, priced(2)), charge(0, priced(1)))
}

// strictnesses compare policies that differ in one point.
func strictnesses() *set {
	s := &set{Class: "strictness", About: "whether policy a is at least as strict as policy b; each differs in one thing from a common one"}
	base := func(change func(*model.PolicyDef)) json.RawMessage {
		p := model.PolicyDef{Suites: []object.Hash{object.SumText("suite")}, Verifiers: []object.AgentID{alice.Agent(), bob.Agent()}, Quorum: 1, RollbackRule: model.RollbackPrevious,
			MaxAgeUs: number(1000), KeepModels: new(uint16), Signer: alice.Agent(), TimeObserved: object.Time(start),
			Thresholds: []model.Threshold{{Metric: "accuracy", Direction: model.HigherIsBetter, Limit: signed(900), LargestRegression: signed(10), Critical: true}}}
		*p.KeepModels = 3
		change(&p)
		p.PolicyID = must(model.PolicyID(p))
		p.Signature = must(sign.ID(alice, p.PolicyID))
		return view(structNamed("PolicyDef"), must(can.Marshal(&p)))
	}
	same := base(func(*model.PolicyDef) {})
	for _, c := range []struct {
		id     string
		change func(*model.PolicyDef)
	}{
		{"the same", func(*model.PolicyDef) {}},
		{"a verifier less", func(p *model.PolicyDef) { p.Verifiers = p.Verifiers[:1] }},
		{"a verifier more", func(p *model.PolicyDef) { p.Verifiers = append(p.Verifiers, carol.Agent()) }},
		{"a larger quorum", func(p *model.PolicyDef) { p.Quorum = 2 }},
		{"a shorter age", func(p *model.PolicyDef) { p.MaxAgeUs = number(999) }},
		{"a longer age", func(p *model.PolicyDef) { p.MaxAgeUs = number(1001) }},
		{"any age", func(p *model.PolicyDef) { p.MaxAgeUs = nil }},
		{"another suite besides", func(p *model.PolicyDef) { p.Suites = append(p.Suites, object.SumText("another")) }},
		{"another suite instead", func(p *model.PolicyDef) { p.Suites = []object.Hash{object.SumText("another")} }},
		{"a higher limit", func(p *model.PolicyDef) { p.Thresholds[0].Limit = signed(901) }},
		{"a lower limit", func(p *model.PolicyDef) { p.Thresholds[0].Limit = signed(899) }},
		{"no limit", func(p *model.PolicyDef) { p.Thresholds[0].Limit = nil }},
		{"a smaller regression", func(p *model.PolicyDef) { p.Thresholds[0].LargestRegression = signed(9) }},
		{"a larger regression", func(p *model.PolicyDef) { p.Thresholds[0].LargestRegression = signed(11) }},
		{"no regression", func(p *model.PolicyDef) { p.Thresholds[0].LargestRegression = nil }},
		{"an improvement instead of the regression", func(p *model.PolicyDef) {
			p.Thresholds[0].LargestRegression, p.Thresholds[0].LeastImprovement = nil, signed(0)
		}},
		{"an improvement besides", func(p *model.PolicyDef) { p.Thresholds[0].LeastImprovement = signed(1) }},
		{"the other direction", func(p *model.PolicyDef) { p.Thresholds[0].Direction = model.LowerIsBetter }},
		{"not critical", func(p *model.PolicyDef) { p.Thresholds[0].Critical = false }},
		{"another metric besides, not critical", func(p *model.PolicyDef) {
			p.Thresholds = append(p.Thresholds, model.Threshold{Metric: "loss", Direction: model.LowerIsBetter, Limit: signed(1)})
		}},
		{"another metric besides", func(p *model.PolicyDef) {
			p.Thresholds = append(p.Thresholds, model.Threshold{Metric: "loss", Direction: model.LowerIsBetter, Limit: signed(1), Critical: true})
		}},
		{"the rollback's model is required", func(p *model.PolicyDef) { p.RollbackRule = model.RollbackRequired }},
		{"keeps a model more", func(p *model.PolicyDef) { *p.KeepModels = 4 }},
		{"keeps a model less", func(p *model.PolicyDef) { *p.KeepModels = 2 }},
		{"keeps all", func(p *model.PolicyDef) { p.KeepModels = nil }},
		{"another name, ring, time", func(p *model.PolicyDef) { p.Ring, p.TimeObserved = 9, 1 }},
	} {
		other := base(c.change)
		s.Add("a has "+c.id, fields{"a": other, "b": same})
		s.Add("b has "+c.id, fields{"a": same, "b": other})
	}
	zero := base(func(p *model.PolicyDef) { p.Thresholds[0].LargestRegression = signed(0) })
	improve := base(func(p *model.PolicyDef) {
		p.Thresholds[0].LargestRegression, p.Thresholds[0].LeastImprovement = nil, signed(0)
	})
	s.Add("a regression of 0 for an improvement of 0", fields{"a": zero, "b": improve})
	s.Add("an improvement of 0 for a regression of 0", fields{"a": improve, "b": zero})
	return s
}

func signed(n int64) *int64 { return &n }
