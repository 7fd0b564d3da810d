package main

import (
	"slices"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

func receipt(s sign.Signer, key, request, response string, status uint16) (object.Hash, []byte) {
	id, raw, err := ledger.NewReceipt(s, ledger.Receipt{ToolID: tool, RequestHash: object.SumText(request), ResponseHash: object.SumText(response),
		IdempotencyKey: []byte(key), TimeObserved: object.Time(start), Status: status})
	return id, must(raw, err)
}

func receipts() *set {
	s := &set{Class: "receipts", About: "signed receipts, and changed ones that are refused"}
	_, keyed := receipt(alice, "deploy-1", "question", "answer", 200)
	_, keyless := receipt(alice, "", "question", "answer", 200)
	_, failed := receipt(bob, "deploy-1", "question", "no", 503)
	s.Add("keyed", fields{"bytes": hexOf(keyed)})
	s.Add("without a key", fields{"bytes": hexOf(keyless)})
	s.Add("failed", fields{"bytes": hexOf(failed)})
	s.Add("an unknown field, not signed", fields{"bytes": hexOf(withField(keyed, 900, can.AppendUint(nil, 1)))})
	for at := 10; at < len(keyed); at += 37 { // in ids, hashes, the key, the signature
		changed := slices.Clone(keyed)
		changed[at] ^= 1
		s.Addf(fields{"bytes": hexOf(changed)}, "bit 0 of byte %d changed", at)
	}
	s.Add("cut off", fields{"bytes": hexOf(keyed[:len(keyed)-1])})
	s.Add("trailing byte", fields{"bytes": hexOf(append(slices.Clone(keyed), 0))})
	s.Add("another's signature", fields{"bytes": hexOf(signedBy(keyed, bob))})
	return s
}

// signedBy replaces a receipt's signature by another agent's over the same id.
func signedBy(raw []byte, other sign.Signer) []byte {
	r := must(object.Decode[ledger.Receipt](raw))
	r.Signature = must(sign.ID(other, r.ReceiptID))
	return must(can.Marshal(r))
}

// ledgers are scripts of executors' actions on one effect.
func ledgers() *set {
	s := &set{Class: "ledger", About: "the effect state machine: scripts of registers, commits and decisions on one effect, and the signed history that they leave"}
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
		s.Add(id, fields{"tool_id": tool, "key": hexOf([]byte("k")), "retry": retry, "lease_us": minute, "steps": steps})
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
	add("divergence, settled by an operator", "block", register("alice", 0, "q"), commit("alice", 1, 0, "a", 200), commit("alice", 2, 0, "b", 200), resolve("carol", 3, 2, 1), register("bob", 4, "q"))
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
	operatorVectors(s)
	return s
}
