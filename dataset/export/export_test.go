package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/redact"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
)

func TestExport(t *testing.T) {
	ctx := context.Background()
	w, ids, _, built := exported(t, 50)
	split, err := ParseSplit("train=0.7, test=0.3")
	w.must(err)
	var first folder
	var files []File
	for _, workers := range []int{1, 4} {
		out := folder{}
		files, err = Write(ctx, w.src, built.Manifest.CID, Options{Split: split, Shards: 3, Workers: workers, Payload: StorePayload(w.store), Open: out.open})
		w.must(err)
		if first == nil {
			first = out
		}
		for name, b := range out {
			if !bytes.Equal(b.Bytes(), first[name].Bytes()) {
				t.Errorf("%s depends on the number of workers", name)
			}
		}
	}
	met := map[object.Hash]string{}
	for _, f := range files {
		raw := first[f.Name].Bytes()
		if object.Sum(raw) != f.SHA256 || int64(len(raw)) != f.Bytes || uint64(bytes.Count(raw, []byte("\n"))) != f.Rows {
			t.Errorf("%+v", f)
		}
		var last object.Hash
		for row := range bytes.Lines(raw) {
			var l Line
			w.must(json.Unmarshal(row, &l))
			if met[l.EpisodeID] != "" || last.Compare(l.EpisodeID) >= 0 {
				t.Errorf("%s is met again or out of order", l.EpisodeID.Short())
			}
			met[l.EpisodeID], last = f.Part, l.EpisodeID
			n := slices.Index(ids, l.EpisodeID)
			if r := l.Receipts[0]; *r.Response.Text != fmt.Sprintf("answer %d for ann@example.org", n) || r.ToolID != object.SumText("tool:wc") || r.Status != 200 {
				t.Errorf("line %s", row)
			}
			if s := l.Signals[0]; s.Type != "reward" || s.Kind != "i64" || s.Value != float64(-n) {
				t.Errorf("signal %+v", s)
			}
		}
	}
	if len(files) != 6 || len(met) != 50 || files[0].Name != "train-00000-of-00003.jsonl" {
		t.Errorf("%d files, %d episodes", len(files), len(met))
	}
	for id, part := range met {
		if want := split[Part(id, []uint64{split[0].Weight, split[1].Weight})].Name; part != want {
			t.Errorf("%s is in %s, not %s", id.Short(), part, want)
		}
	}
}

func TestExportSmall(t *testing.T) {
	ctx := context.Background()
	w, _, _, built := exported(t, 2)
	out := folder{}
	files, err := Write(ctx, w.src, built.Manifest.CID, Options{Shards: 5, Open: out.open})
	w.must(err)
	rows := uint64(0)
	for _, f := range files {
		rows += f.Rows
	}
	if len(files) != 5 || rows != 2 || files[4].Rows != 1 {
		t.Errorf("%+v", files)
	}
	var b bytes.Buffer
	f, err := To(ctx, w.src, built.Manifest.CID, &b, Options{})
	if err != nil || f.Rows != 2 || strings.Contains(b.String(), "answer") {
		t.Errorf("%+v %v %s", f, err, b.String())
	}
	if _, err := To(ctx, w.src, unsorted(w), &b, Options{}); !errors.Is(err, dataset.ErrUnsorted) {
		t.Errorf("an unsorted manifest: %v", err)
	}
	lying := Options{Payload: func(context.Context, object.Hash) ([]byte, bool, error) { return []byte("lie"), true, nil }}
	if _, err := To(ctx, w.src, built.Manifest.CID, &b, lying); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a payload of another hash: %v", err)
	}
}

