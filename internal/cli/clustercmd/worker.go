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
		Use: "worker [--concurrency N]", Short: "Run tasks that servers leave to workers",
		Long: "Works on a repository in PostgreSQL, from any machine, beside any number of other workers. It runs the tasks\n" +
			"that `mythos serve --leave-tasks` accepts, and takes over those of servers and workers that are gone. It runs a\n" +
			"task again, at most three times, if each effect that the task can reach has a key; otherwise the task fails and\n" +
			"says so. When interrupted, a worker takes no more tasks, and gives running tasks up to --drain to end; then they\n" +
			"have failed.",
		Example: "  mythos worker --concurrency 8", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runWorker(c.Context(), f, o) },
	}
	c.Flags().IntVar(&o.Concurrency, "concurrency", 4, "number of tasks to run at a time")
	c.Flags().StringVar(&o.Drain, "drain", "30s", "how long running tasks may go on after an interrupt")
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
