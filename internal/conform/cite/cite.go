// Package cite maps golden vectors to the rules of spec/ that they test.
package cite

import (
	"encoding/json"
	"strings"
)

// cite is the rule for the vectors whose id contains a text.
type cite struct{ in, rule string }

// cites are tried in order; "" matches every remaining vector of the class.
var cites = map[string][]cite{
	"structs":    {{"Attestation/", "field-63"}, {"unknown field", "can-14"}, {"", "can-12"}},
	"views":      {{"$", "obj-27"}, {"\\u", "obj-29"}, {"", "obj-27"}},
	"ids":        {{"opaque", "obj-10"}, {"hash of", "obj-2"}, {"attempt", "led-83"}, {"key", "obj-4"}, {"effect", "led-4"}, {"context", "ev-25"}, {"sampling", "ds-13"}, {"unknown field", "obj-6"}, {"", "obj-6"}},
	"lists":      {{"1048577", "merkle-2"}, {"", "merkle-1"}},
	"blobs":      {{"8192 bytes", "merkle-10"}, {"", "merkle-11"}},
	"proofs":     {{"promoted", "merkle-2"}, {"hunk", "merkle-13"}, {"", "merkle-14"}},
	"receipts":   {{"", "led-3"}},
	"signatures": {{"key id", "obj-13"}, {"cofactor", "obj-11"}, {"point", "obj-12"}, {"", "obj-11"}},
	"logs":       {{"kept", "led-89"}, {"epoch", "led-88"}, {"cosigned", "led-63"}, {"begin with", "led-62"}, {"consistency", "led-62"}, {"older", "led-62"}, {"checkpoint of", "led-60"}, {"log", "led-60"}, {"", "led-61"}},
	"evidence": {{"file:", "ev-30"}, {"in-toto", "ev-20"}, {"refusal", "ev-10"}, {"settled", "ev-12"}, {"cosigned", "ev-5"}, {"heckpoint", "ev-5"}, {"seal", "ev-4"}, {"capabilit", "ev-11"},
		{"chain", "ev-11"}, {"no proof", "ev-6"}, {"place", "ev-6"}, {"commit, ", "ev-7"}, {"register, ", "ev-7"}, {"mark, ", "ev-7"}, {"resolution, ", "ev-7"}, {"", "ev-9"}},
	"ledger": {{"accepted", "led-48"}, {"keeps its request", "led-51"}, {"comes late", "led-55"}, {"of another request", "led-38"}, {"second attempt", "led-44"}, {"unknown decision", "field-48"}, {"on nothing", "led-46"}, {"redundant", "led-37"}, {"idempotency conflict", "led-9"}, {"response conflict", "led-39"}, {"multiple commits", "led-40"}, {"another answer", "led-39"}, {"same answer", "led-40"},
		{"takeover", "led-14"}, {"own lease", "led-13"}, {"instance", "led-6"}, {"live lease is not", "led-46"}, {"live lease", "led-12"}, {"not the latest", "led-44"}, {"abandoned", "led-47"},
		{"unknown outcome", "led-21"}, {"process has ended", "led-20"}, {"did not start", "led-49"}, {"stopped", "led-50"}, {"for good", "led-17"}, {"success is not", "led-18"},
		{"divergence", "led-43"}, {"failure", "led-17"}, {"failed", "led-11"}, {"", "led-8"}},
	"datasets": {{"unknown type", "ds-9"}, {"unknown kind", "ds-9"}, {"bad signature", "ds-8"}, {"ALL with", "ds-6"}, {"not ascending", "ds-1"}, {"[9]", "ds-20"}, {"in [", "ds-19"}, {"digest", "ds-18"}, {"signer", "ds-18"}, {"media", "ds-18"}, {"mode 3", "ds-13"}, {"mode 2", "ds-13"}, {"seed", "ds-13"}, {"strata", "ds-12"}, {"corp", "ds-10"}, {"unknown type", "ds-9"}, {"unknown kind", "ds-9"}, {"pinned", "ds-22"}, {"signal", "ds-19"},
		{"status", "ds-21"}, {"has_tool", "ds-21"}, {"failed", "ds-21"}, {"", "ds-11"}},
	"capabilities": {{"min below", "cap-38"}, {"16 links", "cap-39"}, {"range", "cap-20"}, {"media", "cap-21"}, {"constraints of a child", "cap-37"}, {"re-issue", "cap-41"}, {"constraints", "cap-25"}, {"fresh", "cap-74"}, {"too old", "cap-74"}, {"revo", "cap-73"}, {"blob.read", "cap-8"}, {"blob.write", "cap-9"}, {"blob.pin", "cap-10"},
		{"blob.delete", "cap-11"}, {"train.run", "cap-13"}, {"eval.run", "cap-14"}, {"deploy.promote", "cap-15"}, {"compute.spawn", "cap-16"}, {"cell.read", "cap-17"}, {"cell.write", "cap-18"}, {"tools.call", "cap-132"}, {"child", "cap-40"}, {"", "cap-47"}},
	"packets": {{"no signature", "wire-13"}, {"17 signatures", "wire-12"}, {"16 signatures", "wire-12"}, {"hint", "wire-12"}, {"microseconds", "wire-23"}, {"codebook", "wire-32"}, {"encrypted", "wire-14"}, {"", "wire-11"}},
	"programs": {{"MATCH", "ir-25"}, {"CALL", "ir-18"}, {"LIST of", "ir-24"}, {"JZ", "ir-17"}, {"of a list", "ir-23"}, {"halted with 10", "ir-68"}, {"halted with 11", "ir-69"}, {"halted with 12", "ir-70"}, {"halted with 13", "ir-71"}, {"tokens", "ir-67"}, {"halted with 23", "ir-73"}, {"halted with 24", "ir-73"}, {"halted with 2", "ir-72"}, {"halted with", "ir-67"}, {"of a contract is false", "ir-74"}, {"EFFECT", "ir-43"}, {"BLOB_GET", "ir-30"}, {"constant", "ir-20"}, {"record", "ir-22"}, {"loop exceeds", "ir-67"}, {"loop", "ir-60"}, {"halt", "ir-15"}, {"without RET", "ir-32"}, {"GET", "ir-22"}, {"recursion", "ir-61"}, {"contract", "ir-58"},
		{"without the capability", "ir-72"}, {"io budget", "ir-46"}, {"BLOB_PUT", "ir-44"}, {"", "ir-19"}},
	"queries":    {{"refused", "ds-25"}, {"in [", "ds-34"}, {"status", "ds-36"}, {"has_tool", "ds-38"}, {"label", "ds-31"}, {"signal", "ds-30"}, {"episode", "ds-29"}, {" and ", "ds-28"}, {" or ", "ds-28"}, {"not ", "ds-28"}, {"", "ds-27"}},
	"splits":     {{"0.0", "ds-48"}, {"", "ds-47"}},
	"quotas":     {{"calls", "cap-62"}, {"bytes", "cap-61"}, {"several", "cap-63"}, {"workers", "cap-65"}, {"events", "cap-66"}, {"no limit", "cap-7"}, {"", "cap-67"}},
	"issuance":   {{"on request", "cap-137"}, {"without a request", "cap-135"}, {"subject", "cap-82"}, {"kind", "cap-83"}, {"within", "cap-84"}, {"limits", "cap-85"}, {"ttl", "cap-86"}, {"delegable", "cap-87"}, {"unknown", "cap-78"}, {"", "cap-81"}},
	"strictness": {{"of 0", "learn-46"}, {"rollback", "learn-47"}, {"keeps", "learn-47"}, {"another name", "learn-47"}, {"", "learn-45"}},
	"promotions": {{"complete", "learn-50"}, {"trained", "learn-51"}, {"evaluated: an", "learn-56"}, {"whom nobody trusts", "learn-57"}, {"evaluated", "learn-52"}, {"worse evaluation", "learn-58"}, {"metrics", "learn-53"},
		{"quorum", "learn-54"}, {"ring", "learn-55"}, {"", "learn-49"}},
	"exports":   {{"redacted", "ds-69"}, {"messages", "ds-54"}, {"prompt-completion", "ds-55"}, {"rated answers", "ds-108"}, {"preference", "ds-56"}, {"name of a tool", "ds-51"}, {"", "ds-50"}},
	"redaction": {{"rules", "ds-66"}, {"no JSON", "ds-70"}, {"no text", "ds-70"}, {"", "ds-67"}},
	"imports": {{"time", "ds-93"}, {"no mapping", "ds-101"}, {"mapping", "ds-100"}, {"mcp: ids", "ds-96"}, {"neither", "ds-99"}, {"mcp", "ds-89"}, {"bytes", "ds-97"}, {"otel", "ds-88"}, {"beside", "ds-95"}, {"tool", "ds-80"}, {"no JSON", "ds-99"}, {"member", "ds-92"}, {"surrogate", "ds-92"},
		{"mark", "ds-92"}, {"empty", "ds-99"}, {"", "ds-87"}},
	"cells": {{"another append", "led-9"}, {"expectation", "cap-107"}, {"two answers", "cap-150"}, {"kept", "cap-109"}, {"state", "cap-108"}, {"answer", "cap-150"}, {"1025 events", "cap-150"}, {"prefix", "cap-17"}, {"capabilit", "cap-18"}, {"type", "cap-18"},
		{"events, and", "cap-66"}, {"than there may", "cap-66"}, {"reading", "cap-17"}, {"", "cap-106"}},
	"rings":    {{"lost", "learn-64"}, {"not the newest", "learn-93"}, {"rollback: asked", "learn-93"}, {"under a policy", "learn-94"}, {"rollback", "learn-63"}, {"hold: a frozen", "learn-65"}, {"hold: frozen", "learn-65"}, {"hold", "learn-67"}, {"policy: asked", "learn-42"}, {"policy", "learn-41"}, {"", "learn-61"}},
	"stored":   {{"encrypted", "obj-21"}, {"another plain", "obj-19"}, {"scheme 3", "obj-18"}, {"table", "obj-32"}, {"no bytes", "obj-33"}, {"range", "obj-17"}, {"scheme 2", "obj-21"}, {"zstd", "obj-16"}, {"", "obj-15"}},
	"requests": {{"", "wire-63"}},
	"bearers":  {{"no bearer", "wire-120"}, {"", "wire-121"}},
	"tokens": {{"16 KiB", "cap-138"}, {"parts", "cap-138"}, {"JSON", "cap-139"}, {"UTF-8", "cap-139"}, {"twice", "cap-139"}, {"base64", "cap-139"}, {"alg", "cap-140"}, {"crit", "cap-140"}, {"issuer", "cap-141"}, {"key", "cap-142"}, {"signature", "cap-142"}, {"kid", "cap-142"},
		{"sub", "cap-143"}, {"aud", "cap-143"}, {"jti of", "cap-143"}, {"exp", "cap-144"}, {"iat", "cap-144"}, {"nbf", "cap-144"}, {"jti", "cap-148"}, {"", "cap-138"}},
	"frames":      {{"end", "wire-71"}, {"nothing", "wire-71"}, {"", "wire-70"}},
	"must-reject": {{"query", "ds-25"}, {"program", "ir-77"}, {"capability text", "cap-117"}, {"bundle", "ir-1"}, {"packet", "wire-17"}, {"", "can-15"}},
}

