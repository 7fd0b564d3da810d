// Package export writes datasets for training (spec/datasets.md#export): as lines of JSON or as Parquet, split into
// parts and shards, redacted, with a card. No byte of a file depends on time, parallelism or the machine. It also
// derives redacted evidence, from which a dataset is built when the originals must not leave.
package export

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/dataset/redact"
	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// DefaultMaxPayload is the longest captured payload, in bytes, in a line, unless the options say otherwise.
const DefaultMaxPayload = 16 << 20

// Format is how the files of an export are written.
type Format uint8

// The formats.
const (
	JSONL   Format = iota // a row on each line
	Parquet               // tables of one schema for each kind of rows (spec/datasets.md#parquet)
)

// ParseFormat reads "jsonl" or "parquet", which are also the extensions of the files.
func ParseFormat(name string) (Format, error) {
	switch name {
	case "jsonl":
		return JSONL, nil
	case "parquet":
		return Parquet, nil
	}
	return 0, fmt.Errorf("format %q is not known (jsonl, parquet)", name)
}

// String is what ParseFormat reads.
func (f Format) String() string {
	if f == Parquet {
		return "parquet"
	}
	return "jsonl"
}

// media is the media type of the files.
func (f Format) media() string {
	if f == Parquet {
		return "application/x-parquet"
	}
	return "application/jsonlines"
}

// Options say what an export writes.
type Options struct {
	Format      Format
	Split       []SplitPart   // empty: one part, "data"
	Shards      int           // files per part; 0: 1
	SignalRoots []object.Hash // the definition's; nil: every signal
	// Payload finds captured bytes by hash; if it is nil or found is false, lines have only hashes. The bytes are
	// checked against the hash.
	Payload func(ctx context.Context, h object.Hash) (data []byte, found bool, err error)
	// Trace finds the bytes of a trace by its cid, like Payload; nil: lines lack the data from traces of imported
	// evidence.
	Trace func(ctx context.Context, cid object.Hash) (data []byte, found bool, err error)
	// Tool returns the name of a tool; empty if unknown. It may be nil.
	Tool func(ctx context.Context, id object.Hash) string
	// Signal receives each signal from which RowsPreference are made; it may be nil.
	Signal func(id object.Hash)
	// Tree receives each tree that a receipt of an episode names as request or response, several at a time; nil: trees
	// do not count. With it, redacted episodes are refused: ErrRedactedFiles.
	Tree       func(tree, episode object.Hash)
	Rows       Rows          // form of a row
	MaxPayload int           // bytes; 0: DefaultMaxPayload
	Redact     *redact.Rules // nil: no redaction
	Workers    int           // goroutines; 0: one per processor. No byte depends on it
	// Progress, which may be nil, receives the number of episodes, and each one written.
	Progress store.Progress
	// Open makes a file, which is closed when it is complete.
	Open func(name string) (io.WriteCloser, error)
}

// File is one file of an export.
type File struct {
	Name string // such as "train-00000-of-00002.jsonl"
	Part string
	Rows uint64
	Left uint64 // episodes without such a row
	// Why counts the left-out rows by reason [ds-109] [ds-114].
	Why    map[string]uint64
	Bytes  int64
	SHA256 object.Hash
}

