package modelcmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/judge"
)

type promoteOptions struct {
	Model  string
	Ring   uint8
	Policy string
	After  string
	Caps   []string
	DryRun bool
}

// NewPromote is `mythos promote`.
func NewPromote(f *cmdutil.Factory) *cobra.Command {
	o := &promoteOptions{}
	c := &cobra.Command{
		Use: "promote MODEL --ring N --policy P [--dry-run]", Short: "Put a model into a ring if all six conditions hold",
		Example: "  mythos promote @model --ring 0 --policy @policy --dry-run", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := cmdutil.Required(c, "ring", "policy"); err != nil {
				return err
			}
			o.Model = args[0]
			return runPromote(c.Context(), f, o)
		},
	}
	c.Flags().Uint8Var(&o.Ring, "ring", 0, "the ring, 0 to 255 (required)")
	c.Flags().StringVar(&o.Policy, "policy", "", "the policy (required)")
	c.Flags().StringVar(&o.After, "after", "", "only if this is the ring's newest record (or none); by default the one it has now")
	c.Flags().StringArrayVar(&o.Caps, "cap", nil, "the capability to use; may be repeated")
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "only report the conditions")
	return f.Returns(c, promoteResults)
}

func (o *promoteOptions) request(ctx context.Context, f *cmdutil.Factory) (q model.PromoteRequest, err error) {
	q.RingID = o.Ring
	if q.ModelID, err = f.Resolve(ctx, o.Model); err != nil {
		return q, err
	}
	if q.PolicyID, err = f.Resolve(ctx, o.Policy); err != nil {
		return q, err
	}
	switch o.After {
	case "":
		n, err := f.Repo(ctx)
		if err != nil {
			return q, err
		}
		return n.Learn.AskPromotion(ctx, q.ModelID, q.PolicyID, o.Ring)
	case "none":
		return q, nil
	}
	after, err := f.Resolve(ctx, o.After)
	q.After = &after
	return q, err
}

func runPromote(ctx context.Context, f *cmdutil.Factory, o *promoteOptions) error {
	q, err := o.request(ctx, f)
	if err != nil {
		return err
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	done, err := n.Learn.Promoted(ctx, q)
	if err != nil {
		return err
	}
	if done && !o.DryRun {
		f.IO.Notef("not decided again: it is already in ring %d", o.Ring)
		return o.promote(ctx, f, n, q)
	}
	conditions, _, err := n.Models.Check(ctx, q)
	if err != nil {
		return err
	}
	for i, c := range conditions {
		mark := f.IO.PaintErr(ui.Good, "holds")
		if !c.Holds {
			mark = f.IO.PaintErr(ui.Bad, "fails")
		}
		f.IO.Notef("%d %-9s %s  %s", i+1, c.Name, mark, f.IO.Hashes(c.Why))
	}
	if o.DryRun {
		c, bad := judge.Failed(conditions)
		if err := f.Emit(conditions, func() {}); err != nil || !bad {
			return err
		}
		return clierr.New(clierr.Refused, "condition %q does not hold: %s", c.Name, c.Why)
	}
	return o.promote(ctx, f, n, q)
}

// promote runs the promotion and prints its record.
func (o *promoteOptions) promote(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, q model.PromoteRequest) error {
	list, err := f.Chains(ctx, o.Caps)
	if err != nil {
		return err
	}
	rec, err := n.Learn.Promote(ctx, q, list)
	if err != nil {
		return denied(promotionError(err), n.Self().KeyHex(), fmt.Sprintf("deploy.promote:%d,policy=%s", o.Ring, q.PolicyID))
	}
	told(ctx, f, n, rec)
	return f.Emit(promoted{rec.PromotionID, rec.ModelID, rec.RingID}, func() { f.IO.Printf("%s\n", rec.PromotionID) })
}

// told reports a decision to a lineage catalog.
func told(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, rec *model.PromotionRecord) {
	if receipts, err := n.Models.Decisions(ctx, rec.PromotionID); err == nil { // otherwise its run is unknown
		f.Lineage(n).Promoted(ctx, rec, receipts)
	}
}

// promotionError says where to look if a promotion is refused.
func promotionError(err error) error {
	if errors.Is(err, model.ErrRefused) {
		return clierr.New(clierr.Refused, "%w", err).With("mythos promote --dry-run lists all six conditions")
	}
	return err
}

// NewRollback is `mythos rollback`.
func NewRollback(f *cmdutil.Factory) *cobra.Command {
	var ring uint8
	var reason string
	var with []string
	c := &cobra.Command{
		Use: "rollback --ring N [--reason TEXT]", Short: "Put back the model that a ring had before", Example: "  mythos rollback --ring 0 --reason 'too slow'",
		Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := cmdutil.Required(c, "ring"); err != nil {
				return err
			}
			return runRollback(c.Context(), f, ring, reason, with)
		},
	}
	c.Flags().Uint8Var(&ring, "ring", 0, "the ring, 0 to 255 (required)")
	cmdutil.TextVar(c.Flags(), &reason, "reason", "why, for those who read the record")
	c.Flags().StringArrayVar(&with, "cap", nil, "the capability to use; may be repeated")
	return f.Returns(c, rollbackResults)
}

func runRollback(ctx context.Context, f *cmdutil.Factory, ring uint8, reason string, with []string) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	newest, err := n.Models.Newest(ctx, ring)
	if err != nil {
		return err
	}
	if newest == nil {
		return clierr.New(clierr.NotFound, "no model is in ring %d", ring)
	}
	policy, err := n.Models.Policy(ctx, ring)
	if err != nil {
		return err
	}
	list, err := f.Chains(ctx, with)
	if err != nil {
		return err
	}
	rec, err := n.Learn.Rollback(ctx, model.RollbackRequest{RingID: ring, PolicyID: policy, Record: *newest, Reason: reason}, list)
	if err != nil {
		return denied(err, n.Self().KeyHex(), fmt.Sprintf("deploy.promote:%d,policy=%s", ring, policy))
	}
	told(ctx, f, n, rec)
	f.IO.Notef("ring %d has model %s again", ring, rec.ModelID.Short())
	return f.Emit(promoted{rec.PromotionID, rec.ModelID, ring}, func() { f.IO.Printf("%s\n", rec.ModelID) })
}

// NewRing is `mythos ring`.
func NewRing(f *cmdutil.Factory) *cobra.Command {
	hold := func(name, short string, freeze bool) *cobra.Command {
		var ring uint8
		var reason string
		c := &cobra.Command{
			Use: name + " --ring N --reason TEXT", Short: short, Example: "  mythos ring " + name + " --ring 0 --reason incident", Args: cmdutil.Args(0, 0),
			RunE: func(c *cobra.Command, _ []string) error {
				if err := cmdutil.Required(c, "ring", "reason"); err != nil {
					return err
				}
				n, err := f.Repo(c.Context())
				if err != nil {
					return err
				}
				h, err := n.Learn.Hold(c.Context(), ring, freeze, reason)
				if err != nil {
					return err
				}
				return f.Emit(held{h.HoldID, h.Frozen}, func() { f.IO.Printf("%s\n", h.HoldID) })
			},
		}
		c.Flags().Uint8Var(&ring, "ring", 0, "the ring, 0 to 255 (required)")
		cmdutil.TextVar(c.Flags(), &reason, "reason", "why, for those who read the record (required)")
		return c
	}
	return f.Returns(cmdutil.Noun("ring", "The rings that models are promoted into",
		hold("freeze", "Stop promotions into a ring", true), hold("thaw", "Allow promotions again", false)), ringResults)
}
