package capcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
)

func newPolicy(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("policy", "The issuance policy: who may get which capabilities, how much, and for how long",
		newPolicySet(f), newPolicyShow(f), newPolicyExport(f), newPolicyImport(f)), policyResults)
}

func newPolicySet(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "set FILE|-", Short: "Sign rules as the next issuance policy and put it in force; prints its id",
		Long: "The file is YAML:\n" +
			"  rules:\n" +
			"    - name: ci-tools\n" +
			"      to: [ci, self]                       # public keys or names of trust.yaml; left out: anyone\n" +
			"      scope: tool.call:deploy,calls=100    # or a kind alone (tool.call), or \"*\"\n" +
			"      ttl: 1h                              # longest time to live\n" +
			"      limits: {calls: 100}                 # optional: largest quotas\n" +
			"      delegable: true                      # optional: it may be delegable\n" +
			"      revocable: true                      # optional: it must be revocable\n" +
			"      request: true                        # optional: those in `to` get it when they ask (mythos cap request)\n" +
			"    - name: deploys                        # for whoever asks with such an identity token\n" +
			"      oidc:\n" +
			"        issuer: https://token.actions.githubusercontent.com\n" +
			"        claims: {repository: acme/shop, environment: production}   # exact texts\n" +
			"        audience: TEXT                     # optional; without it the token must be for this server and one key\n" +
			"      scope: tool.call:deploy\n" +
			"      ttl: 15m\n" +
			"A capability is issued if one rule allows all of it. Without a policy, everything is allowed; with an empty one,\n" +
			"nothing.",
		Example: "  printf 'rules:\\n  - {name: all, scope: \"*\", ttl: 30d, delegable: true}\\n' | mythos cap policy set -",
		Args:    cmdutil.Args(1, 1),
		RunE:    func(c *cobra.Command, args []string) error { return runPolicySet(c.Context(), f, args[0]) },
	}
}

func runPolicySet(ctx context.Context, f *cmdutil.Factory, name string) error {
	data, err := f.Read(name)
	if err != nil {
		return err
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	rules, err := caps.ParsePolicyRules(data, caps.Names{
		Agent: n.AgentNamed,
		Thing: func(kind, name string) (object.Hash, error) { return n.Find.Named(ctx, kind, name) },
	})
	if err != nil {
		return clierr.Usagef("%s: %w", name, err).On(name)
	}
	p, err := n.Auth.SetPolicy(ctx, rules)
	if err != nil {
		return err
	}
	return emitPolicy(f, p)
}

func emitPolicy(f *cmdutil.Factory, p *caps.IssuancePolicy) error {
	f.IO.Notef("issuance policy %d with %s is in force", p.Sequence, units.Count(len(p.Rules), "rule"))
	return f.Emit(policyLine{p.PolicyID, p.Sequence, len(p.Rules)}, func() { f.IO.Printf("%s\n", p.PolicyID) })
}

// current is the policy in force.
func current(ctx context.Context, f *cmdutil.Factory) (*caps.IssuancePolicy, []byte, error) {
	n, err := f.Repo(ctx)
	if err != nil {
		return nil, nil, err
	}
	p, raw, err := n.Policies.Current(ctx)
	if err == nil && p == nil {
		err = clierr.New(clierr.NotFound, "no issuance policy is in force: everything may be issued").With("mythos cap policy set FILE")
	}
	return p, raw, err
}

func newPolicyShow(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Say in plain words what may be issued", Example: "  mythos cap policy show", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			p, raw, err := current(c.Context(), f)
			if err != nil {
				return err
			}
			if f.JSON {
				return f.EmitObject("IssuancePolicy", raw)
			}
			f.IO.Printf("Issuance policy %s, number %d, of %s by %s\n", p.PolicyID.Short(), p.Sequence, p.TimeObserved, p.Issuer)
			for i := range p.Rules {
				f.IO.Printf("  %s\n", p.Rules[i].Words())
			}
			f.IO.Printf("Nothing else may be issued.\n")
			return nil
		},
	}
}

func newPolicyExport(f *cmdutil.Factory) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "export [-o FILE]", Short: "Write the canonical bytes of the policy in force", Example: "  mythos cap policy export -o policy.can",
		Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			_, raw, err := current(c.Context(), f)
			if err != nil {
				return err
			}
			return f.Write(out, raw)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "the file; standard output by default")
	return c
}

func newPolicyImport(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "import FILE|-", Short: "Put a signed policy in force; prints its id",
		Long:    "Its signer must be this repository's identity or trusted for \"policy\" in trust.yaml, and its number must be larger than\nthat of the policy in force.",
		Example: "  mythos cap policy import policy.can", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			raw, err := f.Read(args[0])
			if err != nil {
				return err
			}
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			p, err := n.Auth.PutPolicy(c.Context(), raw)
			if err != nil {
				return err
			}
			return emitPolicy(f, p)
		},
	}
}