// reasons are the rules of refusals; they come before those of cites.
var reasons = map[string]string{
	"truncated": "can-17", "trailing bytes": "can-18", "integer": "can-19", "tag": "can-20", "UTF-8": "can-21", "order": "can-22", "duplicate key": "can-23", "length": "can-24",
	"depth": "can-25", "type": "can-26", "range": "can-27", "missing field": "can-28", "field rule": "can-29", "id": "obj-7", "signature": "obj-14", "view": "obj-30",
	"node": "merkle-15", "proof": "merkle-16", "index": "merkle-17", "checkpoint": "led-60", "entry": "ev-9", "unverifiable": "ev-7", "envelope": "ev-20",
	"packet signature": "wire-18", "untrusted": "wire-19", "codebook": "wire-20", "payload": "wire-21", "bundle": "wire-22", "guard": "wire-23", "expired": "wire-24", "replay": "wire-25",
}

// checks are the refusals of a capability (spec/capabilities.md#verification).
var checks = map[string]string{"chain": "cap-48", "form": "cap-49", "id": "cap-49", "parent": "cap-39", "signature": "cap-50", "delegation": "cap-41", "window": "cap-43", "revocable": "cap-45",
	"trust": "cap-52", "time": "cap-53", "revocation": "cap-54", "holder": "cap-55", "quota": "cap-57", "rate": "cap-155", "approval": "eff-50"}

