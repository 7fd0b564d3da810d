package modelcmd

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/learn"
	"github.com/mythos-project/mythos/internal/lookup"
	"github.com/mythos-project/mythos/internal/remedy"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/train"
	"github.com/mythos-project/mythos/object"
)

// denied adds the command that would allow the action to a refusal.
func denied(err error, self, scope string) error {
	if errors.Is(err, caps.ErrDenied) {
		return clierr.New(clierr.Refused, "%w", err).With(remedy.For(err, remedy.Issue(self, scope, "1h")))
	}
	return err
}

// jobOptions are the common options of train and eval.
type jobOptions struct {
	Caps    []string
	Attempt learn.Repeat
}

func (o *jobOptions) flags(c *cobra.Command) {
	c.Flags().StringArrayVar(&o.Caps, "cap", nil, "the capability to use; may be repeated")
	c.Flags().StringVar(&o.Attempt.Name, "attempt", "", "a name that makes this job different from an equal one before")
	c.Flags().BoolVar(&o.Attempt.Retry, "retry", false, "run it again if it failed; the tool must be registered as --retry-safe")
}

type trainOptions struct {
	jobOptions
	Recipe, Dataset string
	Ref             string
	MaxTokens       uint64
	MaxGPU          cmdutil.Duration
}

// NewTrain is `mythos train`.
func NewTrain(f *cmdutil.Factory) *cobra.Command {
	o := &trainOptions{}
	c := &cobra.Command{
		Use: "train RECIPE DATASET [--cap CAP]... [--ref NAME]", Short: "Train a model as an effect; prints its id",
		Long: "The same recipe and dataset give the recorded outcome again, even a failure; --retry runs a failed training\n" +
			"again. After an interrupt or a kill, run the same command to continue. A training is charged once, unless it was\n" +
			"killed just between the charge and the record of it.",
		Example: "  mythos train @recipe @train", Args: cmdutil.Args(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			o.Recipe, o.Dataset = args[0], args[1]
			spec := learn.TrainSpec{Attempt: o.Attempt}
			if c.Flags().Changed("max-tokens") {
				spec.MaxTokens = &o.MaxTokens
			}
			if c.Flags().Changed("max-gpu") {
				ms := uint64(time.Duration(o.MaxGPU).Milliseconds())
				spec.MaxGPUms = &ms
			}
			return runTrain(c.Context(), f, o, spec)
		},
	}
	o.flags(c)
	c.Flags().StringVar(&o.Ref, "ref", "", "also point this ref to the model")
	c.Flags().Uint64Var(&o.MaxTokens, "max-tokens", 0, "most tokens that the tool may report; what the capability allows by default")
	c.Flags().Var(&o.MaxGPU, "max-gpu", "most GPU time that the tool may report; what the capability allows by default")
	return f.Returns(c, trainResults)
}

