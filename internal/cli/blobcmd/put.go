package blobcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
)

type putOptions struct {
	ChunkSize  cmdutil.Size
	Media      string
	Codec      string
	Recipients []string
	PlainHash  bool
	NoSync     bool
	Parents    []string
	Transform  string
	Files      []string
}

type putLine struct {
	CID    object.Hash `json:"cid"`
	Size   uint64      `json:"size"`
	Chunks uint32      `json:"chunks"`
	File   string      `json:"file"`
}

func newPut(f *cmdutil.Factory) *cobra.Command {
	o := &putOptions{ChunkSize: merkle.DefaultChunkSize}
	c := &cobra.Command{
		Use:   "put [flags] FILE|-...",
		Short: "Store files or standard input; prints one cid per line",
		Long: "Stores each file as a blob, and prints its cid when all of its bytes are synced. The cid of a blob of at most 8\n" +
			"KiB is what sha256sum prints; a larger blob is a Merkle DAG over chunks.",
		Example: "  echo hello | mythos blob put -",
		Args:    cmdutil.Args(1, -1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Files = args
			return runPut(c.Context(), f, o)
		},
	}
	flags := c.Flags()
	flags.Var(&o.ChunkSize, "chunk-size", "bytes per chunk, 256KiB to 16MiB")
	cmdutil.TextVar(flags, &o.Media, "media", "media type; guessed from the name by default")
	flags.StringVar(&o.Codec, "codec", "raw", "raw, zstd (seekable, readable by zstd -d) or auto")
	flags.StringArrayVar(&o.Recipients, "encrypt", nil, "age or SSH recipients, one per line (may be repeated), or aes:NAME: a key of this repository")
	flags.BoolVar(&o.PlainHash, "plain-hash", false, "with --encrypt: record the hash of the plain bytes")
	flags.BoolVar(&o.NoSync, "no-sync", false, "do not wait until the bytes are on the disk")
	flags.StringArrayVar(&o.Parents, "parent", nil, "provenance: the blob that this one was made from; may be repeated")
	flags.StringVar(&o.Transform, "transform", "", "provenance: what was done to the parents")
	return c
}

func runPut(ctx context.Context, f *cmdutil.Factory, o *putOptions) error {
	if o.ChunkSize < merkle.MinChunkSize || o.ChunkSize > merkle.MaxChunkSize {
		return clierr.Usagef("--chunk-size %s: expected 256KiB to 16MiB", o.ChunkSize.String())
	}
	codec, err := codecNamed(o.Codec)
	if err != nil {
		return err
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	opts := store.PutOptions{ChunkSize: uint32(o.ChunkSize), Codec: codec, Auto: o.Codec == "auto"}
	if opts.Encrypt, err = encryption(n, o); err != nil {
		return err
	}
	if opts.Provenance, err = provenance(ctx, f, o); err != nil {
		return err
	}
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	bar := f.IO.Bytes("put", totalSize(f, o.Files))
	defer bar.Stop()
	opts.Progress = bar.Add
	batch := n.Store.NewBatch(o.NoSync)
	defer batch.Close()
	lines, err := (&putter{f: f, batch: batch, opts: opts, media: o.Media}).all(ctx, o.Files)
	if err != nil {
		return err
	}
	if err := batch.Commit(ctx); err != nil { // print a cid only after every byte is durable
		return err
	}
	for _, line := range lines {
		if err := f.Emit(line, func() { f.IO.Printf("%s\n", line.CID) }); err != nil {
			return err
		}
	}
	return nil
}

// gcPercent keeps the heap close to the memory in use, which is a few large buffers that cost nothing to scan: 10,000
// small files take 95 MiB instead of 165, and less time, because less memory is allocated.
const gcPercent = 30

// putter puts files into a batch: small ones concurrently, each large one alone, because a single one keeps all
// processors busy and needs several chunks of memory.
type putter struct {
	f     *cmdutil.Factory
	batch *store.Batch
	opts  store.PutOptions
	media string

	large sync.RWMutex // held for writing by the one large file
}

// all returns a line for each file, in their order.
func (p *putter) all(ctx context.Context, names []string) ([]putLine, error) {
	lines := make([]putLine, len(names))
	err := par.Each(ctx, len(names), 0, func(_ context.Context, i int) error { // running files are completed
		ref, err := p.one(ctx, names[i])
		lines[i] = putLine{ref.CID, ref.Size, ref.Chunks, names[i]}
		return err
	})
	return lines, err
}

func (p *putter) one(ctx context.Context, name string) (object.BlobRef, error) {
	r, done, err := p.f.Open(name)
	if err != nil {
		return object.BlobRef{}, err
	}
	defer done()
	size, same := unchanged(name, r)
	if size >= 0 && size <= store.SmallChunk {
		p.large.RLock()
		defer p.large.RUnlock()
	} else {
		p.large.Lock()
		defer p.large.Unlock()
	}
	opts := p.opts
	opts.Media = p.media
	if opts.Media == "" {
		opts.Media = mediaOf(name)
	}
	ref, err := p.batch.PutBlob(ctx, r, opts)
	if err == nil {
		err = same()
	}
	if err != nil {
		return ref, fmt.Errorf("put %s: %w", cmdutil.FileName(name), err)
	}
	return ref, nil
}

// unchanged returns the size of an open file, and a function that tells later whether size and time are unchanged: a
// file that changes during reading would give bytes that it never had. Standard input and files that are not regular
// are read as they are; their size is -1.
func unchanged(name string, r io.Reader) (size int64, same func() error) {
	always := func() error { return nil }
	file, ok := r.(*os.File)
	if !ok || name == "-" {
		return -1, always
	}
	before, err := file.Stat()
	if err != nil || !before.Mode().IsRegular() {
		return -1, always
	}
	return before.Size(), func() error {
		after, err := file.Stat()
		if err == nil && (after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime())) {
			err = clierr.New(clierr.Conflict, "%s %w while it was read", cmdutil.FileName(name), store.ErrChanged).On(name).
				With("put it again, or pipe it in to take it as it comes: `mythos blob put -`")
		}
		return err
	}
}

