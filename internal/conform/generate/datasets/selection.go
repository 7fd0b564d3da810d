package datasets

import (
	"slices"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/conform/generate/vector"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/sign"
)

// selectionVectors are definitions and evidence at the edges of the rules.
func selectionVectors(s *vector.Set, w *evidence) {
	all := w.ascending()
	show := func(id string, ids []object.Hash, signals []string, d dataset.DatasetDef) {
		d.CorpusRoots = []object.Hash{vector.Must(merkle.ListRoot(ids)).CID}
		if d.Sampling.Mode == 0 {
			d.Sampling = dataset.SamplingDef{Mode: dataset.SampleAll, Seed: object.SumText("seed")}
		}
		if d.Query.Predicate.Op == 0 {
			d.Query.Predicate = ir.Expr{Op: ir.ExprTrue}
		}
		d.Query.QueryID = vector.Must(dataset.QueryRule.IDOf(&d.Query))
		d.DatasetDefID = vector.Must(dataset.DefRule.IDOf(&d))
		s.Add(id, vector.Fields{"definition": vector.View("DatasetDef", &d), "corpora": [][]object.Hash{ids}, "episodes": w.episodes, "receipts": w.receipts, "signals": signals})
	}
	where := func(text string) dataset.DatasetDef {
		return dataset.DatasetDef{Query: dataset.QueryDef{Predicate: vector.Must(query.Parse(text, toolNamed))}}
	}
	for _, text := range []string{`signal.label in ["good", "bad"]`, `signal.reward in [1, 2]`, `signal.reward != 1`, `not (signal.reward == 1)`, `signal.label != "good"`, `episode.trace_ref.trace_blob.media == "application/mythos.trace"`,
		`episode.trace_ref.trace_blob.size in [101, 103, 200]`, `episode[9] == 1`, `episode[9] != 1`, `episode.time_observed.digest == "` + object.SumText("x").String() + `"`, `signal.signer == "` + vector.Bob.Agent().KeyID().String() + `"`} {
		show("selects "+text, all, w.signals, where(text))
	}
	strata := func(segments ...uint32) dataset.DatasetDef {
		return dataset.DatasetDef{Stratify: &dataset.StratifyDef{KeyPath: ir.Path{Root: ir.RootEpisode, Segments: segments}, PerBucketN: 2, Seed: object.SumText("strata")}}
	}
	show("strata: a key that every episode lacks", all, w.signals, strata(9))
	show("strata: a key that differs in every episode", all, w.signals, strata(5))
	show("strata: a hash of a value", all, w.signals, strata(2, 1, 3, 0))
	reversed := slices.Clone(all)
	slices.Reverse(reversed)
	show("FIRST_N of a corpus that is not ascending", reversed, w.signals, dataset.DatasetDef{Sampling: dataset.SamplingDef{Mode: dataset.SampleFirstN, N: vector.Ptr(uint64(2)), Seed: object.SumText("seed")}})
	show("ALL with an n", all, w.signals, dataset.DatasetDef{Sampling: dataset.SamplingDef{Mode: dataset.SampleAll, N: vector.Ptr(uint64(2)), Seed: object.SumText("seed")}})
	made := func(kind, valueKind uint8, value []byte, change func(*signal.Signal)) string {
		g := signal.Signal{EpisodeID: w.ids[1], SignalType: kind, ValueKind: valueKind, ValueBytes: value, Signer: vector.Bob.Agent(), TimeObserved: object.Time(vector.Start)}
		g.SignalID = vector.Must(signal.Rule.IDOf(&g))
		g.Signature = vector.Must(sign.ID(vector.Bob, g.SignalID))
		if change != nil {
			change(&g)
		}
		return vector.Hex(vector.Must(can.Marshal(&g)))
	}
	five := can.AppendInt(nil, 5)
	show("a signal with a good signature", all, []string{made(1, 1, five, nil)}, where("signal.value == 5"))
	show("a signal with a bad signature", all, []string{made(1, 1, five, func(g *signal.Signal) { g.Signature.Sig[0] ^= 1 })}, where("signal.value == 5"))
	show("a signal of an unknown type is seen", all, []string{made(9, 1, five, nil)}, where("signal.value == 5"))
	show("a signal of an unknown type is no reward", all, []string{made(9, 1, five, nil)}, where("signal.reward == 5"))
	show("a signal of an unknown kind has no value", all, []string{made(1, 9, five, nil)}, where("signal.value == 5"))
	show("a signal of an unknown kind, not equal", all, []string{made(1, 9, five, nil)}, where("signal.value != 5"))
}
