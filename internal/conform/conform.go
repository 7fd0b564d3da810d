// Package conform rebuilds the vectors of a conformance pack from their inputs and compares bytes (spec/README.md): the
// public pack's, and golden vectors such as those of spec/vectors. It never just hashes a pack's files: it compares the
// results of this project's packages for the inputs.
package conform

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"github.com/mythos-project/mythos/internal/conform/golden"
	"github.com/mythos-project/mythos/internal/conform/pack"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

type manifest struct {
	Pack    string   `json:"pack"`
	Vectors []vector `json:"vectors"`
}

type vector struct {
	ID       string            `json:"id"`
	Files    map[string]string `json:"files"`
	Expected map[string]any    `json:"expected"`
}

// suite is the pack being checked.
type suite struct {
	fsys fs.FS
	key  *sign.Key
}

// one is the vector being checked.
type one struct {
	*suite
	vector
	notes []string
}

// builders rebuild the known vectors, by id.
var builders = map[string]func(*one) error{
	"CAN_001": (*one).canHash, "CAN_002": (*one).canAgent, "CAN_003": (*one).canMap,
	"MERKLE_001": (*one).merkleList, "BLOB_001": (*one).chunkedBlob,
	"RECEIPT_001": (*one).receipt, "LEDGER_001": (*one).ledgerEntries,
	"DATASET_001": (*one).dataset, "CODEBOOK_001": (*one).codebook, "WIRE_001": (*one).wire,
}

// Run rebuilds every vector of the pack in fsys: a pack with a manifest in the form
// of the public one, or files of golden vectors (spec/vectors/README.md). An error
// means that the pack itself cannot be read; a vector that fails is a Result.
func Run(ctx context.Context, fsys fs.FS) (pack.Report, error) {
	if files, err := golden.Files(fsys); err != nil {
		return pack.Report{}, fmt.Errorf("%w: %w", pack.ErrPack, err)
	} else if len(files) > 0 {
		return golden.Run(ctx, fsys, files)
	}
	var m manifest
	data, err := fs.ReadFile(fsys, "manifest.json")
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		return pack.Report{}, fmt.Errorf("%w: %w", pack.ErrPack, err)
	}
	if len(m.Vectors) == 0 {
		return pack.Report{}, fmt.Errorf("%w: it has no vectors", pack.ErrPack)
	}
	s := &suite{fsys: fsys}
	if s.key, err = s.testKey(); err != nil {
		return pack.Report{}, fmt.Errorf("%w: %w", pack.ErrPack, err)
	}
	rep := pack.Report{Pack: m.Pack}
	for _, v := range m.Vectors {
		if err := ctx.Err(); err != nil {
			return rep, err
		}
		rep.Results = append(rep.Results, s.run(v))
	}
	return rep, nil
}

func (s *suite) run(v vector) pack.Result {
	o := &one{suite: s, vector: v}
	build, ok := builders[v.ID]
	if !ok {
		return pack.Result{ID: v.ID, Error: "nothing here rebuilds this vector"}
	}
	err := build(o)
	r := pack.Result{ID: v.ID, Pass: err == nil, Notes: o.notes}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}

// testKey is the pack's signing key, by the hint that its vectors use.
func (s *suite) testKey() (*sign.Key, error) {
	seed, err := s.hexFile("keys/ed25519_test_seed.hex")
	if err != nil {
		return nil, err
	}
	if len(seed) != 32 {
		return nil, fmt.Errorf("the seed has %d bytes", len(seed))
	}
	return sign.FromSeed([32]byte(seed), "ctvp"), nil
}

func (s *suite) hexFile(name string) ([]byte, error) {
	data, err := fs.ReadFile(s.fsys, name)
	if err != nil {
		return nil, err
	}
	return hex.DecodeString(strings.TrimSpace(string(data)))
}

// file reads the file that the vector lists under a name.
func (o *one) file(name string) ([]byte, error) {
	path, ok := o.Files[name]
	if !ok {
		return nil, fmt.Errorf("the vector lists no file %q", name)
	}
	st, err := fs.Stat(o.fsys, path)
	if err != nil {
		return nil, err
	}
	if st.Size() > pack.MaxFile {
		return nil, fmt.Errorf("%s has %d bytes", path, st.Size())
	}
	return fs.ReadFile(o.fsys, path)
}

// input reads a JSON file of the vector.
func (o *one) input(name string, v any) error {
	data, err := o.file(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// same compares rebuilt bytes with a file of the vector.
func (o *one) same(name string, got []byte) error {
	want, err := o.file(name)
	if err != nil {
		return err
	}
	if bytes.Equal(got, want) {
		return nil
	}
	at := 0
	for at < len(got) && at < len(want) && got[at] == want[at] {
		at++
	}
	return fmt.Errorf("%s: rebuilt %d bytes, the pack has %d; they differ from byte %d on", name, len(got), len(want), at)
}

// expect compares a rebuilt hash with the manifest's expectation of that name.
func (o *one) expect(name string, got object.Hash) error {
	want, _ := o.Expected[name].(string)
	if want != got.String() {
		return fmt.Errorf("%s: rebuilt %s, expected %s", name, got, want)
	}
	return nil
}

// all runs checks in order and returns the first error.
func all(checks ...func() error) error {
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (o *one) note(format string, args ...any) {
	o.notes = append(o.notes, fmt.Sprintf(format, args...))
}
