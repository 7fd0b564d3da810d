package modelcmd

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/lookup"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/trees"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/weights"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store"
)

type importOptions struct {
	Weights string
	Job     model.ImportJob
	Ref     string
	Caps    []string
}

func newModelImport(f *cmdutil.Factory) *cobra.Command {
	o := &importOptions{}
	c := &cobra.Command{
		Use: "import FILE|DIR|BLOB|TREE [--format NAME] [--source TEXT] [--ref NAME]", Short: "Take in a model that was trained elsewhere; prints its id",
		Long: "Stores the weights, a file or a folder with all that is in it, and makes a model of them. Files named\n" +
			"*.safetensors are checked. The receipt of mythos.model.import says who took in which bytes, and what they say of\n" +
			"their origin; nothing is known of the training, and nothing is made up. The model can be the base of a recipe, can\n" +
			"be evaluated, attested and exported. It enters a ring only if the policy says `imported: true`. A folder may not\n" +
			"have symbolic links; one file has at most 64 MiB, one in a folder any size. An import needs a capability; the\n" +
			"owner of the repository has it, unless the setting require_cap is on.",
		Example: "  mythos model import llama/ --source https://hub.example/llama@8f2c1 --ref base", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Weights = args[0]
			return runModelImport(c.Context(), f, o)
		},
	}
	cmdutil.TextVar(c.Flags(), &o.Job.Source, "source", "where the weights are from, in your words; recorded as your claim")
	cmdutil.TextVar(c.Flags(), &o.Job.Format, "format", "the format of the weights, in the words of the tool that reads them; safetensors by default for files of that name")
	c.Flags().StringVar(&o.Ref, "ref", "", "also point this ref to the model")
	c.Flags().StringArrayVar(&o.Caps, "cap", nil, "the capability to use; may be repeated")
	return c
}

func runModelImport(ctx context.Context, f *cmdutil.Factory, o *importOptions) error {
	if err := o.Job.Check(); err != nil {
		return clierr.Usagef("%w", err)
	}
	if o.Ref != "" {
		if err := lookup.CheckRef(o.Ref); err != nil {
			return err
		}
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	if o.Job.Weights, err = o.weights(ctx, f, n); err != nil {
		return err
	}
	switch o.Job.Weights.Media {
	case tree.Media:
	case weights.SafetensorsMedia:
		o.Job.Format = cmp.Or(o.Job.Format, "safetensors")
	default: // the same bytes give the same model, whatever they were called when they were stored
		o.Job.Weights.Media = model.WeightsMedia
	}
	list, err := f.Chains(ctx, o.Caps)
	if err != nil {
		return err
	}
	res, called, err := n.Learn.Import(ctx, o.Job, list)
	var failed *calls.FailedError
	switch {
	case errors.As(err, &failed):
		return clierr.New(clierr.Invalid, "%w", err).On(o.Weights)
	case err != nil:
		return denied(err, n.Self().KeyHex(), "tool.call:mythos.model.import")
	}
	if o.Ref != "" {
		if err := n.Find.PointRef(ctx, o.Ref, res.Model.ModelID, nil); err != nil {
			return err
		}
	}
	f.IO.Notef("imported, receipt %s; nothing is known of its training", called.ReceiptID.Short())
	return f.Emit(imported{res.Model.ModelID, res.Model.Weights.CID, res.Job.Format, res.Job.Source, called.ReceiptID, called.Replayed},
		func() { f.IO.Printf("%s\n", res.Model.ModelID) })
}

// weights finds the weights: a file or a folder, which it stores, or what is stored already.
func (o *importOptions) weights(ctx context.Context, f *cmdutil.Factory, n *repo.Repo) (ref object.BlobRef, err error) {
	st, err := os.Stat(o.Weights)
	switch {
	case err == nil && st.IsDir():
		return o.folder(ctx, n)
	case err == nil && !st.Mode().IsRegular():
		return ref, clierr.New(clierr.Invalid, "%s is neither a file nor a folder", o.Weights).On(o.Weights)
	case err == nil && st.Size() > store.MaxBytes:
		return ref, clierr.New(clierr.Invalid, "%s has %d bytes: a tool is given weights of at most %d as one file", o.Weights, st.Size(), store.MaxBytes).On(o.Weights).
			With("put it into a folder of its own, and import that: files in a folder have any size")
	case err == nil:
		r, done, err := f.Open(o.Weights)
		if err != nil {
			return ref, err
		}
		defer done()
		media := model.WeightsMedia
		if filepath.Ext(o.Weights) == ".safetensors" {
			media = weights.SafetensorsMedia
		}
		return n.Store.PutBlob(ctx, r, store.PutOptions{Media: media})
	case !errors.Is(err, fs.ErrNotExist):
		return ref, cmdutil.FileError(o.Weights, err)
	}
	id, err := f.Resolve(ctx, o.Weights)
	if err != nil {
		return ref, clierr.New(clierr.NotFound, "%s is neither a file nor a folder, and nothing stored here has that name: %w", o.Weights, err).On(o.Weights)
	}
	return n.Store.BlobRef(ctx, id)
}

// folder stores a folder as it is: nothing is left out.
func (o *importOptions) folder(ctx context.Context, n *repo.Repo) (ref object.BlobRef, err error) {
	got, err := trees.Put(ctx, n.Store, o.Weights, trees.PutOptions{Skip: n.Dir, Now: time.Now()})
	switch {
	case errors.Is(err, trees.ErrKind):
		return ref, clierr.New(clierr.Invalid, "%s: %w", o.Weights, err).On(o.Weights)
	case errors.Is(err, trees.ErrChanging):
		return ref, clierr.New(clierr.Conflict, "%w", err).On(o.Weights)
	case err != nil:
		return ref, cmdutil.FileError(o.Weights, err)
	}
	return n.Store.BlobRef(ctx, got.ID)
}
