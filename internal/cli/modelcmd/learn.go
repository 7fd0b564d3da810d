package modelcmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

// denied adds the command that would allow what was refused.
func denied(err error, self, scope string) error {
	if errors.Is(err, caps.ErrDenied) {
		return clierr.New(clierr.Refused, "%w", err).With("mythos cap issue --to " + self + " --scope " + scope + " --ttl 1h")
	}
	return err
}

// NewTrain is `mythos train`.
func NewTrain(f *cmdutil.Factory) *cobra.Command {
	var with []string
	var ref string
	c := &cobra.Command{
		Use: "train RECIPE DATASET [--cap CAP]... [--ref NAME]", Short: "Train a model as an effect; prints its id",
		Example: "  mythos train @recipe @train", Args: cmdutil.Args(2, 2),
		RunE: func(c *cobra.Command, args []string) error { return runTrain(c.Context(), f, args, with, ref) },
	}
	c.Flags().StringArrayVar(&with, "cap", nil, "the capability to use; may be repeated")
	c.Flags().StringVar(&ref, "ref", "", "also point this ref to the model")
	return c
}

func runTrain(ctx context.Context, f *cmdutil.Factory, args, with []string, name string) error {
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	recipe, err := f.Resolve(ctx, args[0])
	if err != nil {
		return err
	}
	manifest, err := f.Resolve(ctx, args[1])
	if err != nil {
		return err
	}
	ds, _, err := n.DatasetRef(ctx, manifest)
	if err != nil {
		return err
	}
	list, err := f.Chains(ctx, with)
	if err != nil {
		return err
	}
	res, called, err := n.Train(ctx, recipe, ds, list)
	if err != nil {
		return denied(err, n.Self().KeyHex(), "train.run:"+recipe.String()+",jobs=1")
	}
	if name != "" {
		if err := n.Store.SetRef(ctx, name, res.Model.ModelID, nil); err != nil {
			return err
		}
	}
	f.IO.Notef("trained on %d examples, receipt %s", res.Examples, called.ReceiptID.Short())
	return f.Emit(map[string]any{"model": res.Model.ModelID, "examples": res.Examples, "metrics": res.Metrics, "receipt": called.ReceiptID,
		"replayed": called.Replayed}, func() { f.IO.Printf("%s\n", res.Model.ModelID) })
}

// NewEval is `mythos eval`.
func NewEval(f *cmdutil.Factory) *cobra.Command {
	var with []string
	c := &cobra.Command{
		Use: "eval MODEL SUITE [--cap CAP]...", Short: "Measure a model as an effect; prints the receipt",
		Example: "  mythos eval @model @suite", Args: cmdutil.Args(2, 2),
		RunE: func(c *cobra.Command, args []string) error { return runEval(c.Context(), f, args, with) },
	}
	c.Flags().StringArrayVar(&with, "cap", nil, "the capability to use; may be repeated")
	return c
}

func runEval(ctx context.Context, f *cmdutil.Factory, args, with []string) error {
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	m, err := f.Resolve(ctx, args[0])
	if err != nil {
		return err
	}
	suite, err := f.Resolve(ctx, args[1])
	if err != nil {
		return err
	}
	list, err := f.Chains(ctx, with)
	if err != nil {
		return err
	}
	res, called, err := n.Eval(ctx, m, suite, list)
	if err != nil {
		return denied(err, n.Self().KeyHex(), "eval.run:"+suite.String()+",runs=1")
	}
	for name, v := range res.Metrics {
		f.IO.Debugf("%s %d", name, v)
	}
	return f.Emit(map[string]any{"model": m, "suite": suite, "examples": res.Examples, "metrics": res.Metrics, "receipt": called.ReceiptID}, func() {
		f.IO.Printf("%s\n", called.ReceiptID)
	})
}

// NewAttest is `mythos attest`.
func NewAttest(f *cmdutil.Factory) *cobra.Command {
	var policy, notes string
	var against bool
	c := &cobra.Command{
		Use: "attest RECEIPT | attest MODEL --policy P", Short: "Attest an evaluation, or sign a model off under a policy",
		Long: "With the receipt of an evaluation: validates it, runs the evaluation again and issues EvalMetric and EvalPass\n" +
			"under this repository's key. With a model and a policy: signs off (or with --object, refuses to).",
		Example: "  mythos attest @model --policy @policy", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if policy != "" {
				return runSignOff(c.Context(), f, args[0], policy, against, notes)
			}
			return runVouch(c.Context(), f, args[0])
		},
	}
	c.Flags().StringVar(&policy, "policy", "", "sign the model off under this policy")
	c.Flags().BoolVar(&against, "object", false, "with --policy: object to the model instead")
	c.Flags().StringVar(&notes, "notes", "", "why, for those who read it")
	return c
}

func runVouch(ctx context.Context, f *cmdutil.Factory, receipt string) error {
	id, err := f.Resolve(ctx, receipt)
	if err != nil {
		return err
	}
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	v, err := n.Models().Vouch(ctx, n.Key, id, n.Reevaluate)
	if err != nil {
		return err
	}
	return f.Emit(map[string]any{"report": v.Report, "metric": v.Metric, "pass": v.Pass, "result": v.Result, "metrics": v.Values}, func() {
		f.IO.Printf("%s\n%s\n", v.Metric, v.Pass)
	})
}

func runSignOff(ctx context.Context, f *cmdutil.Factory, m, policy string, against bool, notes string) error {
	mid, err := f.Resolve(ctx, m)
	if err != nil {
		return err
	}
	pid, err := f.Resolve(ctx, policy)
	if err != nil {
		return err
	}
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	var result uint16
	if against {
		result = 1
	}
	id, err := n.Models().SignOff(ctx, n.Key, mid, pid, result, notes)
	if err != nil {
		return err
	}
	return f.Emit(map[string]any{"attestation": id}, func() { f.IO.Printf("%s\n", id) })
}
