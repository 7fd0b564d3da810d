package datasets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/dataset/redact"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
)

// Export says what is exported, and how.
type Export struct {
	Dataset  object.Hash // its DatasetRef, or its manifest
	Format   export.Format
	Split    string // as [export.ParseSplit] reads it; empty: one part
	Shards   int
	Rows     export.Rows
	Payloads bool // the captured requests and responses, not only their hashes
	Card     bool // README.md and croissant.json beside the files
	// WithFiles unpacks each tree that a receipt names as request or response.
	WithFiles bool
	// Signals is the list of the visible signals; zero: what the definition says.
	Signals object.Hash
	// Redact says how payloads are redacted; nil: not at all, unless the policy says so.
	Redact *redact.Rules
	Caps   []caps.Chain // the authority; nil: the held capabilities, or the owner's own
	Open   func(name string) (io.WriteCloser, error)
	// Folder makes an empty folder among the files, and returns its path.
	Folder func(name string) (string, error)
	// Progress is told how far the export has come; nil: nobody is told.
	Progress store.Progress
}

// exportRequest is the request of the effect dataset.export: JSON, so that the constraints of a capability can refer to
// its members, for example eq:/redaction=ID.
type exportRequest struct {
	Manifest     object.Hash `json:"manifest"`
	Definition   object.Hash `json:"dataset_def_id"`
	Format       string      `json:"format"`
	Rows         string      `json:"rows"`
	Split        string      `json:"split"`
	Shards       int         `json:"shards"`
	Payloads     bool        `json:"payloads"`
	Card         bool        `json:"card"`
	WithFiles    bool        `json:"with_files"`
	Signals      string      `json:"signals"`       // root of the list of the visible signals; empty: what the definition says
	Redaction    string      `json:"redaction"`     // id of the rules; empty: none
	RedactionKey string      `json:"redaction_key"` // id of the key
}

// ExportedFile is one file in the response of dataset.export, or a tree: its sha256 is its id.
type ExportedFile struct {
	Name   string            `json:"name"`
	Part   string            `json:"part,omitempty"`
	Rows   uint64            `json:"rows"`
	Left   uint64            `json:"left_out,omitempty"`     // episodes that gave no such row
	Why    map[string]uint64 `json:"left_out_for,omitempty"` // how often rows were left out, by the reason
	Bytes  int64             `json:"bytes"`
	SHA256 object.Hash       `json:"sha256"`
}

// Exported is what an export wrote.
type Exported struct {
	Files   []ExportedFile
	Receipt object.Hash
	Signals object.Hash // the list of the signals that the pairs were made from; zero: the request names it
}

// Export writes the files of a dataset as the effect dataset.export. Its receipt names what was exported: the request,
// and the hash of every file.
func (d *Datasets) Export(ctx context.Context, e Export) (*Exported, error) {
	if e.Redact == nil {
		var err error
		if e.Redact, err = d.Episodes.PolicyRedaction(); err != nil {
			return nil, err
		}
	}
	ref, _, err := d.Ref(ctx, e.Dataset)
	if err != nil {
		return nil, err
	}
	q := exportRequest{Manifest: ref.Manifest.CID, Definition: ref.DatasetDefID, Format: e.Format.String(), Rows: e.Rows.String(), Split: e.Split, Shards: max(e.Shards, 1), Payloads: e.Payloads, Card: e.Card, WithFiles: e.WithFiles}
	if !e.Signals.IsZero() {
		q.Signals = e.Signals.String()
	}
	if e.Redact != nil {
		q.Redaction, q.RedactionKey = e.Redact.ID().String(), e.Redact.KeyID()
	}
	request, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	chains, err := d.Auth.ForTool(ctx, effectExport, request, e.Caps)
	if err != nil {
		return nil, err
	}
	to := &destination{ref: ref, open: e.Open, folder: e.Folder, redact: e.Redact, progress: e.Progress}
	called, err := d.Caller.Builtin(ctx, effectExport, calls.Spec{Request: request, Caps: chains, Manner: exec.Manner{Local: to}})
	if called != nil && called.Cause != nil {
		return nil, called.Cause
	}
	if err != nil {
		return nil, err
	}
	x := &Exported{Receipt: called.ReceiptID, Signals: to.seen}
	return x, json.Unmarshal(called.Body, &x.Files)
}

