package treecmd

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/trees"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
)

type putOptions struct {
	Source  string
	Ignore  string
	NoCache bool
}

// putLine is the output of `tree put --json`.
type putLine struct {
	Tree    object.Hash `json:"tree"`
	Files   uint64      `json:"files"`   // and links
	Size    uint64      `json:"size"`    // bytes of all files
	Read    uint64      `json:"read"`    // files that were read
	Ignored uint64      `json:"ignored"` // files and folders excluded by patterns
}

func newPut(f *cmdutil.Factory) *cobra.Command {
	o := &putOptions{}
	c := &cobra.Command{
		Use:   "put DIR|TAR|-",
		Short: "Store a folder or a tar archive; prints the tree's id",
		Long: "Stores names, bytes, executable bits, symbolic links and empty folders; times and owners are not part of a tree.\n" +
			"The same folder has the same id on every machine. A cache in the repository remembers each file: a file with the\n" +
			"same size, times and inode is not read again. Files named .mythosignore hold patterns of what to leave out, as\n" +
			"in gitignore(5). The repository itself is left out. A socket, a pipe or a device is refused. `mythos blob rm`\n" +
			"forgets a tree, as it does a blob.",
		Example: "  mkdir -p data && echo hello > data/a.txt && mythos tree put data",
		Args:    cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Source = args[0]
			return runPut(c.Context(), f, o)
		},
	}
	c.Flags().StringVar(&o.Ignore, "ignore-file", ".mythosignore", "the name of the pattern files, such as .gitignore; empty: there are none")
	c.Flags().BoolVar(&o.NoCache, "no-cache", false, "read every file")
	return c
}

func runPut(ctx context.Context, f *cmdutil.Factory, o *putOptions) error {
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	folder := false
	if o.Source != "-" {
		var err error
		if folder, err = trees.IsFolder(o.Source); err != nil {
			return cmdutil.FileError(o.Source, err)
		}
	}
	put := putTar
	if folder {
		put = putFolder
	}
	got, err := put(ctx, f, o)
	if err != nil {
		return explain(o.Source, err)
	}
	line := putLine{got.ID, got.Files, got.Size, got.Read, got.Ignored}
	f.IO.Notef("%s, %d bytes; %d read, %d ignored", units.Count(int(line.Files), "file"), line.Size, line.Read, line.Ignored)
	return f.Emit(line, func() { f.IO.Printf("%s\n", line.Tree) })
}

// gcPercent keeps the heap close to the memory in use, which is mostly buffers.
const gcPercent = 50

func putFolder(ctx context.Context, f *cmdutil.Factory, o *putOptions) (trees.Stored, error) {
	n, err := f.Repo(ctx)
	if err != nil {
		return trees.Stored{}, err
	}
	opts := trees.PutOptions{Ignore: o.Ignore, Skip: n.Dir, Now: time.Now()}
	if opts.Ignore != "" && tree.CheckName([]byte(opts.Ignore)) != nil {
		return trees.Stored{}, clierr.Usagef("--ignore-file %s: expected a name without slashes", opts.Ignore)
	}
	if !o.NoCache {
		if opts.Cache, err = trees.CacheName(filepath.Join(n.Dir, "cache", "trees"), o.Source); err != nil {
			return trees.Stored{}, err
		}
	}
	bar := f.IO.Bytes("put", 0)
	defer bar.Stop()
	opts.Progress = func(total, done int64) {
		bar.Total(total)
		bar.Add(done)
	}
	return trees.Put(ctx, n.Store, o.Source, opts)
}

func putTar(ctx context.Context, f *cmdutil.Factory, o *putOptions) (trees.Stored, error) {
	r, done, err := f.Open(o.Source)
	if err != nil {
		return trees.Stored{}, err
	}
	defer done()
	n, err := f.Repo(ctx)
	if err != nil {
		return trees.Stored{}, err
	}
	return trees.PutTar(ctx, n.Store, r)
}

// explain gives the errors of trees their exit codes.
func explain(source string, err error) error {
	var path *fs.PathError
	switch {
	case errors.Is(err, trees.ErrChanging):
		return clierr.New(clierr.Conflict, "%w", err).On(source)
	case errors.Is(err, trees.ErrKind), errors.Is(err, trees.ErrPatterns), errors.Is(err, trees.ErrArchive):
		return clierr.New(clierr.Invalid, "%s: %w", cmdutil.FileName(source), err).On(source)
	case errors.Is(err, tree.ErrTree), errors.Is(err, tree.ErrNoEntry):
		return clierr.New(codeOf(err), "%w", err).On(source)
	case errors.Is(err, fs.ErrExist):
		return clierr.New(clierr.Conflict, "%w", err).On(source).With("name a place where nothing exists")
	case errors.As(err, &path):
		return cmdutil.FileError(source, err)
	}
	return err
}

// codeOf is the exit code for a fault of a tree.
func codeOf(err error) int {
	switch {
	case errors.Is(err, tree.ErrTree):
		return clierr.Invalid
	case errors.Is(err, tree.ErrNoEntry):
		return clierr.NotFound
	}
	return clierr.Usage
}
