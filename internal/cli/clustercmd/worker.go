package clustercmd

import (
	"context"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/cluster"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/internal/worker"
)

type workerOptions struct {
	Concurrency int
	Drain       string
}

// maxConcurrency is how many tasks one worker may run at a time.
const maxConcurrency = 1024

// NewWorker is `mythos worker`.
func NewWorker(f *cmdutil.Factory) *cobra.Command {
	o := &workerOptions{}
	c := &cobra.Command{
		Use: "worker [--concurrency N]", Short: "Run the tasks that servers leave to workers",
		Long: "Works on a repository in PostgreSQL, on any machine, and beside any number of others. `mythos serve --leave-tasks` accepts tasks\n" +
			"for workers; those of servers and workers that are gone are taken over, too. A task that ran there is run again where each effect\n" +
			"that it can reach has a key, three times at most; else it fails and says so. Interrupted, a worker takes no more tasks, and lets\n" +
			"those that run end for up to --drain; then they have failed.",
		Example: "  mythos worker --concurrency 8", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runWorker(c.Context(), f, o) },
	}
	c.Flags().IntVar(&o.Concurrency, "concurrency", 4, "tasks that run at a time")
	c.Flags().StringVar(&o.Drain, "drain", "30s", "how long tasks may go on when the worker is to end")
	return f.Returns(c, workerResults)
}

func runWorker(ctx context.Context, f *cmdutil.Factory, o *workerOptions) error {
	if o.Concurrency < 1 || o.Concurrency > maxConcurrency {
		return clierr.Usagef("--concurrency %d: 1 to %d", o.Concurrency, maxConcurrency)
	}
	drain, err := units.ParseSpan(o.Drain)
	if err != nil {
		return clierr.Usagef("--drain %s: %w", o.Drain, err)
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	if n.Tasks.Engine.Shared == nil {
		return oneFolder(cluster.ErrOneFolder)
	}
	n.ForPeers()
	q, err := worker.Start(context.WithoutCancel(ctx), worker.Options{
		Repo: n, Log: slog.New(slog.NewTextHandler(f.IO.Err, nil)), Kind: worker.KindWorker, Slots: o.Concurrency,
		Explain: f.Explain,
	})
	if err != nil {
		return err
	}
	f.IO.Notef("%s works, with %s", n.Self(), units.Count(o.Concurrency, "slot"))
	<-ctx.Done()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(drain, time.Nanosecond))
	defer cancel()
	return q.Stop(last)
}
