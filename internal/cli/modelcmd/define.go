// Package modelcmd has the commands of the learning loop: recipe, suite, policy, train, eval, attest, promote,
// rollback, ring, model, why.
package modelcmd

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// names resolves the names in definitions.
func names(ctx context.Context, f *cmdutil.Factory, n *repo.Repo) model.Names {
	return model.Names{
		Hash: func(kind, name string) (object.Hash, error) {
			if kind == "code" {
				return n.Toolbox.ID(ctx, name)
			}
			id, err := f.Resolve(ctx, name)
			if _, here := os.Stat(name); err != nil && here == nil && kind == "model" {
				return id, clierr.New(clierr.NotFound, "%w", err).On(name).With("a model that was trained elsewhere is taken in first: mythos model import " + name)
			}
			return id, err
		},
		Agent: n.AgentNamed,
		Manifest: func(name string) (object.BlobRef, error) {
			cid, err := n.Datasets.List(ctx, name)
			if err != nil {
				return object.BlobRef{}, err
			}
			return n.Store.BlobRef(ctx, cid)
		},
	}
}

// The members of definitions, for help.
const (
	recipeForm = "  code: TOOL        # the tool that trains\n" +
		"  base: MODEL       # the model to start from; default: none\n" +
		"  label: TEXT       # what to predict, as the tool defines it\n" +
		"  params: {rows: messages, steps: 400}  # for the tool\n" +
		"rows sets what the tool gets of each episode: raw, messages, prompt-completion or preference, as `dataset\n" +
		"export` writes them; by default a sample."
	suiteForm = "  code: TOOL        # the tool that measures\n" +
		"  tests: DATASET\n" +
		"  metrics: [NAME]   # that the tool gives: whole numbers\n" +
		"  label: TEXT       # as of a recipe\n" +
		"  params: {}"
	policyForm = "  name: TEXT\n" +
		"  ring: 0\n" +
		"  suites: [SUITE]   # to be attested by verifiers\n" +
		"  thresholds: [{metric: NAME, at_least: 500000}]\n" +
		"  quorum: 1         # how many verifiers must sign off\n" +
		"  verifiers: [self]\n" +
		"A threshold has at_least or at_most, and may have largest_regression, least_improvement, better and critical. A\n" +
		"policy may have rollback, max_age and keep, and `imported: true` where models that were trained elsewhere may enter."
)

// adder makes the verb add for a noun whose definitions are text or canonical bytes.
func adder(f *cmdutil.Factory, kind, form, example string, parse func(*repo.Repo, []byte, model.Names) ([]byte, error)) *cobra.Command {
	var ref string
	c := &cobra.Command{
		Use: "add FILE|- [--ref NAME]", Short: "Store a definition; prints its id", Long: "The file is YAML or JSON:\n" + form, Example: example, Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			data, err := f.Read(args[0])
			if err != nil {
				return err
			}
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			raw := data
			if len(data) == 0 || data[0] != can.TagMap {
				if raw, err = parse(n, data, names(c.Context(), f, n)); err != nil {
					return err
				}
			}
			id, err := n.Models.Add(c.Context(), kind, raw)
			if err != nil {
				return err
			}
			if ref != "" {
				if err := n.Find.PointRef(c.Context(), ref, id, nil); err != nil {
					return err
				}
			}
			return f.Emit(added{id, kind}, func() { f.IO.Printf("%s\n", id) })
		},
	}
	c.Flags().StringVar(&ref, "ref", "", "also point this ref to it")
	return c
}

// NewRecipe is `mythos recipe`.
func NewRecipe(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("recipe", "How models are trained", adder(f, "RecipeDef", recipeForm, "  mythos recipe add recipe.yaml",
		func(_ *repo.Repo, text []byte, in model.Names) ([]byte, error) {
			r, err := model.ParseRecipe(text, in)
			if err != nil {
				return nil, err
			}
			_, raw, err := model.NewRecipe(r)
			return raw, err
		}), newRecipeCheck(f)), recipeResults)
}

// NewSuite is `mythos suite`.
func NewSuite(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("suite", "How models are measured", adder(f, "EvalSuiteDef", suiteForm, "  mythos suite add suite.yaml",
		func(_ *repo.Repo, text []byte, in model.Names) ([]byte, error) {
			s, err := model.ParseSuite(text, in)
			if err != nil {
				return nil, err
			}
			_, raw, err := model.NewSuite(s)
			return raw, err
		})), suiteResults)
}

// NewPolicy is `mythos policy`.
func NewPolicy(f *cmdutil.Factory) *cobra.Command {
	add := adder(f, "PolicyDef", policyForm, "  mythos policy add policy.yaml", func(n *repo.Repo, text []byte, in model.Names) ([]byte, error) {
		p, err := model.ParsePolicy(text, in)
		if err != nil {
			return nil, err
		}
		p.TimeObserved = n.Now()
		_, raw, err := model.NewPolicy(n.Key, p)
		return raw, err
	})
	return f.Returns(cmdutil.Noun("policy", "What a model must show to enter a ring, signed", add, newPolicySet(f), newPolicyLs(f), newPolicyShow(f)), policyResults)
}
