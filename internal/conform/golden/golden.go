// Package golden computes golden vectors (spec/vectors/README.md): the output of each from its input, with the packages
// of this project. Each class of vectors is a function.
package golden

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/mythos-project/mythos/internal/conform/golden/credentials"
	"github.com/mythos-project/mythos/internal/conform/golden/deciding"
	"github.com/mythos-project/mythos/internal/conform/pack"
	"github.com/mythos-project/mythos/internal/par"
)

// Set is one file of golden vectors (spec/vectors/README.md): every vector of
// a set has the same class.
type Set struct {
	Class   string   `json:"class"`
	About   string   `json:"about"`
	Vectors []Vector `json:"vectors"`
}

// Vector is one golden vector. Out is the result of the class's function for In; Rule is the rule of the specification
// that it tests, such as "can-17".
type Vector struct {
	ID   string          `json:"id"`
	Rule string          `json:"rule,omitempty"`
	In   json.RawMessage `json:"in"`
	Out  json.RawMessage `json:"out"`
}

// classes are the functions behind the vectors: this implementation's result for an input. A refusal is a result, too:
// see refusal.
var classes = map[string]func(in json.RawMessage) (any, error){
	"structs":      structOf,
	"views":        viewText,
	"ids":          idOf,
	"lists":        listOf,
	"blobs":        blobOf,
	"proofs":       proofOf,
	"receipts":     receiptOf,
	"signatures":   signatureOf,
	"evidence":     evidenceOf,
	"logs":         logOf,
	"ledger":       ledgerOf,
	"datasets":     datasetOf,
	"capabilities": capabilityOf,
	"packets":      packetOf,
	"programs":     programOf,
	"queries":      queryOf,
	"splits":       splitOf,
	"quotas":       quotaOf,
	"issuance":     issuanceOf,
	"strictness":   strictnessOf,
	"promotions":   deciding.Promotion,
	"exports":      exportOf,
	"redaction":    redactionOf,
	"imports":      importOf,
	"requests":     credentials.Request,
	"bearers":      credentials.Bearer,
	"tokens":       credentials.Token,
	"frames":       framesOf,
	"cells":        cellsOf,
	"rings":        deciding.Rings,
	"stored":       storedOf,
	"must-reject":  parsed,
}

// refusal is the result for an input that must be refused.
type refusal struct {
	Refused string `json:"refused"`          // the reason, by its name in the specification
	Offset  *int   `json:"offset,omitempty"` // of the fault in encoded bytes
	Path    string `json:"path,omitempty"`   // the field at fault
	Link    *int   `json:"link,omitempty"`   // of a capability chain: 0 is the leaf
}

// Compute returns the output of a vector of a class for an input. An error means that the input is not valid for the
// class; a refusal by the protocol is an output.
func Compute(class string, in json.RawMessage) (json.RawMessage, error) {
	f, ok := classes[class]
	if !ok {
		return nil, fmt.Errorf("%w: class %q is not known", pack.ErrPack, class)
	}
	out, err := f(in)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

// Run checks the files of golden vectors in fsys.
func Run(ctx context.Context, fsys fs.FS, files []string) (pack.Report, error) {
	rep := pack.Report{Pack: "golden vectors", Golden: true}
	type task struct {
		class string
		Vector
	}
	var tasks []task
	for _, name := range files {
		set, err := readSet(fsys, name)
		if err != nil {
			return rep, err
		}
		for _, v := range set.Vectors {
			tasks = append(tasks, task{set.Class, v})
		}
	}
	rep.Results = make([]pack.Result, len(tasks))
	err := par.Each(ctx, len(tasks), 0, func(ctx context.Context, i int) error {
		t := tasks[i]
		r := pack.Result{ID: t.class + "/" + t.ID, Pass: true}
		if err := t.check(t.class); err != nil {
			r.Pass, r.Error = false, err.Error()
		}
		rep.Results[i] = r
		return ctx.Err()
	})
	return rep, err
}

func readSet(fsys fs.FS, name string) (Set, error) {
	var set Set
	st, err := fs.Stat(fsys, name)
	if err != nil {
		return set, err
	}
	if st.Size() > pack.MaxFile {
		return set, fmt.Errorf("%w: %s has %d bytes, at most %d are read", pack.ErrPack, name, st.Size(), pack.MaxFile)
	}
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return set, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&set); err != nil {
		return set, fmt.Errorf("%w: %s: %w", pack.ErrPack, name, err)
	}
	if _, ok := classes[set.Class]; !ok || len(set.Vectors) == 0 {
		return set, fmt.Errorf("%w: %s: class %q is not known, or it has no vectors", pack.ErrPack, name, set.Class)
	}
	return set, nil
}

// check computes the output again and compares it, member by member.
func (v Vector) check(class string) error {
	got, err := Compute(class, v.In)
	if err != nil {
		return err
	}
	want, err := normal(v.Out)
	if err != nil {
		return err
	}
	if got, err = normal(got); err != nil {
		return err
	}
	if bytes.Equal(got, want) {
		return nil
	}
	return fmt.Errorf("computed %s, the vector says %s", abridged(got), abridged(want))
}

// normal rewrites JSON with sorted members; numbers stay as they are written.
func normal(data []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

func abridged(data []byte) string {
	const most = 300
	if len(data) <= most {
		return string(data)
	}
	return string(data[:most]) + "..."
}

// Files lists the files of fsys if it holds golden vectors: JSON files, and no manifest.
func Files(fsys fs.FS) ([]string, error) {
	if _, err := fs.Stat(fsys, "manifest.json"); !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if !e.IsDir() && path.Ext(e.Name()) == ".json" {
			files = append(files, e.Name())
		}
	}
	slices.Sort(files)
	return files, nil
}