// destination holds what the request of an export names only by its hash, or cannot name: where the files go, how the
// dataset was made, the redaction rules and their key.
type destination struct {
	ref      *dataset.DatasetRef
	open     func(name string) (io.WriteCloser, error)
	folder   func(name string) (string, error)
	redact   *redact.Rules
	progress store.Progress
	seen     object.Hash // set by the export: the list of signals, as in Exported
}

// runExport is the built-in effect dataset.export. It runs only for Export here.
func (d *Datasets) runExport(ctx context.Context, call exec.Call) (exec.Response, error) {
	to, ok := call.Local.(*destination)
	if !ok {
		return exec.Failed(errors.New("an export goes to files of the machine that asks for it: use dataset export there")), nil
	}
	q, err := openExport(call.Request, to)
	if err != nil {
		return exec.Failed(err), nil
	}
	files, err := d.export(ctx, q, to)
	if err != nil {
		return exec.Failed(err), nil
	}
	evidence := []object.Hash{q.Manifest}
	if !to.seen.IsZero() {
		evidence = append(evidence, to.seen)
	}
	body, err := json.Marshal(files)
	return exec.Response{Body: body, Status: exec.StatusOK, Evidence: evidence}, err
}

// openExport reads a request. Its dataset and redaction must be those of the destination.
func openExport(request []byte, to *destination) (*exportRequest, error) {
	q := &exportRequest{}
	if err := jsontext.Unmarshal(request, q); err != nil {
		return nil, fmt.Errorf("dataset.export: %w", err)
	}
	rules, key := "", ""
	if r := to.redact; r != nil {
		rules, key = r.ID().String(), r.KeyID()
	}
	if q.Redaction != rules || q.RedactionKey != key {
		return nil, errors.New("dataset.export: the request names other redaction rules than those that are applied")
	}
	if q.Manifest != to.ref.Manifest.CID || q.Definition != to.ref.DatasetDefID {
		return nil, errors.New("dataset.export: the request names another dataset than the one that is exported")
	}
	return q, nil
}

// exportOptions returns the options of package dataset for a request.
func (d *Datasets) exportOptions(q *exportRequest, to *destination) (o export.Options, err error) {
	o = export.Options{Shards: q.Shards, Redact: to.redact, Open: to.open, Progress: to.progress, Tool: d.knownTools()}
	if o.Format, err = export.ParseFormat(q.Format); err != nil {
		return o, err
	}
	if o.Rows, err = export.ParseRows(q.Rows); err != nil {
		return o, err
	}
	if q.Payloads {
		o.Payload = export.StorePayload(d.Store)
		o.Trace = d.trace
	}
	if q.Split != "" {
		o.Split, err = export.ParseSplit(q.Split)
	}
	return o, err
}