// TestRedactedExport: nothing that the rules name is exported, not even as a plain hash.
func TestRedactedExport(t *testing.T) {
	ctx := context.Background()
	w, ids, _, built := exported(t, 1)
	w.signal(ids[0], signal.Label, ir.TextScalar("of ann@example.org"))
	red, err := redact.Parse([]byte("- {pointer: /user/email, of: request, label: email}\n- {regex: '[a-z]+@[a-z.]+', label: email}\n"), []byte("0123456789abcdef"))
	w.must(err)
	var b bytes.Buffer
	_, err = To(ctx, w.src, built.Manifest.CID, &b, Options{Payload: StorePayload(w.store), Redact: red})
	w.must(err)
	text := b.String()
	var l Line
	w.must(json.Unmarshal(b.Bytes(), &l))
	request := object.SumText(`{"n":0,"user":{"email":"ann@example.org"}}`).String()
	if strings.Contains(text, "ann@") || strings.Contains(text, request) || !strings.HasPrefix(l.Receipts[0].RequestHash, "hmac-sha256:") {
		t.Errorf("it leaks: %s", text)
	}
	want := red.Replacement("email", "ann@example.org")
	if got := *l.Receipts[0].Request.Text; got != `{"n":0,"user":{"email":"`+want+`"}}` {
		t.Errorf("request %s", got)
	}
	if got := *l.Receipts[0].Response.Text; got != "answer 0 for "+want {
		t.Errorf("response %s", got)
	}
	if i := slices.IndexFunc(l.Signals, func(s SignalLine) bool { return s.Type == "label" }); l.Signals[i].Value != "of "+want || !l.Signals[i].Redacted {
		t.Errorf("signals %+v", l.Signals)
	}
}

func TestCard(t *testing.T) {
	w, _, def, built := exported(t, 10)
	split, err := ParseSplit("train=9,test=1")
	w.must(err)
	out := folder{}
	files, err := Write(context.Background(), w.src, built.Manifest.CID, Options{Split: split, Shards: 2, Open: out.open})
	w.must(err)
	ref := &dataset.DatasetRef{DatasetDefID: def.DatasetDefID, Manifest: built.Manifest, Count: built.Count(), BuildReceiptID: object.SumText("receipt")}
	card, err := Card{Def: def, Ref: ref, Files: files}.Markdown()
	w.must(err)
	parts := bytes.SplitN(card, []byte("---\n"), 3)
	var head struct {
		Configs []struct {
			Files []struct {
				Split string
				Path  []string
			} `yaml:"data_files"`
		}
		Mythos map[string]any
	}
	w.must(yaml.Unmarshal(parts[1], &head))
	if f := head.Configs[0].Files; len(f) != 2 || f[0].Split != "train" || len(f[1].Path) != 2 || head.Mythos["manifest"] != built.Manifest.CID.String() || head.Mythos["count"] != 10 {
		t.Errorf("head %+v", head)
	}
	_, rest, _ := bytes.Cut(parts[2], []byte("```json\n"))
	view, _, _ := bytes.Cut(rest, []byte("\n```"))
	again, _, err := dataset.ParseDef(view, dataset.Names{})
	if err != nil || again.DatasetDefID != def.DatasetDefID {
		t.Errorf("the card's definition: %v", err)
	}
}

// unsorted is a corpus with ids that do not ascend.
func unsorted(w *house) object.Hash {
	ids := []object.Hash{object.SumText("a"), object.SumText("b")}
	slices.SortFunc(ids, object.Hash.Compare)
	ref, _, err := w.store.PutList(context.Background(), dataset.MediaCorpus, func(b *merkle.ListBuilder) error {
		return errors.Join(b.Add(ids[1]), b.Add(ids[0]))
	})
	w.must(err)
	return ref.CID
}

func TestSplit(t *testing.T) {
	for _, bad := range []string{"", "train", "train=", "train=0", "train=-1", "train=1,train=2", "a/b=1", "a=1.0000000001", "a=1e3", "a=0x1", "=1"} {
		if got, err := ParseSplit(bad); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
	a, err := ParseSplit("train=0.9,test=0.1")
	if err != nil {
		t.Fatal(err)
	}
	counts := [2]int{}
	for i := range 20000 {
		id := object.SumText(fmt.Sprint(i))
		part := Part(id, []uint64{a[0].Weight, a[1].Weight})
		if other := Part(id, []uint64{9, 1}); other != part {
			t.Fatalf("%s is in part %d or %d", id.Short(), part, other)
		}
		counts[part]++
	}
	if counts[1] < 1800 || counts[1] > 2200 {
		t.Errorf("parts of %v", counts)
	}
}

// FuzzParseSplit: a split has no two parts with the same name.
func FuzzParseSplit(f *testing.F) {
	for _, s := range []string{"train=8,test=2", "a=1,a=2", "a=0"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if parts, err := ParseSplit(string(data)); err == nil {
			names := map[string]bool{}
			for _, p := range parts {
				if names[p.Name] {
					t.Fatalf("%q names %q twice", data, p.Name)
				}
				names[p.Name] = true
			}
		}
	})
}
