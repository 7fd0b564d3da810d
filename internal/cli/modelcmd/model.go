package modelcmd

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/why"
	"github.com/mythos-project/mythos/object"
)

// NewModel is `mythos model`.
func NewModel(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("model", "Models and the rings they are in", newModelImport(f), newModelLs(f), newModelShow(f), newModelLog(f), newModelExport(f), newModelVerify(f)), modelResults)
}

func newModelLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the models", Example: "  mythos model ls", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runModelLs(c.Context(), f) },
	}
}

func runModelLs(ctx context.Context, f *cmdutil.Factory) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	var ids []object.Hash
	if err := n.Models.Models(ctx, func(id object.Hash, _ *model.ModelRef) error {
		ids = append(ids, id)
		return nil
	}); err != nil {
		return err
	}
	var rows [][]ui.Cell
	for _, id := range ids {
		l, err := why.LineageOf(ctx, n.Models, id)
		if err != nil {
			return err
		}
		rings, parent, trained := "", "", ""
		for _, r := range l.Rings {
			rings += fmt.Sprintf(" ring%d", r)
		}
		if l.Parent != nil {
			parent = f.IO.Hash(l.Parent.String())
		}
		if len(l.Trainings) > 0 {
			trained = l.Trainings[0].Time.Std().UTC().Format("2006-01-02 15:04Z")
		}
		if len(l.Imports) > 0 {
			trained = "imported"
		}
		if f.JSON {
			if err := f.Emit(modelLine{id, l.WeightsCID, rings, l.Parent, len(l.Trainings), len(l.Imports), len(l.Evaluations), len(l.Promotions)}, nil); err != nil {
				return err
			}
		}
		rows = append(rows, []ui.Cell{{Text: f.IO.Hash(id.String()), Meaning: ui.Name}, {Text: trained, Meaning: ui.Dim}, {Text: fmt.Sprint(len(l.Evaluations))},
			{Text: parent, Meaning: ui.Dim}, {Text: rings, Meaning: ui.Good}})
	}
	if !f.JSON {
		f.IO.Table([]string{"model", "trained", "evals", "parent", "rings"}, rows)
	}
	return nil
}

func newModelShow(f *cmdutil.Factory) *cobra.Command {
	d := &cmdutil.Drawing{}
	c := &cobra.Command{
		Use: "show MODEL [--svg]", Short: "Show how a model was trained and measured, and which rings it entered",
		Long: "Shows dataset, recipe, training or import, evaluations, attestations and promotions of the model and of its ancestors.\n" +
			"`mythos why` verifies all that it rests on; `mythos object get` prints the model's own bytes.",
		Example: "  mythos model show @ring0", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runModelShow(c.Context(), f, args[0], d) },
	}
	d.Flags(c)
	return c
}

func runModelShow(ctx context.Context, f *cmdutil.Factory, name string, d *cmdutil.Drawing) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	id, err := f.Resolve(ctx, name)
	if err != nil {
		return err
	}
	if f.JSON && !d.SVG && !d.DOT {
		l, err := why.LineageOf(ctx, n.Models, id)
		if err != nil {
			return err
		}
		return f.Emit(l, nil)
	}
	tree, err := why.LineageTree(ctx, n.Models, id, func(id object.Hash) string { return n.Toolbox.Name(ctx, id) })
	if err != nil {
		return err
	}
	if err := d.Draw(f, tree); err != nil {
		return err
	}
	if path := why.FirstProblem(tree); path != nil {
		return clierr.New(clierr.NotFound, "%s: %s", path[len(path)-1].Label, path[len(path)-1].Problem)
	}
	return nil
}

func newModelLog(f *cmdutil.Factory) *cobra.Command {
	var ring uint8
	c := &cobra.Command{
		Use: "log [--ring N]", Short: "List what entered a ring, newest first", Example: "  mythos model log --ring 0", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			var list []*model.PromotionRecord
			if err := n.Models.Log(c.Context(), ring, func(_ object.Hash, p *model.PromotionRecord) error {
				list = append(list, p)
				return nil
			}); err != nil {
				return err
			}
			slices.Reverse(list)
			var rows [][]ui.Cell
			for _, p := range list {
				if f.JSON {
					if err := f.Emit(lineOf(p), nil); err != nil {
						return err
					}
				}
				rows = append(rows, []ui.Cell{{Text: f.IO.Hash(p.PromotionID.String()), Meaning: ui.Name}, {Text: p.TimeObserved.String(), Meaning: ui.Dim},
					{Text: p.ActionName()}, {Text: f.IO.Hash(p.ModelID.String())}, {Text: p.Signer.Hint}})
			}
			if !f.JSON {
				f.IO.Table([]string{"promotion", "time", "action", "model", "by"}, rows)
			}
			return nil
		},
	}
	c.Flags().Uint8Var(&ring, "ring", 0, "the ring, 0 to 255")
	return c
}

func lineOf(p *model.PromotionRecord) logLine {
	return logLine{p.PromotionID, p.ModelID, p.RingID, p.PolicyID, p.Sequence, p.ActionName(), p.TimeObserved, p.Signer.KeyHex(), p.Reason}
}