// export writes the files, and stores the list of the signals that pairs were made from if nothing else names them
// [ds-110].
func (d *Datasets) export(ctx context.Context, q *exportRequest, to *destination) (out []ExportedFile, err error) {
	if err := d.Episodes.MayLeave(to.redact); err != nil {
		return nil, err
	}
	def, err := d.Def(ctx, q.Definition)
	if err != nil {
		return nil, err
	}
	o, err := d.exportOptions(q, to)
	if err != nil {
		return nil, err
	}
	if o.SignalRoots, err = signalsOf(def, q.Signals); err != nil {
		return nil, err
	}
	var signals []object.Hash
	if o.Rows == export.RowsPreference && o.SignalRoots == nil {
		o.Signal = func(id object.Hash) { signals = append(signals, id) }
	}
	named := &namedTrees{by: map[object.Hash]object.Hash{}}
	if q.WithFiles {
		o.Tree = named.add
	}
	files, err := export.Write(ctx, d.Source, q.Manifest, o)
	if err != nil {
		return nil, err
	}
	trees, err := d.unpack(ctx, named, to)
	if err != nil {
		return nil, err
	}
	if o.Signal != nil {
		list, _, err := dataset.Snapshot(ctx, d.Store, dataset.MediaSignals, signals)
		if err != nil {
			return nil, err
		}
		to.seen = list.CID
	}
	for _, f := range files {
		out = append(out, ExportedFile(f))
	}
	for _, t := range trees {
		out = append(out, ExportedFile{Name: t.Name(), Bytes: int64(t.Bytes), SHA256: t.ID})
	}
	if !q.Card {
		return out, nil
	}
	cards, err := d.cards(ctx, export.Card{Def: def, Ref: to.ref, Files: files, Trees: trees, Rows: o.Rows, Format: o.Format, Redaction: to.redact}, to.open)
	return append(out, cards...), err
}

// signalsOf returns the lists of signals that an export sees; nil: every signal.
func signalsOf(def *dataset.DatasetDef, root string) ([]object.Hash, error) {
	switch {
	case root == "":
		return def.SignalRoots, nil
	case def.SignalRoots != nil:
		return nil, errors.New("dataset.export: the definition names its signals: an export of it sees no others")
	}
	id, err := object.ParseHash(root)
	return []object.Hash{id}, err
}

// cards writes the files that describe the others.
func (d *Datasets) cards(ctx context.Context, c export.Card, open func(name string) (io.WriteCloser, error)) (out []ExportedFile, err error) {
	built, err := d.Source.Receipt(ctx, c.Ref.BuildReceiptID)
	switch {
	case err == nil:
		c.Builder, c.Built = built.Signer, built.TimeObserved
	case !errors.Is(err, store.ErrNotFound):
		return nil, err
	}
	for _, file := range []struct {
		name string
		text func() ([]byte, error)
	}{{CardName, c.Markdown}, {CroissantName, c.Croissant}} {
		text, err := file.text()
		if err != nil {
			return nil, err
		}
		if err := writeAll(open, file.name, text); err != nil {
			return nil, err
		}
		out = append(out, ExportedFile{Name: file.name, Bytes: int64(len(text)), SHA256: object.Sum(text)})
	}
	return out, nil
}

// knownTools returns a function that names the tools that are known here, and returns empty for others. It looks up
// each tool once, since most receipts are of few tools.
func (d *Datasets) knownTools() func(ctx context.Context, id object.Hash) string {
	var names sync.Map // text by hash
	return func(ctx context.Context, id object.Hash) string {
		if name, ok := names.Load(id); ok {
			return name.(string)
		}
		name := d.Toolbox.Name(ctx, id)
		if name == id.Short() {
			name = ""
		}
		names.Store(id, name)
		return name
	}
}

// maxTrace is the largest trace of imported evidence that is read, in bytes.
const maxTrace = 256 << 20

// trace reads a stored trace.
func (d *Datasets) trace(ctx context.Context, cid object.Hash) ([]byte, bool, error) {
	b, err := d.Store.OpenBlob(ctx, cid, codec.Keys{})
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer b.Close() //nolint:errcheck // it was read
	size, err := b.Size(ctx)
	if err != nil {
		return nil, false, err
	}
	if size > maxTrace {
		return nil, false, fmt.Errorf("trace %s: longer than %d bytes", cid.Short(), maxTrace)
	}
	var data bytes.Buffer
	err = b.Copy(ctx, &data)
	return data.Bytes(), err == nil, err
}

// The files that describe the others, under the names that dataset loaders and catalogs look for.
const (
	CardName      = "README.md"
	CroissantName = "croissant.json"
)

func writeAll(open func(string) (io.WriteCloser, error), name string, data []byte) error {
	w, err := open(name)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return errors.Join(err, w.Close())
}