func runTrain(ctx context.Context, f *cmdutil.Factory, o *trainOptions, spec learn.TrainSpec) error {
	if o.Ref != "" {
		if err := lookup.CheckRef(o.Ref); err != nil {
			return err
		}
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	if spec.Recipe, err = f.Resolve(ctx, o.Recipe); err != nil {
		return err
	}
	manifest, err := f.Resolve(ctx, o.Dataset)
	if err != nil {
		return err
	}
	if spec.Dataset, _, err = n.Datasets.Ref(ctx, manifest); err != nil {
		return err
	}
	if spec.Caps, err = f.Chains(ctx, o.Caps); err != nil {
		return err
	}
	var done func()
	spec.Manner, done = watch(f, "train")
	res, called, err := n.Learn.Train(ctx, spec)
	done()
	var failed *calls.FailedError
	switch {
	case err == nil:
		f.Lineage(n).Trained(ctx, spec.Recipe, spec.Dataset, res.Model.ModelID, called.ReceiptID)
	case errors.As(err, &failed):
		f.Lineage(n).Trained(ctx, spec.Recipe, spec.Dataset, object.Hash{}, failed.Receipt)
	}
	if err != nil {
		if less := lessBudget(err, spec); less != "" {
			return clierr.New(clierr.Refused, "%w", err).With(less)
		}
		return jobError(err, n.Self().KeyHex(), "train.run:"+spec.Recipe.String()+",jobs=1")
	}
	if o.Ref != "" {
		if err := n.Find.PointRef(ctx, o.Ref, res.Model.ModelID, nil); err != nil {
			return err
		}
	}
	f.IO.Notef("trained on %s, receipt %s", units.Count(res.Examples, "example"), called.ReceiptID.Short())
	return f.Emit(trained{res.Model.ModelID, res.Examples, res.Tokens, res.GPUms, res.Metrics,
		called.ReceiptID, called.Replayed}, func() { f.IO.Printf("%s\n", res.Model.ModelID) })
}

// lessBudget says how to ask for less, if a training was refused because it asked for all that its capability allows.
func lessBudget(err error, s learn.TrainSpec) string {
	var d *caps.DeniedError
	if !errors.As(err, &d) || d.Check != caps.CheckQuota {
		return ""
	}
	for _, of := range []struct {
		what scope.Resource
		flag string
		said bool
	}{{scope.Tokens, "--max-tokens N", s.MaxTokens != nil}, {scope.GPUms, "--max-gpu D", s.MaxGPUms != nil}} {
		if !of.said && strings.Contains(d.Reason, " "+string(of.what)+",") {
			return of.flag + " asks for less than all that the capability allows, which is the budget without it"
		}
	}
	return ""
}

// jobError adds the remedy.
func jobError(err error, self, scope string) error {
	var failed *calls.FailedError
	switch {
	case errors.Is(err, learn.ErrNoRetry):
		return clierr.New(clierr.Refused, "%w", err).With("--attempt NAME asks for another job")
	case errors.As(err, &failed) && failed.Replayed:
		return clierr.New(codeOf(failed), "%w", err).On(failed.Receipt.String()).With("--retry runs it again")
	case errors.As(err, &failed):
		return clierr.New(codeOf(failed), "%w", err).On(failed.Receipt.String())
	case errors.Is(err, context.Canceled):
		return clierr.New(clierr.Failed, "%w", err).With("run the same command to continue")
	}
	return denied(err, self, scope)
}

func codeOf(e *calls.FailedError) int {
	if errors.Is(e, train.ErrBudget) || errors.Is(e, model.ErrRefused) {
		return clierr.Refused
	}
	return clierr.Tool
}

// NewEval is `mythos eval`.
func NewEval(f *cmdutil.Factory) *cobra.Command {
	o := &jobOptions{}
	c := &cobra.Command{
		Use: "eval MODEL SUITE [--cap CAP]...", Short: "Measure a model as an effect; prints the receipt",
		Example: "  mythos eval @model @suite", Args: cmdutil.Args(2, 2),
		RunE: func(c *cobra.Command, args []string) error { return runEval(c.Context(), f, args, o) },
	}
	o.flags(c)
	return f.Returns(c, evalResults)
}

func runEval(ctx context.Context, f *cmdutil.Factory, args []string, o *jobOptions) error {
	n, err := f.Repo(ctx)
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
	list, err := f.Chains(ctx, o.Caps)
	if err != nil {
		return err
	}
	manner, done := watch(f, "eval")
	res, called, err := n.Learn.Eval(ctx, m, suite, o.Attempt, list, manner)
	done()
	if err != nil {
		return jobError(err, n.Self().KeyHex(), "eval.run:"+suite.String()+",runs=1")
	}
	for name, v := range res.Metrics {
		f.IO.Debugf("%s %d", name, v)
	}
	return f.Emit(evaluated{m, suite, res.Examples, res.Metrics, called.ReceiptID, called.Replayed}, func() {
		f.IO.Printf("%s\n", called.ReceiptID)
	})
}

// NewAttest is `mythos attest`.
func NewAttest(f *cmdutil.Factory) *cobra.Command {
	var policy, notes string
	var against bool
	c := &cobra.Command{
		Use: "attest RECEIPT | attest MODEL --policy P", Short: "Attest an evaluation, or sign a model off under a policy",
		Long: "With the receipt of an evaluation, it validates the receipt, runs the evaluation again and issues EvalMetric and\n" +
			"EvalPass under this repository's key. With a model and a policy, it signs off, or objects with --object.",
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
	cmdutil.TextVar(c.Flags(), &notes, "notes", "why, for those who read the record")
	return f.Returns(c, attestResults)
}

func runVouch(ctx context.Context, f *cmdutil.Factory, receipt string) error {
	id, err := f.Resolve(ctx, receipt)
	if err != nil {
		return err
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	v, err := n.Models.Vouch(ctx, n.Key, id, n.Learn.Reevaluate)
	if err != nil {
		return err
	}
	return f.Emit(vouched{v.Report, v.Metric, v.Pass, v.Result, v.Values}, func() {
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
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	var result uint16
	if against {
		result = 1
	}
	id, err := n.Models.SignOff(ctx, n.Key, mid, pid, result, notes)
	if err != nil {
		return err
	}
	return f.Emit(signedOff{id}, func() { f.IO.Printf("%s\n", id) })
}