// stored are the refusals of stored bytes (spec/objects.md#refusals).
var stored = map[string]string{"decryption": "obj-34", "stored bytes": "obj-35", "decompression": "obj-36"}

// fieldRules are the field rules of structs (spec/fields.md#checked-on-decoding).
var fieldRules = map[string]string{"Hash": "field-7", "AgentID": "field-8", "Signature": "field-9", "SigBlockEntry": "field-9", "MerkleNode": "field-10", "CapScope": "field-11", "IssuancePolicy": "field-12", "CapRequest": "field-79",
	"RevocationList": "field-13", "EffectRegister": "field-14", "DivergenceMark": "field-15", "Resolution": "field-16", "EncryptedPayload": "field-17", "CodebookEntry": "field-18", "Codebook": "field-19",
	"Answer": "field-20", "Const": "field-21", "Operand": "field-22", "Node": "field-23", "TypeDef": "field-24", "Path": "field-25", "DatasetDef": "field-26", "SamplingDef": "field-27", "StratifyDef": "field-28",
	"Signal": "field-29", "RecipeDef": "field-30", "EvalSuiteDef": "field-31", "EvalReport": "field-32", "ModelRef": "field-33", "Attestation": "field-34", "PolicyDef": "field-35", "PolicyThreshold": "field-36",
	"PromotionRecord": "field-37", "HoldRequest": "field-38", "ImportJob": "field-87", "EffectHold": "field-80", "Rate": "field-81", "EffectHoldRequest": "field-80", "IndexUpdate": "field-39", "IndexState": "field-39", "Embedder": "field-82", "ModuleRef": "field-40", "ModuleLimits": "field-41"}

// Rule is the number of the rule that a vector of a class tests; empty: unknown.
func Rule(class, id string, out json.RawMessage) string {
	var v struct{ Refused string }
	if json.Unmarshal(out, &v) == nil && v.Refused != "" {
		name, _, _ := strings.Cut(id, ",")
		switch {
		case class == "stored" && v.Refused == "range":
			return "obj-37"
		case class == "capabilities" && checks[v.Refused] != "":
			return checks[v.Refused]
		case stored[v.Refused] != "":
			return stored[v.Refused]
		case v.Refused == "field rule" && fieldRules[name] != "":
			return fieldRules[name]
		case reasons[v.Refused] != "" && class != "datasets":
			return reasons[v.Refused]
		}
	}
	for _, c := range cites[class] {
		if strings.Contains(id, c.in) {
			return c.rule
		}
	}
	return ""
}
