package modelcmd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/why"
)

func newPolicySet(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "set POLICY", Short: "Put a policy in force for its ring", Example: "  mythos policy set @policy", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := f.Resolve(c.Context(), args[0])
			if err != nil {
				return err
			}
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			s, err := n.Learn.PutInForce(c.Context(), id)
			if err != nil {
				return err
			}
			return f.Emit(inForce{s.RingID, s.PolicyID, s.Previous}, func() {})
		},
	}
}

func newPolicyLs(f *cmdutil.Factory) *cobra.Command {
	ring := -1
	c := &cobra.Command{
		Use: "ls [--ring N]", Short: "List the policies here, and which are in force", Example: "  mythos policy ls --ring 0",
		Long: "With --ring: the policies that were put in force for that ring, the newest first.", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runPolicyLs(c.Context(), f, ring) },
	}
	c.Flags().IntVar(&ring, "ring", -1, "only what was in force for this ring, newest first")
	return c
}

func runPolicyLs(ctx context.Context, f *cmdutil.Factory, ring int) error {
	if ring > 255 {
		return clierr.Usagef("--ring %d: a ring is 0 to 255", ring)
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	reg := n.Models
	var list []*model.PolicyDef
	keep := func(p *model.PolicyDef) error { list = append(list, p); return nil }
	if ring >= 0 {
		err = reg.PolicyLog(ctx, uint8(ring), keep)
		slices.Reverse(list)
	} else {
		err = reg.Policies(ctx, keep)
	}
	if err != nil {
		return err
	}
	var rows [][]ui.Cell
	for _, p := range list {
		now, err := reg.Policy(ctx, p.Ring)
		inForce := err == nil && now == p.PolicyID
		name, mark := "", ""
		if p.Name != nil {
			name = why.OneLine(*p.Name)
		}
		if inForce {
			mark = "in force"
		}
		if f.JSON {
			if err := f.Emit(policyLine{p.PolicyID, name, p.Ring, p.Signer.KeyHex(), p.TimeObserved, inForce}, nil); err != nil {
				return err
			}
		}
		rows = append(rows, []ui.Cell{{Text: f.IO.Hash(p.PolicyID.String()), Meaning: ui.Name}, {Text: fmt.Sprint(p.Ring)}, {Text: p.TimeObserved.String(), Meaning: ui.Dim},
			{Text: mark, Meaning: ui.Good}, {Text: name}})
	}
	if !f.JSON {
		f.IO.Table([]string{"policy", "ring", "signed", "state", "name"}, rows)
	}
	return nil
}

func newPolicyShow(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "show POLICY", Short: "Show in plain words what a policy demands", Example: "  mythos policy show @policy", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := f.Resolve(c.Context(), args[0])
			if err != nil {
				return err
			}
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			o, err := n.Store.Object(c.Context(), id)
			if err != nil {
				return err
			}
			p, _, err := model.OpenPolicy(o.Raw)
			if err != nil {
				return err
			}
			if f.JSON {
				return f.EmitObject("PolicyDef", o.Raw)
			}
			for _, line := range policyWords(p) {
				rest := strings.TrimLeft(line, " ")
				f.IO.Wrap(line[:len(line)-len(rest)], ui.Clean(f.IO.Hashes(rest)))
			}
			return nil
		},
	}
}

// policyWords describe a policy for people.
func policyWords(p *model.PolicyDef) []string {
	lines := []string{fmt.Sprintf("policy %s for ring %d, signed by %s at %s", p.PolicyID.Short(), p.Ring, p.Signer, p.TimeObserved)}
	if p.Name != nil {
		lines[0] += fmt.Sprintf(" (%s)", why.OneLine(*p.Name))
	}
	for _, s := range p.Suites {
		lines = append(lines, "  an EvalPass and the metrics of suite "+s.String())
	}
	for _, t := range p.Thresholds {
		lines = append(lines, "  "+thresholdWords(t))
	}
	lines = append(lines, fmt.Sprintf("  sign-offs by %d of:", p.Quorum))
	for _, v := range p.Verifiers {
		lines = append(lines, "    "+v.String())
	}
	if p.MaxAgeUs != nil {
		lines = append(lines, fmt.Sprintf("  attestations at most %s old", time.Duration(min(*p.MaxAgeUs, 1<<50))*time.Microsecond))
	}
	if p.RollbackRule == model.RollbackRequired {
		lines = append(lines, "  a model to fall back to, even into an empty ring")
	}
	if p.KeepModels != nil {
		lines = append(lines, fmt.Sprintf("  the last %d models that left the ring stay pinned", *p.KeepModels))
	}
	return lines
}

func thresholdWords(t model.Threshold) string {
	var parts []string
	bound := map[uint8]string{model.HigherIsBetter: "at least", model.LowerIsBetter: "at most"}[t.Direction]
	for _, demand := range []struct {
		text string
		n    *int64
	}{{bound + " %d", t.Limit}, {"worse than the model in the ring by at most %d", t.LargestRegression}, {"better than the model in the ring by at least %d", t.LeastImprovement}} {
		if demand.n != nil {
			parts = append(parts, fmt.Sprintf(demand.text, *demand.n))
		}
	}
	text := t.Metric + ": " + strings.Join(parts, ", ")
	if !t.Critical {
		text += " (reported only)"
	}
	return text
}