// Write writes the episodes of a manifest, ascending by id, into Shards files for every part of the split, and returns
// the files in order. The files depend only on the evidence and the options. Write holds a few lines or, for Parquet, a
// row group of about 32 MiB. It checks payloads against their hashes.
func Write(ctx context.Context, src dataset.Source, manifest object.Hash, o Options) ([]File, error) {
	x, err := newExporter(ctx, src, o)
	if err != nil {
		return nil, err
	}
	if x.meta = map[string]string{"mythos.manifest": manifest.String()}; o.Rows != RowsRaw {
		x.meta["mythos.rows"] = o.Rows.String()
	}
	counts := make([]uint64, len(x.weights))
	strict, err := dataset.ReadCorpus(ctx, src.Nodes(ctx), manifest, func(id object.Hash) error {
		counts[Part(id, x.weights)]++
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if !strict {
		return nil, fmt.Errorf("%s: %w", manifest.Short(), dataset.ErrUnsorted)
	}
	var files []File
	for part := range x.weights {
		if o.Progress != nil {
			o.Progress.Total(int64(counts[part]))
		}
	}
	for part := range x.weights {
		list, err := x.part(ctx, manifest, part, counts[part])
		if err != nil {
			return nil, fmt.Errorf("export: %w", err)
		}
		files = append(files, list...)
	}
	return files, nil
}

type exporter struct {
	src     dataset.Source
	o       Options
	weights []uint64
	visible *query.Visible
	meta    map[string]string // metadata in a Parquet file
	pairs   *pairs            // of RowsPreference, in the current part
}

func newExporter(ctx context.Context, src dataset.Source, o Options) (*exporter, error) {
	if len(o.Split) == 0 {
		o.Split = []SplitPart{{"data", 1}}
	}
	if o.Shards == 0 {
		o.Shards = 1
	}
	if o.MaxPayload == 0 {
		o.MaxPayload = DefaultMaxPayload
	}
	if o.Shards < 0 || o.Shards > 99999 || o.Open == nil {
		return nil, errors.New("export: 1 to 99999 shards and a way to open files are needed")
	}
	x := &exporter{src: src, o: o}
	for _, p := range o.Split {
		x.weights = append(x.weights, p.Weight)
	}
	var err error
	x.visible, err = dataset.Pinned(ctx, src, o.SignalRoots)
	return x, err
}

// part writes the files of one part: shard i of S holds the rows from i*rows/S on.
func (x *exporter) part(ctx context.Context, manifest object.Hash, part int, rows uint64) (files []File, err error) {
	shards, n := uint64(x.o.Shards), uint64(0)
	w := &shardWriter{x: x, part: x.o.Split[part].Name}
	produce := func(ctx context.Context, emit func(object.Hash) error) error {
		return dataset.ReadList(ctx, x.src.Nodes(ctx), manifest, func(id object.Hash) error {
			if Part(id, x.weights) != part {
				return nil
			}
			return emit(id)
		})
	}
	if x.o.Rows == RowsPreference {
		if x.pairs, err = x.findPairs(ctx, produce); err != nil {
			return nil, err
		}
	}
	write := func(r row) error {
		for n >= (w.next)*rows/shards { // its first row is next; empty files come before
			if err := w.open(); err != nil {
				return err
			}
		}
		n++
		if x.o.Progress != nil {
			x.o.Progress.Add(1)
		}
		return w.write(r)
	}
	err = par.Ordered(ctx, par.Limit(x.o.Workers), produce, x.row, write)
	for err == nil && w.next < shards {
		err = w.open()
	}
	return w.files, errors.Join(err, w.close())
}

// row is an episode in the form of a file: lines of text, or rows of a table.
type row struct {
	text  []byte
	rows  uint64   // number in text or table
	left  []string // reasons for left-out rows
	table any      // a list of the row type
	sizes []int    // bytes of each row of the table
}

func (x *exporter) row(ctx context.Context, id object.Hash) (r row, err error) {
	l, err := x.line(ctx, id)
	if err != nil {
		return r, fmt.Errorf("episode %s: %w", id.Short(), err)
	}
	if x.o.Rows == RowsRaw {
		if x.o.Format == Parquet {
			return row{table: []parquetRow{newParquetRow(l)}, sizes: []int{l.size()}, rows: 1}, nil
		}
		text, err := marshalJSON(l)
		return row{text: append(text, '\n'), rows: 1}, err
	}
	list, left, err := x.trainingRows(ctx, l)
	if err != nil {
		return r, err
	}
	if r.left = left; x.o.Format == Parquet {
		r.table, r.sizes, left = tableRows(x.o.Rows, list)
		r.rows, r.left = uint64(len(r.sizes)), append(r.left, left...)
		return r, nil
	}
	for _, t := range list {
		r.text = append(r.text, t.JSON()...)
	}
	r.rows = uint64(len(list))
	return r, nil
}

// shardWriter writes one file after the other.
type shardWriter struct {
	x     *exporter
	part  string
	next  uint64 // number of the next file
	files []File // the last one is open
	out   io.WriteCloser
	buf   *bufio.Writer
	sum   hash.Hash
	table tableWriter // of Parquet
}

func (w *shardWriter) open() (err error) {
	if err := w.close(); err != nil {
		return err
	}
	name := fmt.Sprintf("%s-%05d-of-%05d.%s", w.part, w.next, w.x.o.Shards, w.x.o.Format)
	if w.out, err = w.x.o.Open(name); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	w.next++
	w.sum = sha256.New()
	w.files = append(w.files, File{Name: name, Part: w.part})
	w.buf = bufio.NewWriterSize(w, 256<<10)
	if w.x.o.Format == Parquet {
		w.table = newTableWriter(w.x.o.Rows, w.buf, w.x.meta)
	}
	return nil
}

// Write implements io.Writer; it also counts and hashes.
func (w *shardWriter) Write(data []byte) (int, error) {
	w.files[len(w.files)-1].Bytes += int64(len(data))
	w.sum.Write(data)
	return w.out.Write(data)
}

func (w *shardWriter) write(r row) error {
	f := &w.files[len(w.files)-1]
	if f.Rows += r.rows; r.rows == 0 {
		f.Left++
	}
	for _, why := range r.left {
		if f.Why == nil {
			f.Why = map[string]uint64{}
		}
		f.Why[why]++
	}
	if w.table != nil {
		return w.table.write(r.table, r.sizes)
	}
	_, err := w.buf.Write(r.text)
	return err
}

func (w *shardWriter) close() (err error) {
	if w.out == nil {
		return nil
	}
	if w.table != nil {
		err = w.table.close()
	}
	err = errors.Join(err, w.buf.Flush(), w.out.Close())
	w.out, w.table = nil, nil
	f := &w.files[len(w.files)-1]
	f.SHA256 = object.HashOf([32]byte(w.sum.Sum(nil)))
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	return nil
}

// To writes the episodes of a manifest to w as one part and one shard. It ignores Split, Shards and Open of the
// options.
func To(ctx context.Context, src dataset.Source, manifest object.Hash, w io.Writer, o Options) (File, error) {
	o.Split, o.Shards = nil, 1
	o.Open = func(string) (io.WriteCloser, error) { return nopCloser{w}, nil }
	files, err := Write(ctx, src, manifest, o)
	if err != nil {
		return File{}, err
	}
	return files[0], nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// StorePayload finds captured bytes in a store, for Options.Payload.
func StorePayload(s *store.Store) func(ctx context.Context, h object.Hash) ([]byte, bool, error) {
	return func(ctx context.Context, h object.Hash) ([]byte, bool, error) {
		data, err := s.Bytes(ctx, h)
		if errors.Is(err, store.ErrNotFound) {
			return nil, false, nil
		}
		return data, err == nil, err
	}
}

// marshalJSON is json.Marshal without HTML escaping.
func marshalJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
