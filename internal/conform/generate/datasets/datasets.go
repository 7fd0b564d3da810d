// Package datasets makes the vectors about datasets: definitions and their selections, queries, splits, exports,
// redaction and imports.
package datasets

import (
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/conform/generate/vector"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
)

// Definitions select from twelve episodes with receipts and signals.
func Definitions() *vector.Set {
	s := &vector.Set{Class: "datasets", About: "definitions, what they select from the evidence given, and the roots of their manifests"}
	w := newEvidence()
	def := func(id string, corpora [][]object.Hash, text string, change func(*dataset.DatasetDef)) {
		d := dataset.DatasetDef{CorpusRoots: []object.Hash{}, Query: dataset.QueryDef{Predicate: vector.Must(query.Parse(text, toolNamed))},
			Sampling: dataset.SamplingDef{Mode: dataset.SampleAll, Seed: object.SumText("seed")}}
		for _, ids := range corpora {
			d.CorpusRoots = append(d.CorpusRoots, vector.Must(merkle.ListRoot(ids)).CID)
		}
		if change != nil {
			change(&d)
		}
		_, raw, err := dataset.NewDef(d)
		in := vector.Fields{"definition": vector.View("DatasetDef", can.Raw(vector.Must(raw, err))), "corpora": corpora, "episodes": w.episodes, "receipts": w.receipts,
			"signals": w.signals}
		if d.SignalRoots != nil {
			in["signal_logs"] = [][]object.Hash{w.signalLog}
		}
		s.Add(id, in)
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
			def(fmt.Sprintf("mode %d, n %d", mode, k), one, "true", func(d *dataset.DatasetDef) { d.Sampling.Mode, d.Sampling.N = mode, vector.Ptr(uint64(k)) })
		}
	}
	def("the seed matters", one, "true", func(d *dataset.DatasetDef) {
		d.Sampling = dataset.SamplingDef{Mode: dataset.SampleHashN, N: vector.Ptr(uint64(3)), Seed: object.SumText("another seed")}
	})
	def("first after the predicate", one, "status == 200", func(d *dataset.DatasetDef) {
		d.Sampling.Mode, d.Sampling.N = dataset.SampleFirstN, vector.Ptr(uint64(2))
	})
	def("strata", one, "true", func(d *dataset.DatasetDef) {
		d.Stratify = &dataset.StratifyDef{KeyPath: ir.Path{Root: ir.RootEpisode, Segments: []uint32{3}}, PerBucketN: 2, Seed: object.SumText("strata")}
	})
	def("pinned signals", one, "signal.reward >= 1", func(d *dataset.DatasetDef) {
		d.SignalRoots = []object.Hash{vector.Must(merkle.ListRoot(w.signalLog)).CID}
	})
	selectionVectors(s, w)
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
		id, raw, err := ledger.NewReceipt(vector.Alice, ledger.Receipt{ToolID: object.SumText("tool:" + name), RequestHash: object.SumText(fmt.Sprint("request ", i)),
			ResponseHash: object.SumText(fmt.Sprint("response ", i)), TimeObserved: object.Time(vector.Start), Status: status})
		w.receipts = append(w.receipts, vector.Hex(vector.Must(raw, err)))
		e := object.EpisodeRef{TraceRef: object.TraceRef{TraceBlob: object.BlobRef{CID: object.SumText(fmt.Sprint("trace ", i)), Size: uint64(100 + i), Media: "application/mythos.trace"},
			ReceiptIDs: []object.Hash{id}}, ContextHash: object.SumText(fmt.Sprint("context ", i%3)), OutcomeHash: object.SumText(fmt.Sprint("outcome ", i)),
			TimeObserved: object.Time(vector.Start + int64(i)*1_000_000)}
		e.EpisodeID = vector.Must(object.EpisodeRule.IDOf(&e))
		w.ids = append(w.ids, e.EpisodeID)
		w.episodes = append(w.episodes, vector.Hex(vector.Must(can.Marshal(&e))))
		if i%2 == 0 {
			w.signal(e.EpisodeID, signal.Reward, ir.I64Scalar(int64(i%5)-1), i < 6)
		}
		if i%5 == 0 {
			w.signal(e.EpisodeID, signal.Label, ir.TextScalar("good"), false)
		}
	}
	return w
}

func (w *evidence) signal(episode object.Hash, kind uint8, v ir.Scalar, logged bool) {
	id, raw, err := signal.New(vector.Bob, episode, kind, v, object.Time(vector.Start))
	w.signals = append(w.signals, vector.Hex(vector.Must(raw, err)))
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
