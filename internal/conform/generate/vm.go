package main

import (
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

const smallBudget = "cpu 10000, io 0, writes 0"

func mainTask(budget string) string {
	return ".task #\"sym:main\" () budget { " + budget + " } trace\n"
}

// vmVectors are ops at their edges, and each code with which a task may be halted.
func vmVectors(add func(id, text string, more fields)) {
	add("MATCH in every form", matches(), nil)
	add("CALL with arguments", ".symbol pair (any, any) -> any entry @pair\n"+mainTask(smallBudget)+"const r1, 5\nconst r2, -5\ncall sym:pair, (r1, r2), r3\nret r3\npair: list r9, r1, r0, r2\nret r9\n", nil)
	add("LIST of 15 items", listOf(15), nil)
	add("LIST of 16 items", listOf(16), nil)
	add("JZ on everything that is empty", ".const e text \"\"\n.const b bytes x\"\"\n.const t text \"0\"\n"+mainTask(smallBudget)+
		"const r1, $e\nconst r2, $b\nconst r3, $t\nconst r4, 0\njz r9, @a\nhalt\na: jz r1, @b\nhalt\nb: jz r2, @c\nhalt\nc: jz r4, @d\nhalt\nd: jz r3, @wrong\nret r3\nwrong: halt\n", nil)
	add("GET and SET of a list", mainTask(smallBudget)+"list r1, 1, 2, 3\nget r2, r1, 0\nset r3, r1, 2, 9\nget r4, r1, 3\nlist r0, r2, r3, r4\nret r0\n", nil)
	add("halted with 10: GET of a scalar", mainTask(smallBudget)+"const r1, 5\nget r2, r1, 0\nret r2\n", nil)
	add("halted with 10: SET beyond a list", mainTask(smallBudget)+"list r1, 1\nset r2, r1, 5, 9\nret r2\n", nil)
	add("halted with 11: 65 lists inside one another", ".symbol main () -> any entry @main\n"+mainTask("cpu 100000, io 0, writes 0")+"main: const r1, 0\nagain: list r1, r1\njmp @again\n", nil)
	for _, part := range []string{"requires", "ensures", "invariant"} {
		expr := map[string]string{"requires": "eq(episode.5, $five)", "ensures": "eq(episode.5, $five)", "invariant": "eq(episode.5, $five)"}
		expr[part] = "false"
		add("halted: the "+part+" of a contract is false", ".const five u64 5\n.type Box record { 5 at: any }\n.contract five {\n requires "+expr["requires"]+"\n ensures "+expr["ensures"]+"\n invariant "+expr["invariant"]+
			"\n}\n.node box Box { 5: 5 }\n"+mainTask(smallBudget)+"make r0, &box\nassert contract:five, r0, r1\nret r0\n", nil)
	}
	add("halted with 13: too many events", ".contract yes {\n requires true\n ensures true\n}\n.symbol main () -> any entry @main\n"+mainTask("cpu 10000000, io 0, writes 0")+"main: list r0\nagain: assert contract:yes, r0\njmp @again\n", nil)
	effectVectors(add)
	toolVectors(add)
}

// toolVectors use up tools' reported use, and the bytes that they return.
func toolVectors(add func(id, text string, more fields)) {
	tool := object.SumText("tool:mythos.vectors.answer")
	call := issue(alice, alice, &scope.ToolCall{ToolID: tool, MaxCalls: 100}, nil)
	program := func(budget string, calls int) string {
		return fmt.Sprintf(".tool answer (any) -> any id #%s\n.const q bytes x\"\"\n", tool) + mainTask(budget) + "require_cap #" + call[0].ID.String() + "\n" +
			strings.Repeat("effect tool:answer, $q, r1, r2\n", calls) + "ret r2\n"
	}
	with := func(tool fields) fields {
		tool["name"] = "vectors.answer"
		return fields{"caps": []string{hexOf(call[0].Raw)}, "tools": []fields{tool}}
	}
	add("tokens to the last", program("cpu 10000, tokens 10, io 2, writes 0", 2), with(fields{"answer_bytes": 3, "tokens": 5}))
	add("halted with 2: more tokens than the budget has", program("cpu 10000, tokens 9, io 3, writes 0", 3), with(fields{"answer_bytes": 3, "tokens": 5}))
	add("halted with 7: no worker left", program("cpu 10000, io 3, writes 0, spawn 1", 2), with(fields{"answer_bytes": 3, "spawns": true}))
	add("halted with 12: more than 256 MiB brought in", program("cpu 10000000, io 20, writes 0", 17), with(fields{"answer_bytes": 16 << 20}))
}

func listOf(n int) string {
	return mainTask(smallBudget) + "list r0" + strings.Repeat(", 1", n) + "\nret r0\n"
}

// matches builds a list with 1 for each pattern that matches, and 0 for each other.
func matches() string {
	var b strings.Builder
	b.WriteString(".type Pair record { 1 left: any, 2 right: any? }\n.type Other record { 1 left: any }\n.node p Pair { 1: 5 }\n.node q Pair { 1: 6 }\n.node o Other { 1: 5 }\n.node full Pair { 1: 5, 2: 7 }\n" +
		".const five u64 5\n.const minus i64 5\n.const u64 hash #\"type:mythos.u64\"\n" + mainTask(smallBudget) + "make r1, &full\nconst r2, 5\nconst r3, $u64\nlist r4, 5, 6\n")
	tests := []string{"r2, type:u64", "r2, type:any", "r2, type:i64", "r2, 5", "r2, +5", "r2, $five", "r2, $minus", "r2, $u64", "r3, $u64", "r3, type:hash", "r1, type:Pair", "r1, type:Other", "r1, &p", "r1, &q", "r1, &o", "r1, &full",
		"r4, type:list", "r4, type:any", "r9, type:null"}
	for i, test := range tests {
		fmt.Fprintf(&b, "const r%d, 1\nmatch %s, @yes%d\nconst r%d, 0\nyes%d: nop\n", 100+i, test, i, 100+i, i)
	}
	b.WriteString("list r0")
	for i := range tests {
		fmt.Fprintf(&b, ", r%d", 100+i)
	}
	b.WriteString("\nret r0\n")
	return b.String()
}

// effectVectors call built-in tools with EFFECT and the blob ops.
func effectVectors(add func(id, text string, more fields)) {
	data := []byte("a small blob")
	cid := object.Sum(data)
	read := issue(alice, alice, &scope.BlobRead{CID: cid}, nil)
	request := must(can.Marshal(&vm.BlobGetRequest{CID: cid}))
	have := fields{"caps": []string{hexOf(read[0].Raw)}, "blobs": []string{hexOf(data)}}
	part := must(can.Marshal(&vm.BlobGetRequest{CID: cid, Offset: number(2)}))
	head := fmt.Sprintf(".tool get (any) -> any id #\"tool:mythos.blob.get\"\n.tool nowhere (any) -> any id #\"tool:nowhere\"\n.const q bytes x\"%x\"\n.const cid hash #%s\n.const key text \"k\"\n.const other bytes x\"00\"\n.const part bytes x\"%x\"\n",
		request, cid, part)
	use := "require_cap #" + read[0].ID.String() + "\nconst r1, $q\n"
	get := "effect tool:get, r1, r2, r3"
	add("EFFECT", head+mainTask("cpu 10000, io 1, writes 1")+use+get+"\nlist r0, r2, r3\nret r0\n", have)
	add("EFFECT with a key, twice: replayed", head+mainTask("cpu 10000, io 2, writes 2")+use+get+", $key\neffect tool:get, r1, r4, r5, $key\nlist r0, r2, r3, r4, r5\nret r0\n", have)
	add("halted with 3: an effect without an io left", head+mainTask("cpu 10000, io 0, writes 1")+use+get+"\nret r2\n", have)
	add("halted with 5: no time left", head+mainTask("cpu 10000, io 1, writes 1, deadline 0")+use+get+"\nret r2\n", have)
	add("halted with 20: an effect that no capability covers", head+mainTask("cpu 10000, io 1, writes 1")+"const r1, $q\n"+get+"\nret r2\n", have)
	add("halted with 22: a tool that is not there", head+mainTask("cpu 10000, io 1, writes 1")+use+"effect tool:nowhere, r1, r2, r3\nret r2\n", have)
	add("halted with 22: a request that the tool cannot read", head+mainTask("cpu 10000, io 1, writes 1")+use+"const r1, $other\n"+get+"\nret r2\n", have)
	add("halted with 23: the key with another request", head+mainTask("cpu 10000, io 2, writes 2")+use+get+", $key\nconst r4, $part\neffect tool:get, r4, r5, r6, $key\nret r2\n", have)
	diverged := fields{"tool_id": object.SumText("tool:mythos.blob.get"), "key": hexOf([]byte("k")), "retry": "block", "lease_us": minute, "steps": []fields{
		{"as": "alice", "at_us": start - minute, "register": fields{"request_hash": object.Sum(request)}},
		{"as": "alice", "at_us": start - minute, "commit": fields{"step": 0, "response_hash": cid, "status": 200}},
		{"as": "alice", "at_us": start - minute, "commit": fields{"step": 0, "response_hash": object.SumText("another answer"), "status": 200}}}}
	add("halted with 24: the key has two answers", head+mainTask("cpu 10000, io 1, writes 1")+use+get+", $key\nret r2\n", fields{"caps": have["caps"], "blobs": have["blobs"], "earlier": diverged})
	add("BLOB_GET of all, of a range, and BLOB_CHUNK_GET", head+".type Range record { 1 offset: u64?, 2 length: u64? }\n.node range Range { 1: 2, 2: 5 }\n"+mainTask("cpu 10000, io 3, writes 0")+use+
		"const r6, $cid\nblob_get r6, r9, r1, r2\nblob_get r6, &range, r3, r4\nlist r0, r1, r2, r3, r4\nret r0\n", have)
	absent := issue(alice, alice, &scope.BlobRead{CID: object.SumText("absent")}, nil)
	add("BLOB_GET of what is not here", ".const cid hash #"+object.SumText("absent").String()+"\n"+mainTask("cpu 10000, io 1, writes 0")+"require_cap #"+absent[0].ID.String()+"\nconst r6, $cid\nblob_get r6, r9, r1, r2\nlist r0, r1, r2\nret r0\n",
		fields{"caps": []string{hexOf(absent[0].Raw)}})
	write := issue(alice, alice, &scope.BlobWrite{Namespace: "vectors", MaxSize: 5, MediaAllow: []string{"*/*"}}, nil)
	add("halted with 21: the quota is used up", ".type BlobMeta record { 1 namespace: text }\n.const a text \"1234\"\n.const b text \"5678\"\n.const where text \"vectors\"\n.node meta BlobMeta { 1: $where }\n"+
		mainTask("cpu 10000, io 2, writes 2")+"require_cap #"+write[0].ID.String()+"\nblob_put $a, &meta, r1, r2\nblob_put $b, &meta, r3, r4\nret r1\n", fields{"caps": []string{hexOf(write[0].Raw)}})
	add("halted with 4: no write left", ".type BlobMeta record { 1 namespace: text }\n.const a text \"1234\"\n.const where text \"vectors\"\n.node meta BlobMeta { 1: $where }\n"+
		mainTask("cpu 10000, io 1, writes 0")+"require_cap #"+write[0].ID.String()+"\nblob_put $a, &meta, r1, r2\nret r1\n", fields{"caps": []string{hexOf(write[0].Raw)}})
}
