package dataset

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/dataset/imported"
	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

var testNames = Names{Tool: tools, Hash: func(text string) (object.Hash, error) {
	if text == "@all" {
		return object.SumText("corpus"), nil
	}
	return object.Hash{}, errors.New("no such ref")
}}

func TestParseDef(t *testing.T) {
	text := `
corpus: ["@all", ` + vectorCorpus + `]
query: has_tool("wc") and signal.reward >= 1
sampling: {mode: hash_n, n: 10, seed: spring}
stratify: {key: episode.context_hash, per_bucket: 3, seed: ` + vectorSeed + `}
signals: ["@all"]
`
	d, raw, err := ParseDef([]byte(text), testNames)
	if err != nil {
		t.Fatal(err)
	}
	if *d.Sampling.N != 10 || d.Sampling.Seed != object.SumText("spring") || d.Stratify.PerBucketN != 3 || d.Stratify.Seed.String() != vectorSeed ||
		len(d.SignalRoots) != 1 || d.CorpusRoots[0] != object.SumText("corpus") || fmt.Sprint(d.Stratify.KeyPath.Segments) != "[3]" {
		t.Errorf("%+v", d)
	}
	if got := query.Decompile(&d.Query.Predicate); got != `has_tool("`+object.SumText("tool:wc").String()+`", "`+imported.ToolNamed("wc").String()+`") and (signal.reward >= u64("1") or signal.reward >= i64("1"))` {
		t.Errorf("query %s", got)
	}
	view, err := object.ToJSON(Structs[0].Type(), raw)
	if err != nil {
		t.Fatal(err)
	}
	for name, form := range map[string][]byte{"canonical": raw, "JSON": view} {
		again, same, err := ParseDef(form, Names{})
		if err != nil || again.DatasetDefID != d.DatasetDefID || string(same) != string(raw) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseDefForms(t *testing.T) {
	for name, c := range map[string]struct{ text, query string }{
		"no query": {`corpus: ["@all"]`, "true"},
		"JSON":     {`{"corpus": ["@all"], "query": "status == 200"}`, "status == 200"},
		"AST":      {`{"corpus": ["@all"], "query": {"op": 22, "args": [{"op": 41, "lit": {"kind": 4, "u64": 200}}]}}`, "not (has_status(200))"},
		"names": {"corpus: [\"@all\"]\nquery:\n  op: and\n  args:\n    - {op: HAS_STATUS, lit: {kind: 4, u64: 5}}\n    - {op: IN_SET, path: {root: 1, segments: [5]}, set: [{kind: 5, i64: -1}]}\n",
			`has_status(5) and episode.time_observed in ["1969-12-31T23:59:59.999999Z"]`},
	} {
		d, _, err := ParseDef([]byte(c.text), testNames)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := query.Decompile(&d.Query.Predicate); got != c.query || d.SignalRoots != nil {
			t.Errorf("%s: query %s", name, got)
		}
	}
	for text, want := range map[string]string{
		``:                                "empty",
		`corpus: []`:                      "at least one root",
		`query: "true"`:                   "at least one root",
		`corpus: ["@none"]`:               "no such ref",
		"corpus: [\"@all\"]\nextra: 1":    "extra",
		"corpus: [\"@all\"]\nquery: [1]":  "line 2",
		"corpus: [\"@all\"]\nquery: a==1": "query, line 2, column 8: unknown name",
		"corpus: [\"@all\"]\nquery: \"true and a==1\"":                       "query, line 2, column 18: unknown name",
		"corpus: [\"@all\"]\nquery: |\n   true and\n   a == 1\n":             "query, line 4, column 4: unknown name",
		"corpus: [\"@all\"]\nquery: >\n   true and\n   a == 1\n":             "line 2: query, line 1, column 10: unknown name",
		"corpus: [\"@all\"]\nquery: {op: 22}":                                "malformed",
		"corpus: [\"@all\"]\nquery: {op: 1, more: 2}":                        "more",
		"corpus: [\"@all\"]\nsampling: {mode: some}":                         "some",
		"corpus: [\"@all\"]\nsampling: {mode: hash_n}":                       "need n",
		"corpus: [\"@all\"]\nsampling: {n: 5}":                               "n belongs",
		"corpus: [\"@all\"]\nsampling: {mode: hash_n, n: -5}":                "-5",
		"corpus: [\"@all\"]\nstratify: {key: signal.reward, per_bucket: 1}":  "signal paths",
		"corpus: [\"@all\"]\nstratify: {key: episode.nosuch, per_bucket: 1}": "no field",
		"corpus: [\"@all\"]\nstratify: {key: episode.context_hash}":          "per_bucket",
		"corpus: [\"@all\"]\n---\ncorpus: [\"@all\"]":                        "one YAML document",
		"{\"dataset_def_id\": 5}":                                            "dataset",
		"\x08\x00":                                                           "dataset",
	} {
		if _, _, err := ParseDef([]byte(text), testNames); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseDef(f *testing.F) {
	f.Add([]byte("corpus: [" + vectorCorpus + "]\nquery: status == 200\nsampling: {mode: first_n, n: 3}\n"))
	f.Add([]byte(`{"corpus": ["` + vectorCorpus + `"], "query": {"op": "NOT", "args": [{"op": 1}]}}`))
	f.Add([]byte("corpus: &a [" + vectorCorpus + "]\nsignals: *a\nstratify: {key: episode[3], per_bucket: 1}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, raw, err := ParseDef(data, Names{})
		if err != nil {
			return
		}
		again, err := OpenDef(raw)
		if err != nil || again.DatasetDefID != d.DatasetDefID || ir.CheckExpr(&d.Query.Predicate, nil) != nil {
			t.Fatalf("an accepted definition does not open again: %v", err)
		}
	})
}

// FuzzOpenDef feeds canonical bytes: NewDef makes the same definition from an accepted one.
func FuzzOpenDef(f *testing.F) {
	def, err := hex.DecodeString(vectorDef)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(def)
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := OpenDef(raw)
		if err != nil {
			return
		}
		id, err := DefRule.ID(raw)
		if err != nil || id != d.DatasetDefID || can.Check(d) != nil {
			t.Fatalf("accepted with another id: %v", err)
		}
	})
}
