package datasetcmd

import (
	"context"
	"sync"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/cli/runcmd"
	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
)

type scoreOptions struct {
	Tool     string
	Corpus   string
	Parallel int
}

// NewScore is `mythos score`.
func NewScore(f *cmdutil.Factory) *cobra.Command {
	o := &scoreOptions{}
	c := &cobra.Command{
		Use: "score TOOL [--corpus ROOT]", Short: "Run a scorer over episodes and store its signed signals",
		Long: "Each episode is scored at most once, as a keyed effect: scoring again replays. The episodes must have been captured.",
		Args: cmdutil.Args(1, 1), Example: "  mythos score scorer",
		RunE: func(c *cobra.Command, args []string) error {
			o.Tool = args[0]
			return runScore(c.Context(), f, o)
		},
	}
	c.Flags().StringVar(&o.Corpus, "corpus", "", "only these episodes: the root of a corpus; all by default")
	c.Flags().IntVarP(&o.Parallel, "parallel", "p", 8, "episodes at a time, 1 to 256")
	return f.Returns(c, scoreResults)
}

func runScore(ctx context.Context, f *cmdutil.Factory, o *scoreOptions) error {
	if o.Parallel < 1 || o.Parallel > 256 {
		return clierr.Usagef("--parallel must be 1 to 256")
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	tool, err := n.Toolbox.Find(ctx, o.Tool)
	if err != nil {
		return err
	}
	ids, err := episodesOf(ctx, f, n, o.Corpus)
	if err != nil {
		return err
	}
	chains, err := n.Auth.Covering(ctx, scope.Use{Kind: scope.KindToolCall, Tool: tool.ID})
	if err != nil {
		return err
	}
	bar := f.IO.Count("score", int64(len(ids)))
	defer bar.Stop()
	s := &scoring{n: n, tool: tool, chains: chains, add: bar.Add}
	if err := s.all(ctx, ids, o.Parallel); err != nil {
		return runcmd.Refusal(n, err, o.Tool)
	}
	f.IO.Notef("%s: %d scored, %d replayed, %s", units.Count(len(ids), "episode"), s.invoked, s.replayed, units.Count(len(s.signals), "signal"))
	if err := signal.Put(ctx, n.Store, s.signals...); err != nil {
		return err
	}
	return f.Emit(scored{len(ids), s.invoked, s.replayed, len(s.signals)}, func() {
		f.IO.Printf("%d\n", len(s.signals))
	})
}

// scoring is a run of a scorer over many episodes.
type scoring struct {
	n      *repo.Repo
	tool   exec.Tool
	chains []caps.Chain
	add    func(int64)

	mu                sync.Mutex
	signals           [][]byte
	invoked, replayed int
	err               error
}

func (s *scoring) all(ctx context.Context, ids []object.Hash, parallel int) error {
	par.Do(len(ids), parallel, func(i int) {
		s.one(ctx, ids[i])
		s.add(1)
	})
	return s.err
}

func (s *scoring) one(ctx context.Context, id object.Hash) {
	raws, called, err := s.n.Datasets.Score(ctx, s.tool, id, s.chains)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		if s.err == nil {
			s.err = err
		}
		return
	case called.Replayed:
		s.replayed++
	default:
		s.invoked++
	}
	s.signals = append(s.signals, raws...)
}

// episodesOf lists the episodes of a corpus, or all stored ones.
func episodesOf(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, corpus string) ([]object.Hash, error) {
	var ids []object.Hash
	if corpus == "" {
		err := n.Episodes.Each(ctx, func(e *object.EpisodeRef, _ []byte) error {
			ids = append(ids, e.EpisodeID)
			return nil
		})
		return ids, err
	}
	root, err := n.Datasets.List(ctx, corpus)
	if err != nil {
		return nil, err
	}
	err = dataset.ReadList(ctx, n.Store.Nodes(ctx), root, func(id object.Hash) error {
		ids = append(ids, id)
		return nil
	})
	return ids, err
}