func provenance(ctx context.Context, f *cmdutil.Factory, o *putOptions) (*object.ProvenanceRef, error) {
	if len(o.Parents) == 0 && o.Transform == "" {
		return nil, nil
	}
	p := &object.ProvenanceRef{Parents: []object.Hash{}, Transform: o.Transform, Params: map[string]string{},
		CodeHash: object.SumText(o.Transform)}
	for _, text := range o.Parents {
		h, err := f.Resolve(ctx, text)
		if err != nil {
			return nil, err
		}
		p.Parents = append(p.Parents, h)
	}
	now := f.Now()
	p.TimeObserved = &now
	return p, nil
}

// aesPrefix marks a recipient as a key of this repository.
const aesPrefix = "aes:"

// encryption reads --encrypt: recipients, or one named key.
func encryption(n *repo.Repo, o *putOptions) (*codec.Encryption, error) {
	if len(o.Recipients) == 0 {
		if o.PlainHash {
			return nil, clierr.Usagef("--plain-hash needs --encrypt: the cid of a blob that is not encrypted already identifies its bytes")
		}
		return nil, nil
	}
	name, named := strings.CutPrefix(strings.TrimSpace(o.Recipients[0]), aesPrefix)
	if !named {
		return &codec.Encryption{Recipients: o.Recipients, PlainHash: o.PlainHash}, nil
	}
	if len(o.Recipients) > 1 {
		return nil, clierr.Usagef("--encrypt %s: give either one key or recipients", o.Recipients[0])
	}
	handle, key, err := n.BlobKey(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, clierr.New(clierr.NotFound, "--encrypt: %w", err).On(name).With("mythos key gen " + name)
	}
	if err != nil {
		return nil, err
	}
	return &codec.Encryption{Key: key, KeyHandle: handle, PlainHash: o.PlainHash}, nil
}

func codecNamed(name string) (uint8, error) {
	switch name {
	case "raw":
		return object.CodecRaw, nil
	case "zstd", "auto":
		return object.CodecZstd, nil
	}
	return 0, clierr.Usagef("--codec %s: expected raw, zstd or auto", name)
}

// mediaOf guesses from the name only, so that the same file gets the same ref on every machine with the same table.
func mediaOf(name string) string {
	if m := mime.TypeByExtension(filepath.Ext(name)); m != "" {
		return m
	}
	return "application/octet-stream"
}

// totalSize is the size of all files; 0 if one of them is a stream or nobody watches the progress.
func totalSize(f *cmdutil.Factory, files []string) int64 {
	if !f.IO.ErrTTY {
		return 0
	}
	var total int64
	for _, name := range files {
		st, err := os.Stat(name)
		if err != nil || !st.Mode().IsRegular() {
			return 0
		}
		total += st.Size()
	}
	return total
}
