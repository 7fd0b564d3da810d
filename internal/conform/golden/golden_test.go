package golden

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/mythos-project/mythos/internal/conform/pack"
	"github.com/mythos-project/mythos/spec/vectors"
)

// vectorsHere reads the golden vectors without the largest blobs, which take seconds each; .ci/run computes those, too.
func vectorsHere(t *testing.T) map[string]Set {
	t.Helper()
	files, err := Files(vectors.FS)
	if err != nil {
		t.Fatal(err)
	}
	largest := uint64(1 << 33)
	if testing.Short() {
		largest = 1 << 28
	}
	sets := map[string]Set{}
	for _, name := range files {
		set, err := readSet(vectors.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		var some []Vector
		for _, v := range set.Vectors {
			var b blobIn
			if set.Class == "blobs" && (json.Unmarshal(v.In, &b) != nil || b.Size > largest) {
				continue
			}
			some = append(some, v)
		}
		set.Vectors = some
		sets[name] = set
	}
	return sets
}

// runVectors computes the vectors of all files of a folder.
func runVectors(t *testing.T, fsys fs.FS) (pack.Report, error) {
	t.Helper()
	files, err := Files(fsys)
	if err != nil {
		return pack.Report{}, err
	}
	if len(files) == 0 {
		return pack.Report{}, errors.New("no golden vectors")
	}
	return Run(t.Context(), fsys, files)
}

// TestGoldenVectors computes every golden vector again.
func TestGoldenVectors(t *testing.T) {
	sets := vectorsHere(t)
	if len(sets) != len(classes) {
		t.Errorf("%d files for %d classes", len(sets), len(classes))
	}
	fsys := fstest.MapFS{}
	for name, set := range sets {
		data, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		fsys[name] = &fstest.MapFile{Data: data}
	}
	rep, err := runVectors(t, fsys)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rep.Results {
		if !r.Pass {
			t.Errorf("%s: %s", r.ID, r.Error)
		}
	}
	if len(rep.Results) < 1500 || len(rep.Classes()) != len(classes) {
		t.Errorf("%d vectors in %d classes", len(rep.Results), len(rep.Classes()))
	}
}

// TestMustReject: no vector of the class is accepted.
func TestMustReject(t *testing.T) {
	for _, v := range vectorsHere(t)["must-reject.json"].Vectors {
		if !bytes.Contains(v.Out, []byte(`"refused"`)) {
			t.Errorf("%s: %s", v.ID, v.Out)
		}
	}
}

// TestChangedGoldenFails changes a digit in every output: the vector must fail.
func TestChangedGoldenFails(t *testing.T) {
	for name, set := range vectorsHere(t) {
		if set.Class == "blobs" {
			set.Vectors = set.Vectors[:4]
		}
		for i, v := range set.Vectors {
			if i%5 != 0 { // a fifth of them is enough
				continue
			}
			at := bytes.LastIndexAny(v.Out, "0123456789abcdef")
			changed := append(json.RawMessage{}, v.Out...)
			changed[at] ^= 1
			if strings.HasSuffix(string(v.Out), "true}") { // "ok", "holds"
				changed = json.RawMessage(strings.Replace(string(v.Out), "true}", "false}", 1))
			}
			v.Out = changed
			if err := v.check(set.Class); err == nil {
				t.Errorf("%s: %s may be changed to %s", name, v.ID, changed)
			}
		}
	}
}

// TestHostileSets: files that are not vector sets are errors, not passes.
func TestHostileSets(t *testing.T) {
	for _, text := range []string{`{}`, `{"class":"nonsense","about":"","vectors":[{"id":"x","in":{},"out":{}}]}`, `{"class":"ids","about":"","vectors":[]}`,
		`{"class":"ids","vectors":[{"id":"x","in":{"bytes":"00"},"out":{},"more":1}]}`, `[`} {
		if _, err := runVectors(t, fstest.MapFS{"x.json": {Data: []byte(text)}}); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
	for _, in := range []string{`{"bytes":"0"}`, `{"other":1}`, `{}`, `5`} {
		if _, err := Compute("ids", json.RawMessage(in)); err == nil {
			t.Errorf("%s was taken", in)
		}
	}
	if _, err := fs.Stat(vectors.FS, "structs.json"); err != nil {
		t.Error(err)
	}
}
