package export

import (
	"context"
	"github.com/mythos-project/mythos/dataset"
	"testing"
)

// counted is a progress display that only counts.
type counted struct{ total, done int64 }

func (c *counted) Total(more int64) { c.total += more }
func (c *counted) Add(done int64)   { c.done += done }

// Selections and exports report the amount of work, and in the end have done all of it.
func TestProgress(t *testing.T) {
	ctx := context.Background()
	w, ids, def, built := exported(t, 50)
	var build, export counted
	_, err := dataset.SelectWith(ctx, w.src, def, dataset.Options{Progress: &build, Workers: 2})
	w.must(err)
	out := folder{}
	split, err := ParseSplit("train=0.7,test=0.3")
	w.must(err)
	_, err = Write(ctx, w.src, built.Manifest.CID, Options{Split: split, Shards: 2, Open: out.open, Progress: &export})
	w.must(err)
	if want := (counted{int64(len(ids)), int64(len(ids))}); build != want || export != (counted{int64(built.Count()), int64(built.Count())}) {
		t.Errorf("of %d episodes, %d in the dataset: build %+v, export %+v", len(ids), built.Count(), build, export)
	}
}
