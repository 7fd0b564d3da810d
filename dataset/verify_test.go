package dataset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

func TestVerify(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	ids := []object.Hash{w.episode(1, "c", 0), w.episode(2, "c", 0)}
	def := w.def("signal.reward == 1", ids)
	w.signal(ids[0], signal.Reward, ir.U64Scalar(1))
	built, err := Build(ctx, w.store, w.src, def)
	w.must(err)
	ref := DatasetRef{DatasetDefID: def.DatasetDefID, Manifest: built.Manifest, Count: 1, BuildReceiptID: object.SumText("r")}
	if sel, err := Verify(ctx, w.src, def, &ref); err != nil || len(sel.IDs) != 1 {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*DatasetRef){
		"definition": func(r *DatasetRef) { r.DatasetDefID = object.SumText("x") }, "manifest": func(r *DatasetRef) { r.Manifest.CID = object.SumText("x") },
		"count": func(r *DatasetRef) { r.Count = 2 }, "size": func(r *DatasetRef) { r.Manifest.Size++ }, "media": func(r *DatasetRef) { r.Manifest.Media = "x" },
		"codec": func(r *DatasetRef) { r.Manifest.Codec = 1 }, "chunks": func(r *DatasetRef) { r.Manifest.Chunks = 1 },
	} {
		bad := ref
		change(&bad)
		var m *MismatchError
		if _, err := Verify(ctx, w.src, def, &bad); !errors.Is(err, ErrMismatch) || !errors.As(err, &m) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.signal(ids[1], signal.Reward, ir.U64Scalar(1)) // the log was not pinned
	if _, err := Verify(ctx, w.src, def, &ref); !errors.Is(err, ErrMismatch) {
		t.Errorf("another selection: %v", err)
	}
}

func TestDiff(t *testing.T) {
	w := newWorld(t)
	var all []object.Hash
	for i := range 40 {
		all = append(all, object.SumText(fmt.Sprint(i)))
	}
	rapid.Check(t, func(rt *rapid.T) {
		var a, b []object.Hash
		var want []Change
		for _, id := range sorted(all) {
			side := rapid.IntRange(0, 3).Draw(rt, "side")
			if side&1 != 0 {
				a = append(a, id)
			}
			if side&2 != 0 {
				b = append(b, id)
			}
			if side == 1 || side == 2 {
				want = append(want, Change{id, side == 2})
			}
		}
		var got []Change
		stats, err := Diff(context.Background(), w.src.Nodes(context.Background()), list(t, w.store, a), list(t, w.store, b), func(c Change) error {
			got = append(got, c)
			return nil
		})
		if err != nil || !slices.Equal(got, want) || stats.Same+stats.Removed != uint64(len(a)) || stats.Same+stats.Added != uint64(len(b)) {
			rt.Fatalf("%v %+v: %d changes, expected %d", err, stats, len(got), len(want))
		}
	})
	nodes := w.src.Nodes(context.Background())
	none := func(Change) error { return nil }
	if _, err := Diff(context.Background(), nodes, list(t, w.store, vectorHashes(t)), list(t, w.store, nil), none); !errors.Is(err, ErrUnsorted) {
		t.Errorf("an unsorted manifest: %v", err)
	}
	stop := errors.New("enough")
	if _, err := Diff(context.Background(), nodes, list(t, w.store, all[:1]), list(t, w.store, nil), func(Change) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("fn's error: %v", err)
	}
}

func TestWhy(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	ids := []object.Hash{w.episode(1, "c", 0), w.episode(2, "c", 5)}
	def := w.def("episode.time_observed < 9 and episode.time_observed != 5", ids)
	for id, want := range map[object.Hash]string{ids[0]: "not in the sample", ids[1]: `it fails episode.time_observed != "1970-01-01T00:00:00.000005Z"`, object.SumText("x"): "in no corpus"} {
		if r, err := Why(ctx, w.src, def, id); err != nil || r.String(false) != want {
			t.Errorf("%s: %s, %v", id.Short(), r.String(false), err)
		}
	}
}
