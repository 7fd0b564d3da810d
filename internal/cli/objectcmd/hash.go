package objectcmd

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
)

type hashOptions struct {
	Struct    string
	ChunkSize cmdutil.Size
	List      bool
	Files     []string
}

type hashLine struct {
	Hash object.Hash `json:"hash"`
	File string      `json:"file"`
}

// NewHash is `mythos hash`.
func NewHash(f *cmdutil.Factory) *cobra.Command {
	o := &hashOptions{ChunkSize: merkle.DefaultChunkSize}
	c := &cobra.Command{
		Use:   "hash [--struct NAME] [--chunk-size N] FILE... | hash --list FILE|-",
		Short: "Print a struct's id, a file's blob cid, or the root of a list of hashes",
		Long: "Prints one line \"<hash>  <file>\" per file: with --struct the id of a canonical object, else the cid that `mythos\n" +
			"blob put` would give the file. With --list, it prints the MerkleList root of the hashes in a file, one per line.",
		Example: "  echo hello > hello.txt && mythos hash hello.txt",
		Args:    cmdutil.Args(1, -1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.Files = args
			return runHash(f, o)
		},
	}
	c.Flags().StringVar(&o.Struct, "struct", "", "read the files as canonical bytes of this struct")
	c.Flags().Var(&o.ChunkSize, "chunk-size", "bytes per chunk, such as 4MiB")
	c.Flags().BoolVar(&o.List, "list", false, "read the file as hashes, one per line")
	return f.Returns(c, hashResults)
}

func runHash(f *cmdutil.Factory, o *hashOptions) error {
	s, err := structNamed(o.Struct)
	if err != nil {
		return err
	}
	if o.List && (len(o.Files) != 1 || o.Struct != "") {
		return clierr.Usagef("--list takes one file and no --struct")
	}
	if o.ChunkSize == 0 || o.ChunkSize > merkle.MaxChunkSize {
		return clierr.Usagef("--chunk-size must be 1 byte to 16 MiB")
	}
	for _, name := range o.Files {
		h, err := hashOne(f, o, s, name)
		if err != nil {
			return err
		}
		if err := f.Emit(hashLine{h, name}, func() { printHash(f, o, h, name) }); err != nil {
			return err
		}
	}
	return nil
}

func printHash(f *cmdutil.Factory, o *hashOptions, h object.Hash, name string) {
	if o.List {
		f.IO.Printf("%s\n", h)
		return
	}
	f.IO.Printf("%s  %s\n", h, cmdutil.FileName(name))
}

func hashOne(f *cmdutil.Factory, o *hashOptions, s object.Struct, name string) (object.Hash, error) {
	if s.Type() == nil {
		r, done, err := f.Open(name)
		if err != nil {
			return object.Hash{}, err
		}
		defer done()
		if o.List {
			return hashList(r, name)
		}
		sum, err := merkle.HashBlob(r, uint32(o.ChunkSize))
		if err != nil {
			return object.Hash{}, fmt.Errorf("hash %s: %w", name, err)
		}
		return sum.CID, nil
	}
	raw, err := f.Read(name)
	if err != nil {
		return object.Hash{}, err
	}
	if err := s.Fields(raw); err != nil {
		return object.Hash{}, invalid(name, err)
	}
	return s.Rule.ID(raw)
}

func hashList(r io.Reader, name string) (object.Hash, error) {
	list := merkle.NewListBuilder(merkle.Discard)
	err := cmdutil.LinesOf(name, r, func(n int, line string) error {
		h, err := object.ParseHash(line)
		if err != nil {
			return cmdutil.LineError(name, n, err)
		}
		return list.Add(h)
	})
	if err != nil {
		return object.Hash{}, err
	}
	root, err := list.Finish()
	return root.CID, err
}
