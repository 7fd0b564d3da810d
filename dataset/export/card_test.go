package export

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/export/croissant"
	"github.com/mythos-project/mythos/object"
)

// described is the part of a description that a reader of Croissant uses.
type described struct {
	Conforms     string `json:"conformsTo"`
	Published    string `json:"datePublished"`
	Distribution []struct {
		Type     string `json:"@type"`
		ID       string `json:"@id"`
		URL      string `json:"contentUrl"`
		SHA256   string `json:"sha256"`
		Encoding string `json:"encodingFormat"`
		Includes []string
	}
	RecordSet []struct {
		ID    string `json:"@id"`
		Data  []map[string]string
		Field []struct {
			ID       string `json:"@id"`
			DataType string
			Repeated bool
			Source   struct {
				FileSet struct {
					ID string `json:"@id"`
				}
				Extract map[string]string
			}
			SubField []json.RawMessage
		}
	}
}

// TestCroissant: every file is described with its hash, every column with its source, and the time of describing does
// not matter.
func TestCroissant(t *testing.T) {
	ctx := context.Background()
	w, _, def, built := exported(t, 60)
	split, err := ParseSplit("train=0.7,mine=0.3")
	w.must(err)
	files := folder{}
	o := Options{Format: Parquet, Rows: RowsPromptCompletion, Split: split, Shards: 2, Payload: StorePayload(w.store), Open: files.open,
		Tool: func(context.Context, object.Hash) string { return "wc" }}
	list, err := Write(ctx, w.src, built.Manifest.CID, o)
	w.must(err)
	c := Card{Def: def, Ref: &dataset.DatasetRef{DatasetDefID: def.DatasetDefID, Manifest: built.Manifest, Count: 60}, Files: list, Rows: o.Rows, Format: o.Format, Builder: w.key.Agent(), Built: 1790000000000000}
	text, err := c.Croissant()
	w.must(err)
	again, err := c.Croissant()
	if err != nil || !bytes.Equal(again, text) {
		t.Errorf("described twice, it differs: %v", err)
	}
	var d described
	w.must(json.Unmarshal(text, &d))
	if d.Conforms != croissant.Version || d.Published != "2026-09-21T14:13:20.000000Z" || len(d.Distribution) != 5 || len(d.RecordSet) != 2 {
		t.Fatalf("%s", text)
	}
	for i, f := range list {
		if got := d.Distribution[i]; got.Type != "cr:FileObject" || got.ID != f.Name || got.URL != f.Name || got.SHA256 != f.SHA256.String() || got.Encoding != "application/x-parquet" || d.Distribution[4].Includes[i] != f.Name {
			t.Errorf("%+v is described as %+v", f, got)
		}
	}
	if s := d.RecordSet[0].Data; len(s) != 2 || s[0]["splits/name"] != "train" || s[0]["splits/url"] != "cr:TrainingSplit" || s[1]["splits/url"] != "" {
		t.Errorf("splits %v", s)
	}
	rows := d.RecordSet[1]
	for i, name := range []string{"split", "prompt", "completion", "tools", "functions"} {
		f := rows.Field[i]
		if f.ID != "rows/"+name || f.Repeated != (i == 1 || i == 2) || f.Repeated != (len(f.SubField) == 7) || i > 2 && (f.DataType != "sc:Text" || f.Source.Extract["column"] != name || f.Source.FileSet.ID != d.Distribution[4].ID) {
			t.Errorf("field %d is %+v", i, f)
		}
	}
}
