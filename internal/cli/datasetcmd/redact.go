package datasetcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

type redactOptions struct {
	Rules  string
	Corpus string
	Ref    string
}

func newEpisodeRedact(f *cmdutil.Factory) *cobra.Command {
	o := &redactOptions{}
	c := &cobra.Command{
		Use: "redact --rules FILE [--corpus ROOT] [--ref NAME]", Short: "Make redacted episodes to build datasets from; prints their corpus",
		Long: "The provenance of each redacted episode names its original, the rules and the key. Its receipts and signals are\n" +
			"signed here. The rules are those of `dataset export --redact`. Running it again adds nothing.",
		Example: "  mythos episode redact --rules pii.yaml --corpus @corpus/all --ref corpus/redacted", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runRedact(c.Context(), f, o) },
	}
	c.Flags().StringVar(&o.Rules, "rules", "", "a file of redaction rules")
	c.Flags().StringVar(&o.Corpus, "corpus", "", "only these episodes: the root of a corpus; all by default")
	c.Flags().StringVar(&o.Ref, "ref", "", "also point this ref to the corpus")
	return c
}

func runRedact(ctx context.Context, f *cmdutil.Factory, o *redactOptions) error {
	if o.Rules == "" {
		return clierr.Usagef("--rules is required")
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	data, err := f.Read(o.Rules)
	if err != nil {
		return err
	}
	rules, err := n.Episodes.Redaction(data)
	if err != nil {
		return err
	}
	ids, err := episodesOf(ctx, f, n, o.Corpus)
	if err != nil {
		return err
	}
	out, err := n.Episodes.Redact(ctx, rules, ids)
	if err != nil {
		return err
	}
	return snapshot(ctx, f, n, dataset.MediaCorpus, out, o.Ref)
}
