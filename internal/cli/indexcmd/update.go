package indexcmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/indexes"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

// Values of --embed-form.
const (
	formBytes = "bytes"
	formJSON  = "json"
)

type updateOptions struct {
	Replace   bool
	Embed     string // tool
	Form      string
	Model     string
	Dim       uint32
	MaxText   cmdutil.Size
	NoVectors bool
}

func newUpdate(f *cmdutil.Factory) *cobra.Command {
	o := &updateOptions{MaxText: 8 << 10}
	c := &cobra.Command{
		Use: "update NAME [CORPUS|DATASET] [--embed TOOL]", Short: "Add episodes to an index, as an effect; prints its state",
		Long: "Without a corpus or dataset, it takes all episodes here. It leaves out episodes whose request was not captured.\n" +
			"If there is no such index, it makes one. `index rollback` undoes the newest update.\n\n" +
			"With --embed, each request also gets a vector: the tool is called once for each text, as an effect with a\n" +
			"receipt. The tool gets the text and answers with the vector's components, as little-endian float32. With\n" +
			"--embed-form json, it is called like an embeddings endpoint, with {\"input\":TEXT,\"model\":MODEL}, and its\n" +
			"data[0].embedding is taken. Later updates keep the embedder.",
		Example: "  mythos index update memory @corpus/train\n" +
			"  mythos tool build wordvec && mythos tool add wordvec --wasm wordvec.wasm --retry-safe\n" +
			"  mythos index update memory --embed wordvec", Args: cmdutil.Args(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			for _, name := range []string{"embed-form", "embed-model", "dimension", "max-text"} {
				if o.Embed == "" && c.Flags().Changed(name) {
					return clierr.Usagef("--%s sets how --embed embeds: give --embed, too", name)
				}
			}
			return runUpdate(c.Context(), f, o, args)
		},
	}
	c.Flags().BoolVar(&o.Replace, "replace", false, "hold only these episodes, instead of adding them")
	c.Flags().StringVar(&o.Embed, "embed", "", "the tool that embeds the requests")
	c.Flags().StringVar(&o.Form, "embed-form", formBytes, "the form of its input and answer: bytes or json")
	c.Flags().StringVar(&o.Model, "embed-model", "", "the model to ask for, with --embed-form json")
	c.Flags().Uint32Var(&o.Dim, "dimension", 256, "the dimension of its vectors; any other is refused")
	c.Flags().Var(&o.MaxText, "max-text", "how much of a request to embed")
	c.Flags().BoolVar(&o.NoVectors, "no-vectors", false, "drop the vectors")
	c.MarkFlagsMutuallyExclusive("embed", "no-vectors")
	return c
}

func runUpdate(ctx context.Context, f *cmdutil.Factory, o *updateOptions, args []string) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	change := indexes.Change{Replace: o.Replace, Bare: o.NoVectors}
	if change.Embedder, err = o.embedder(ctx, n); err != nil {
		return err
	}
	if change.Add, err = listOf(ctx, f, n, args[1:]); err != nil {
		return err
	}
	stop := func() {}
	defer func() { stop() }()
	s, called, err := n.Indexes.Update(ctx, args[0], change, func(texts int) func() {
		bar := f.IO.Count("embed", int64(texts))
		stop = bar.Stop
		return func() { bar.Add(1) }
	})
	if err != nil {
		return embedFailed(err)
	}
	return emit(f, s, called)
}

// embedder is the embedder in the flags; nil: none.
func (o *updateOptions) embedder(ctx context.Context, n *repo.Repo) (*model.Embedder, error) {
	if o.Embed == "" {
		return nil, nil
	}
	t, err := n.Toolbox.Find(ctx, o.Embed)
	if err != nil {
		return nil, err
	}
	e := &model.Embedder{Tool: t.ID, Form: model.EmbedBytes, Dimension: o.Dim, MaxText: uint32(min(uint64(o.MaxText), 1<<32-1))}
	switch o.Form {
	case formBytes:
	case formJSON:
		e.Form = model.EmbedJSON
	default:
		return nil, clierr.Usagef("--embed-form must be bytes or json")
	}
	if o.Model != "" {
		e.Model = &o.Model
	}
	if err := e.Check(); err != nil {
		return nil, clierr.Usagef("--embed: %w", err)
	}
	return e, nil
}

// embedFailed maps a tool's failure to embed to the exit code for failed tools.
func embedFailed(err error) error {
	if errors.Is(err, model.ErrEmbedding) {
		return clierr.New(clierr.Tool, "%w", err)
	}
	return err
}

func newVerify(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "verify NAME", Short: "Check each vector of an index against the receipt that signs it",
		Long: "For each episode, a receipt of the embedder's tool for this request must sign a vector of the right dimension,\n" +
			"and the searched file must hold what the receipts give. `mythos fsck` also checks this, for all indexes.",
		Example: "  mythos index verify memory", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runVerify(c.Context(), f, args[0]) },
	}
}

func runVerify(ctx context.Context, f *cmdutil.Factory, name string) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	var first error
	done, err := n.Indexes.Verify(ctx, name, func(id object.Hash, err error) {
		if !id.IsZero() {
			err = fmt.Errorf("episode %s: %w", id.Short(), err)
		}
		if first == nil {
			first = err
		}
		f.IO.Notef("index %s: %v", name, err)
	})
	if err != nil {
		return err
	}
	if first != nil {
		return clierr.New(clierr.Invalid, "index %s: %s wrong: %w", name, units.Count(done.Faults, "vector is", "vectors are"), first).On(name)
	}
	s := done.State
	return f.Emit(verified{name, s.StateID, s.Count, s.Vectors != nil, done.Exact, int64(done.Recall * 1e6)}, func() {
		switch {
		case s.Vectors == nil:
			f.IO.Printf("ok, without vectors\n")
		case done.Exact:
			f.IO.Printf("ok: %s\n", units.Count(s.Count, "vector"))
		default:
			f.IO.Printf("ok: %s, searched with a measured recall of %.3f\n", units.Count(s.Count, "vector"), done.Recall)
		}
	})
}
