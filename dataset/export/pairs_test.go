package export

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// rated has answers to a few questions, with their rewards.
func rated(t *testing.T) (*house, object.Hash) {
	w := newHouse(t)
	var ids []object.Hash
	add := func(status uint16, request, response string, rewards ...int64) object.Hash {
		id := w.call(len(ids), status, request, response)
		for _, r := range rewards {
			w.signal(id, signal.Reward, ir.I64Scalar(r))
		}
		ids = append(ids, id)
		return id
	}
	add(200, "why?", "because so", 10)
	add(200, "why?", "dunno", -10, 3)
	add(200, "why?", "because so", 2)
	add(200, "how?", "so", 1)
	add(200, "when?", "now")
	add(200, "who?", "they", 1)
	add(200, "who?", "you", 1)
	add(500, "who?", "nobody", 0)
	w.signal(add(200, "what?", "that"), signal.Reward, ir.TextScalar("good"))
	built, err := dataset.Build(context.Background(), w.store, w.src, w.def("true", ids))
	w.must(err)
	return w, built.Manifest.CID
}

func TestPairs(t *testing.T) {
	ctx := context.Background()
	w, manifest := rated(t)
	o := Options{Rows: RowsPreference, Payload: StorePayload(w.store), Tool: func(context.Context, object.Hash) string { return "ask" }}
	seen := map[object.Hash]bool{}
	o.Signal = func(id object.Hash) { seen[id] = true }
	var first bytes.Buffer
	f, err := To(ctx, w.src, manifest, &first, o)
	w.must(err)
	const want = `{"prompt":[{"role":"user","content":"why?"}],"chosen":[{"role":"assistant","content":"because so"}],"rejected":[{"role":"assistant","content":"dunno"}]}` + "\n"
	if first.String() != want {
		t.Errorf("%s\nexpected\n%s", first.String(), want)
	}
	why := map[string]uint64{leftPreferred: 1, leftSame: 1, leftAlone: 2, leftTie: 1, leftNoReward: 1, leftNoAnswer: 1, leftNoNumber: 1}
	if f.Rows != 1 || f.Left != 8 || !maps.Equal(f.Why, why) {
		t.Errorf("%d rows, %d left out: %v", f.Rows, f.Left, f.Why)
	}
	if len(seen) != 9 {
		t.Errorf("%d signals were told", len(seen))
	}
	samePairsLater(t, w, manifest, o, slices.Collect(maps.Keys(seen)), first.Bytes())
}

// samePairsLater signs new signals and gets the same pairs if the definition names the signals.
func samePairsLater(t *testing.T, w *house, manifest object.Hash, o Options, seen []object.Hash, first []byte) {
	ctx := context.Background()
	list, _, err := dataset.Snapshot(ctx, w.store, dataset.MediaSignals, seen)
	w.must(err)
	w.must(dataset.ReadList(ctx, w.src.Nodes(ctx), manifest, func(id object.Hash) error {
		w.signal(id, signal.Reward, ir.I64Scalar(int64(id.Compare(manifest))*100))
		return nil
	}))
	o.SignalRoots = []object.Hash{list.CID}
	for _, o.Workers = range []int{1, 7} {
		var again bytes.Buffer
		_, err = To(ctx, w.src, manifest, &again, o)
		w.must(err)
		if !bytes.Equal(again.Bytes(), first) {
			t.Errorf("other pairs of the same signals: %s", again.String())
		}
	}
	o.SignalRoots = nil
	var now bytes.Buffer
	_, err = To(ctx, w.src, manifest, &now, o)
	w.must(err)
	if bytes.Equal(now.Bytes(), first) {
		t.Error("new signals change nothing where none are named")
	}
}

// TestPairsOfChoices: one reward for several answers says nothing about any of them; the same question with other tools
// is another question.
func TestPairsOfChoices(t *testing.T) {
	reward := []SignalLine{{Type: "reward", Kind: "u64", Value: uint64(1)}}
	l := &Line{Source: "otel", Signals: reward, Receipts: []ReceiptLine{asked("q", `[{"role":"assistant","content":"a"},{"role":"assistant","content":"b"}]`, "")}}
	if _, left := lastTurn(l); left != leftChoices {
		t.Errorf("%q", left)
	}
	var keys []string
	for _, tools := range []string{`[]`, `[{"name":"x"}]`} {
		l := &Line{Source: "otel", Receipts: []ReceiptLine{asked(fmt.Sprintf(`{"messages":[{"role":"user","content":"q"}],"tools":%s}`, tools), "a", "")}}
		turn, left := lastTurn(l)
		if left != "" {
			t.Fatal(left)
		}
		prompt, _ := turn.conversation()
		keys = append(keys, turn.askedHash(prompt).String())
	}
	if keys[0] == keys[1] {
		t.Error("two lists of tools are one question")
	}
}
