package main

import (
	"slices"
	"strings"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/sample"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Deliberately wrong values of structs.
func uintValue(n uint64) can.Value       { return can.Value{Tag: can.TagUint, Uint: n} }
func intValue(n int64) can.Value         { return can.Value{Tag: can.TagInt, Int: n} }
func textValue(s string) can.Value       { return can.Value{Tag: can.TagText, Bytes: []byte(s)} }
func bytesValue(b ...byte) can.Value     { return can.Value{Tag: can.TagBytes, Bytes: b} }
func listValue(l ...can.Value) can.Value { return can.Value{Tag: can.TagList, List: l} }
func hashValue(text string) can.Value {
	h := object.SumText(text)
	return must(can.Parse(must(can.Marshal(&h))))
}

// withValue sets a field in a struct's bytes, present or not.
func withValue(raw []byte, num uint64, value can.Value) []byte {
	raw = must(can.Without(raw, can.Mask{num: nil}))
	return withField(raw, num, must(value.Append(nil)))
}

func without(raw []byte, nums ...uint64) []byte {
	for _, num := range nums {
		raw = must(can.Without(raw, can.Mask{num: nil}))
	}
	return raw
}

// repeated is a value n times.
func repeated(n int, v can.Value) can.Value { return listValue(slices.Repeat([]can.Value{v}, n)...) }

// fieldRefusals break each rule that decoding checks (spec/fields.md#checked-on-decoding).
func fieldRefusals(s *set) {
	sampled := func(name string) []byte { return must(sample.Object(structNamed(name), sample.Options{})) }
	refuse := func(name, why string, change func(raw []byte) []byte) {
		s.Addf(fields{"parser": name, "bytes": hexOf(change(sampled(name))), "why": why}, "%s, %s", name, why)
	}
	set := func(num uint64, v can.Value) func([]byte) []byte {
		return func(raw []byte) []byte { return withValue(raw, num, v) }
	}
	cut := func(nums ...uint64) func([]byte) []byte {
		return func(raw []byte) []byte { return without(raw, nums...) }
	}
	refuse("AgentID", "scheme 2", set(1, uintValue(2)))
	refuse("Signature", "algorithm 0", set(1, uintValue(0)))
	refuse("SigBlockEntry", "algorithm 2", set(2, uintValue(2)))
	refuse("MerkleNode", "version 2", set(1, uintValue(2)))
	refuse("MerkleNode", "kind 5", set(2, uintValue(5)))
	refuse("MerkleNode", "a payload that is none", set(3, bytesValue(0)))
	sample.Broken(refuse)
	refuse("CapScope", "kind 0", set(1, uintValue(0)))
	refuse("CapScope", "kind 13", set(1, uintValue(13)))
	refuse("CapScope", "a payload of another kind", set(1, uintValue(2)))
	refuse("CapScope", "a payload with a byte after it", func(raw []byte) []byte {
		return withValue(raw, 2, can.Value{Tag: can.TagBytes, Bytes: append(must(can.Marshal(&scope.EvalRun{SuiteID: tool})), 0)})
	})
	refuse("RevocationList", "not ascending", set(3, listValue(hashValue("b"), hashValue("b"))))
	refuse("EffectRegister", "another idem_id", set(1, hashValue("another")))
	refuse("EffectRegister", "an instance of 15 bytes", set(10, bytesValue(make([]byte, 15)...)))
	refuse("DivergenceMark", "reason 0", set(3, uintValue(0)))
	refuse("DivergenceMark", "reason 4", set(3, uintValue(4)))
	refuse("DivergenceMark", "a hash twice", set(4, listValue(hashValue("a"), hashValue("a"))))
	refuse("Resolution", "decision 0", set(2, uintValue(0)))
	refuse("Resolution", "decision 6", set(2, uintValue(6)))
	refuse("Resolution", "decision 4 about nothing", func(raw []byte) []byte { return without(withValue(raw, 2, uintValue(4)), 8) })
	refuse("EncryptedPayload", "scheme 2", func(raw []byte) []byte {
		ref := must(can.Field(raw, 1))
		return withValue(raw, 1, must(can.Parse(withValue(ref, 1, uintValue(2)))))
	})
	refuse("CodebookEntry", "kind 5", set(2, uintValue(5)))
	refuse("CodebookEntry", "two values", set(6, textValue("x")))
	refuse("CodebookEntry", "no value", cut(3, 4, 5, 6))
	refuse("Codebook", "a codeword twice", func(raw []byte) []byte {
		entries := must(can.Parse(must(can.Field(raw, 1))))
		return withValue(raw, 1, listValue(append(entries.List, entries.List[0])...))
	})
	refuse("Answer", "another result", set(5, bytesValue(0)))
	refuse("Answer", "a receipt that is none", set(6, listValue(bytesValue(0))))
	programRefusals(refuse, set, cut)
	learningRefusals(refuse, set, cut)
}

type refuseFunc func(name, why string, change func(raw []byte) []byte)

func programRefusals(refuse refuseFunc, set func(uint64, can.Value) func([]byte) []byte, cut func(...uint64) func([]byte) []byte) {
	refuse("Const", "kind 0", set(1, uintValue(0)))
	refuse("Const", "kind 6", set(1, uintValue(6)))
	refuse("Const", "the field of another kind besides", set(3, uintValue(1)))
	refuse("Const", "no value", cut(5))
	refuse("Const", "8193 bytes", set(5, textValue(strings.Repeat("x", 8193))))
	refuse("Operand", "kind 0", set(1, uintValue(0)))
	refuse("Operand", "kind 7", set(1, uintValue(7)))
	refuse("Operand", "register 256", set(2, uintValue(256)))
	refuse("Operand", "the field of another kind besides", set(3, intValue(1)))
	refuse("Node", "kind 3", set(2, uintValue(3)))
	refuse("Node", "a record with items", set(4, listValue()))
	refuse("TypeDef", "kind 3", set(2, uintValue(3)))
	refuse("TypeDef", "a record with tags", set(5, listValue()))
	refuse("TypeDef", "a field twice", func(raw []byte) []byte {
		list := must(can.Parse(must(can.Field(raw, 4))))
		return withValue(raw, 4, listValue(list.List[0], list.List[0]))
	})
	refuse("Path", "root 0", set(1, uintValue(0)))
	refuse("Path", "root 3", set(1, uintValue(3)))
	refuse("Path", "no segment", set(2, listValue()))
	refuse("Path", "17 segments", set(2, repeated(17, uintValue(1))))
	refuse("DatasetDef", "a predicate of an unknown op", func(raw []byte) []byte {
		query := must(can.Field(raw, 3))
		return withValue(raw, 3, must(can.Parse(withValue(query, 2, can.Value{Tag: can.TagMap, Pairs: []can.Pair{{Key: uintValue(1), Value: uintValue(99)}}}))))
	})
	refuse("SamplingDef", "mode 0", set(1, uintValue(0)))
	refuse("SamplingDef", "mode 4", set(1, uintValue(4)))
	refuse("SamplingDef", "HASH_N without n", func(raw []byte) []byte { return without(withValue(raw, 1, uintValue(3)), 2) })
	refuse("StratifyDef", "a path that is rooted at signals", func(raw []byte) []byte {
		return withValue(raw, 1, must(can.Parse(withValue(must(can.Field(raw, 1)), 1, uintValue(2)))))
	})
	refuse("Signal", "a value that is not of its kind", set(5, bytesValue(3, 1)))
	refuse("Signal", "a value with a byte after it", set(5, bytesValue(4, 1, 0)))
	refuse("ModuleRef", "kind 5", set(1, uintValue(5)))
	refuse("ModuleRef", "confined in another way", set(6, textValue("chroot")))
	refuse("ModuleRef", "without the module's hash", cut(2))
	refuse("ModuleRef", "a module of wasm that takes a tree", func(raw []byte) []byte { return withField(raw, 24, []byte{0x02}) })
	refuse("ModuleLimits", "a limit above 2^40", set(1, uintValue(1<<40+1)))
}

func learningRefusals(refuse refuseFunc, set func(uint64, can.Value) func([]byte) []byte, cut func(...uint64) func([]byte) []byte) {
	long := can.Value{Tag: can.TagMap, Pairs: []can.Pair{{Key: textValue(strings.Repeat("n", 65)), Value: textValue("v")}}}
	refuse("RecipeDef", "a parameter's name of 65 bytes", set(4, long))
	refuse("EvalSuiteDef", "no metric", set(4, listValue()))
	refuse("EvalSuiteDef", "a metric twice", set(4, listValue(textValue("a"), textValue("a"))))
	refuse("EvalSuiteDef", "a metric in capitals", set(4, listValue(textValue("A"))))
	refuse("EvalReport", "a metric with a blank", set(3, can.Value{Tag: can.TagMap, Pairs: []can.Pair{{Key: textValue("a b"), Value: intValue(1)}}}))
	refuse("ModelRef", "its own parent", func(raw []byte) []byte { return withValue(raw, 5, must(can.Parse(must(can.Field(raw, 1))))) })
	refuse("ModelRef", "a folder in chunks", func(raw []byte) []byte {
		weights := must(can.Field(raw, 2))
		return withValue(raw, 2, must(can.Parse(withValue(withValue(weights, 3, textValue("application/mythos.tree")), 5, uintValue(1)))))
	})
	refuse("Attestation", "1025 hashes of evidence", set(5, repeated(1025, hashValue("e"))))
	refuse("PolicyDef", "no suite", set(4, listValue()))
	refuse("PolicyDef", "a suite twice", set(4, listValue(hashValue("s"), hashValue("s"))))
	refuse("PolicyDef", "no verifier", set(7, listValue()))
	refuse("PolicyDef", "a quorum of 0", set(6, uintValue(0)))
	refuse("PolicyDef", "a quorum larger than its verifiers", set(6, uintValue(99)))
	refuse("PolicyDef", "rollback rule 3", set(8, uintValue(3)))
	refuse("PolicyDef", "an age of 0", set(9, uintValue(0)))
	refuse("PolicyDef", "keeps no model", set(13, uintValue(0)))
	refuse("PolicyThreshold", "direction 3", set(2, uintValue(3)))
	refuse("PolicyThreshold", "demands nothing", cut(3, 4, 5))
	refuse("PolicyThreshold", "a regression below 0", set(4, intValue(-1)))
	refuse("PromotionRecord", "action 3", set(9, uintValue(3)))
	refuse("ImportJob", "a format of 257 bytes", set(2, textValue(strings.Repeat("f", 257))))
	refuse("ImportJob", "a source of 4097 bytes", set(3, textValue(strings.Repeat("s", 4097))))
	refuse("HoldRequest", "a reason of 4097 bytes", set(2, textValue(strings.Repeat("r", 4097))))
	refuse("Rate", "no call", set(1, uintValue(0)))
	refuse("Rate", "more than one call a microsecond", set(2, uintValue(1)))
	refuse("Approve", "nobody", set(1, uintValue(0)))
	refuse("Approve", "17 people", set(1, uintValue(17)))
	refuse("Approve", "a role with a capital letter", set(2, textValue("Ops")))
	refuse("ApprovalRequest", "no key", set(5, bytesValue()))
	refuse("ApprovalRequest", "need 17", set(8, uintValue(17)))
	refuse("Approval", "a note of 4097 bytes", set(4, textValue(strings.Repeat("n", 4097))))
	refuse("EffectHoldRequest", "a reason of 4097 bytes", set(3, textValue(strings.Repeat("r", 4097))))
	refuse("IndexUpdate", "a name with a slash", set(1, textValue("a/b")))
	refuse("IndexState", "action 0", set(8, uintValue(0)))
	refuse("Embedder", "form 3", set(2, uintValue(3)))
	refuse("Embedder", "dimension 0", set(3, uintValue(0)))
	refuse("Embedder", "dimension 4097", set(3, uintValue(4097)))
	refuse("Embedder", "no text", set(4, uintValue(0)))
	refuse("Embedder", "texts of more than 1 MiB", set(4, uintValue(1<<20+1)))
	refuse("Embedder", "a model without a name", set(5, textValue("")))
	refuse("Embedder", "a model of form 1", func(raw []byte) []byte { return withValue(withValue(raw, 5, textValue("m")), 2, uintValue(1)) })
	refuse("IssuancePolicy", "a rule twice", func(raw []byte) []byte {
		list := must(can.Parse(must(can.Field(raw, 3))))
		return withValue(raw, 3, listValue(list.List[0], list.List[0]))
	})
}

// formRefusals are structs with malformed bytes, at places that only structs have.
func formRefusals(s *set) {
	refuse := func(name, why, data string) {
		s.Addf(fields{"parser": name, "bytes": strings.ReplaceAll(data, " ", ""), "why": why}, "%s, %s", name, why)
	}
	refuse("Budget", "cpu_us twice", "0804 0301 0301 0301 0301 0303 0301 0304 0301")
	refuse("Budget", "fields out of order", "0803 0303 0301 0301 0301 0304 0301")
	refuse("Budget", "io_count of 2^32", "0803 0301 0301 0303 038080808010 0304 0301")
	refuse("Budget", "max_depth of 65536", "0804 0301 0301 0303 0301 0304 0301 0306 03808004")
	refuse("Budget", "a signed number", "0803 0301 0401 0303 0301 0304 0301")
	refuse("Budget", "null where a field may be absent", "0804 0301 0301 0302 00 0303 0301 0304 0301")
	refuse("Budget", "nothing of two that are required", "0801 0301 0301")
	refuse("Budget", "an unknown field that is not canonical", "0804 0301 0301 0303 0301 0304 0301 03e407 038000")
	refuse("Budget", "an unknown field of an unknown tag", "0804 0301 0301 0303 0301 0304 0301 03e407 09")
	refuse("Budget", "an unknown field with keys out of order", "0804 0301 0301 0303 0301 0304 0301 03e407 0802 0302 00 0301 00")
	refuse("Budget", "an unknown field with a text that is not UTF-8", "0804 0301 0301 0303 0301 0304 0301 03e407 0601ff")
	refuse("Budget", "an unknown field twice", "0805 0301 0301 0303 0301 0304 0301 03e407 00 03e407 00")
	refuse("Budget", "an unknown field of 64 lists inside one another", "0804 0301 0301 0303 0301 0304 0301 03e407 "+strings.Repeat("0701", 63)+"0700")
	refuse("Budget", "a key that is signed", "0804 0301 0301 0303 0301 0304 0301 0402 00")
	refuse("Hash", "a digest of 31 bytes", "0802 0301 0301 0302 051f"+strings.Repeat("00", 31))
	refuse("Hash", "a digest of 33 bytes", "0802 0301 0301 0302 0521"+strings.Repeat("00", 33))
	refuse("Hash", "algorithm 256", "0802 0301 038002 0302 0520"+strings.Repeat("00", 32))
	refuse("Hash", "algorithm 2, and a digest of 31 bytes", "0802 0301 0302 0302 051f"+strings.Repeat("00", 31))
	refuse("ModelConfig", "a parameter twice", "0805 0301 "+anyHash+" 0302 "+anyHash+" 0303 "+anyHash+" 0304 0601 61 0305 0802 0601 61 0601 62 0601 61 0601 62")
	refuse("ModelConfig", "a parameter's name that is a number", "0805 0301 "+anyHash+" 0302 "+anyHash+" 0303 "+anyHash+" 0304 0601 61 0305 0801 0301 0601 62")
	refuse("MerkleListLeaf", "a value of another algorithm, in a list", "0801 0301 0701 0802 0301 0302 0302 0520"+strings.Repeat("00", 32))
}

const anyHash = "080203010301030205200000000000000000000000000000000000000000000000000000000000000000"
