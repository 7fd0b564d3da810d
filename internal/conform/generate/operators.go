package main

import (
	"slices"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// operatorVectors are operators' decisions, and commits that are late or about something else.
func operatorVectors(s *set) {
	h := object.SumText
	step := func(as string, at int64, name string, value fields) fields {
		return fields{"as": as, "at_us": start + at, name: value}
	}
	register := func(as string, at int64, request string) fields {
		return step(as, at, "register", fields{"request_hash": h(request)})
	}
	commit := func(as string, at int64, of int, response string) fields {
		return step(as, at, "commit", fields{"step": of, "response_hash": h(response), "status": 200})
	}
	resolve := func(as string, at int64, decision, about int, evidence ...object.Hash) fields {
		return step(as, at, "resolve", fields{"decision": decision, "about": about, "evidence": append([]object.Hash{}, evidence...)})
	}
	// recorded is the id of the receipt that a commit step writes.
	recorded := func(as *sign.Key, at int64, request, response string) object.Hash {
		id, _, err := ledger.NewReceipt(as, ledger.Receipt{ToolID: tool, IdempotencyKey: []byte("k"), RequestHash: h(request), ResponseHash: h(response), Status: 200, TimeObserved: object.Time(start + at)})
		must(0, err)
		return id
	}
	add := func(id string, steps ...fields) {
		s.Add(id, fields{"tool_id": tool, "key": hexOf([]byte("k")), "retry": "block", "lease_us": minute, "steps": steps})
	}
	a, b := recorded(alice, 1, "q", "a"), recorded(alice, 2, "q", "b")
	diverged := []fields{register("alice", 0, "q"), commit("alice", 1, 0, "a"), commit("alice", 2, 0, "b")}
	add("accepted: the first receipt", append(slices.Clone(diverged), resolve("carol", 3, 3, 1, a), register("bob", 4, "q"))...)
	add("accepted: the second receipt", append(slices.Clone(diverged), resolve("carol", 3, 3, 1, b), register("bob", 4, "q"))...)
	add("accepted: a receipt that is not recorded", append(slices.Clone(diverged), resolve("carol", 3, 3, 1, h("nothing")), register("bob", 4, "q"))...)
	add("accepted: no receipt", append(slices.Clone(diverged), resolve("carol", 3, 3, 1), register("bob", 4, "q"))...)
	add("accepted after it was abandoned", append(slices.Clone(diverged), resolve("carol", 3, 2, 1), resolve("carol", 4, 3, 1, a), register("bob", 5, "q"))...)
	add("accepted, and another request comes", append(slices.Clone(diverged), resolve("carol", 3, 3, 1, a), register("bob", 4, "r"))...)
	add("tried again after divergence: the key keeps its request", append(slices.Clone(diverged), resolve("carol", 3, 1, 1), register("bob", 4, "r"), register("bob", 5, "q"))...)
	add("abandoned, and a commit comes late", register("alice", 0, "q"), resolve("carol", minute, 2, 1), commit("alice", minute+1, 0, "a"), register("bob", minute+2, "q"))
	add("released by an operator, and a commit comes late", register("alice", 0, "q"), resolve("carol", minute, 1, 1), commit("alice", minute+1, 0, "a"), register("bob", minute+2, "q"))
	other := commit("alice", 1, 0, "a")
	other["commit"].(fields)["request_hash"] = h("r")
	add("a commit of another request", register("alice", 0, "q"), other, register("bob", 2, "q"))
	add("a commit of another request, and another mark is not written", register("alice", 0, "q"), other, commit("alice", 2, 0, "b"))
	add("a decision about the second attempt", register("alice", 0, "q"), resolve("carol", minute, 1, 1), register("bob", minute+1, "q"), resolve("carol", 2*minute+1, 1, 2), register("alice", 2*minute+2, "q"))
	add("an unknown decision", register("alice", 0, "q"), resolve("carol", minute, 9, 1))
	add("a decision on nothing", resolve("carol", 0, 1, 1))
}
