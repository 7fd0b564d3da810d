package datasetcmd

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
)

// NewCorpus is `mythos corpus`.
func NewCorpus(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("corpus", "Fixed sets of episodes, and of signals about them", newSnapshot(f), newSignals(f), newCorpusLs(f)), corpusResults)
}

type snapshotOptions struct {
	From string
	Tool string
	Part string
	Ref  string
}

func newSnapshot(f *cmdutil.Factory) *cobra.Command {
	o := &snapshotOptions{}
	c := &cobra.Command{
		Use: "snapshot [--from FILE] [--tool T] [--part I/N] [--ref NAME]", Short: "Fix a corpus; prints its root",
		Long: "The root covers all episodes, the ids listed one per line in a file, or the episodes that call one tool. --part\n" +
			"takes one of N equal parts, split by the hash of what each episode's call asked for: parts never share an\n" +
			"episode, and the same request is always in the same part. An episode without a call goes by its id.",
		Example: "  mythos corpus snapshot --ref corpus/all", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runSnapshot(c.Context(), f, o) },
	}
	c.Flags().StringVar(&o.From, "from", "", "a file of episode ids, one per line; - is standard input")
	c.Flags().StringVar(&o.Tool, "tool", "", "only episodes that call this tool")
	c.Flags().StringVar(&o.Part, "part", "", "one part of a split, such as 1/5 or 2-5/5")
	c.Flags().StringVar(&o.Ref, "ref", "", "also point this ref to the root")
	return c
}

func runSnapshot(ctx context.Context, f *cmdutil.Factory, o *snapshotOptions) error {
	keep, err := partOf(o.Part)
	if err != nil {
		return err
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	ids, err := o.ids(ctx, f, n)
	if err != nil {
		return err
	}
	if o.Part != "" {
		var kept []object.Hash
		for _, id := range ids {
			asked, err := n.Episodes.RequestOf(ctx, id)
			if err != nil {
				return err
			}
			if keep(asked) {
				kept = append(kept, id)
			}
		}
		ids = kept
	}
	return snapshot(ctx, f, n, dataset.MediaCorpus, ids, o.Ref)
}

func snapshot(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, media string, ids []object.Hash, name string) error {
	ref, count, err := dataset.Snapshot(ctx, n.Store, media, ids)
	if err != nil {
		return err
	}
	if name != "" {
		if err := n.Find.PointRef(ctx, name, ref.CID, nil); err != nil {
			return err
		}
	}
	f.IO.Notef("%s", units.Count(count, "id"))
	return f.Emit(snapshotted{ref.CID, count}, func() { f.IO.Printf("%s\n", ref.CID) })
}

func (o *snapshotOptions) ids(ctx context.Context, f *cmdutil.Factory, n *repo.Repo) (ids []object.Hash, err error) {
	if o.From != "" {
		err = f.Lines(o.From, func(num int, line string) error {
			id, err := object.ParseHash(line)
			if err != nil {
				return cmdutil.LineError(o.From, num, err)
			}
			ids = append(ids, id)
			return nil
		})
		return ids, err
	}
	var tool object.Hash
	if o.Tool != "" {
		if tool, err = n.Toolbox.ID(ctx, o.Tool); err != nil {
			return nil, err
		}
	}
	return ids, n.Episodes.Each(ctx, func(e *object.EpisodeRef, _ []byte) error {
		if !tool.IsZero() {
			r, err := n.Episodes.CallOf(ctx, e)
			if err != nil || r.ToolID != tool {
				return nil //nolint:nilerr // an episode without a call is of no tool
			}
		}
		ids = append(ids, e.EpisodeID)
		return nil
	})
}

// partOf reads I/N or I-J/N; nil for an empty text.
func partOf(text string) (func(object.Hash) bool, error) {
	if text == "" {
		return nil, nil
	}
	var from, to, of int
	if _, err := fmt.Sscanf(text, "%d-%d/%d", &from, &to, &of); err != nil {
		if _, err := fmt.Sscanf(text, "%d/%d", &from, &of); err != nil {
			return nil, clierr.Usagef("--part %s: expected I/N or I-J/N", text)
		}
		to = from
	}
	if from < 1 || to < from || of < to || of > 1000 {
		return nil, clierr.Usagef("--part %s: expected 1 <= I <= J <= N <= 1000", text)
	}
	weights := make([]uint64, of)
	for i := range weights {
		weights[i] = 1
	}
	return func(id object.Hash) bool { p := export.Part(id, weights) + 1; return from <= p && p <= to }, nil
}

func newSignals(f *cmdutil.Factory) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use: "signals CORPUS [--ref NAME]", Short: "Fix the signals of a corpus's episodes; prints their root",
		Example: "  mythos corpus signals @corpus/all --ref signals/all", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runSignals(c.Context(), f, args[0], name) },
	}
	c.Flags().StringVar(&name, "ref", "", "also point this ref to the root")
	return c
}

func runSignals(ctx context.Context, f *cmdutil.Factory, corpus, name string) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	ids, err := episodesOf(ctx, f, n, corpus)
	if err != nil {
		return err
	}
	var signals []object.Hash
	for _, id := range ids {
		raws, err := n.Source.Signals(ctx, id)
		if err != nil {
			return err
		}
		for _, raw := range raws {
			sid, err := signal.Rule.ID(raw)
			if err != nil {
				return err
			}
			signals = append(signals, sid)
		}
	}
	return snapshot(ctx, f, n, dataset.MediaSignals, signals, name)
}

func newCorpusLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the corpora here, which include manifests", Example: "  mythos corpus ls", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			return lists(c.Context(), f, dataset.MediaCorpus, dataset.MediaManifest)
		},
	}
}

// lists prints the stored lists of some media types.
func lists(ctx context.Context, f *cmdutil.Factory, media ...string) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	l := &listing{f: f, n: n, header: []string{"root", "episodes", "refs"}}
	defer l.end()
	names, err := l.names(ctx)
	if err != nil {
		return err
	}
	return n.Store.Blobs(ctx, func(ref object.BlobRef) error {
		if !slices.Contains(media, ref.Media) {
			return nil
		}
		return f.Emit(listLine{ref.CID}, func() {
			l.add(ref.CID, func() []ui.Cell {
				return []ui.Cell{{Text: l.length(ctx, ref.CID)}, {Text: names[ref.CID], Meaning: ui.Name}}
			})
		})
	})
}
