// Package clustercmd holds the commands over a repository that many machines share.
package clustercmd

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/cluster"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/internal/units"
)

var (
	clusterResults = cmdutil.Results{"status": cmdutil.Document(cluster.Status{})}
	workerResults  = cmdutil.Results{"": cmdutil.Nothing()}
)

// NewCluster is `mythos cluster`.
func NewCluster(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("cluster", "A repository in PostgreSQL: who works on it, and what waits", newStatus(f)), clusterResults)
}

func newStatus(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show servers and workers, waiting tasks, and what is stuck",
		Long: "All times are by the database's clock. A member that shows no sign of life for 20 seconds is gone: others take\n" +
			"over its waiting tasks, and run its running tasks again if each of their effects has a key. Exit code 1 if\n" +
			"something is stuck, or the bucket cannot be used.",
		Example: "  mythos cluster status", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			s, err := cluster.Of(c.Context(), n)
			if err != nil {
				return oneFolder(err)
			}
			if err := f.Emit(s, func() { show(f, s) }); err != nil {
				return err
			}
			if !s.Bucket.Reachable {
				return clierr.New(clierr.Failed, "the bucket cannot be used: %s", s.Bucket.Why)
			}
			if len(s.Stuck) == 0 {
				return nil
			}
			return clierr.New(clierr.Failed, "%s", units.Count(len(s.Stuck), "task")+" stuck: "+s.Stuck[0].Why)
		},
	}
}

// oneFolder explains how a repository gets into PostgreSQL.
func oneFolder(err error) error {
	if errors.Is(err, cluster.ErrOneFolder) {
		return clierr.New(clierr.Refused, "%w", err).With("make one there: mythos init DIR --store postgres://HOST/DATABASE --chunks s3://BUCKET (docs/cluster.md); here `mythos serve` runs the tasks")
	}
	return err
}

func show(f *cmdutil.Factory, s *cluster.Status) {
	f.IO.Printf("database    PostgreSQL %s, %s, %s\n", ui.CleanLines(s.Database.Version), units.FormatSize(uint64(max(s.Database.Bytes, 0))), units.Count(len(s.Database.Standbys), "standby server"))
	for _, b := range s.Database.Standbys {
		f.IO.Printf("            %s: %s, %s behind\n", ui.CleanLines(b.Name), ui.CleanLines(b.Sync), span(b.Lag))
	}
	if s.Bucket.Reachable {
		f.IO.Printf("bucket      reachable\n")
	} else {
		f.IO.Printf("bucket      away: large chunks can be neither written nor read\n")
	}
	f.IO.Printf("tasks       %d waiting, %d running, %s alive, %s\n", s.Tasks.Waiting, s.Tasks.Running, units.Count(s.Workers, "worker"), units.Count(s.Slots, "slot"))
	if s.Tasks.Waiting > 0 {
		f.IO.Printf("            the oldest has waited for %s\n", span(s.Tasks.Oldest))
	}
	f.IO.Printf("log         %s, %s\n", units.Count(s.Log.Entries, "entry", "entries"), queuing(s.Log))
	rows := make([][]ui.Cell, 0, len(s.Members))
	for _, m := range s.Members {
		state := "alive"
		if !m.Alive {
			state = "gone"
		}
		rows = append(rows, []ui.Cell{{Text: m.Kind, Meaning: ui.Name}, {Text: ui.CleanLines(m.Host)}, {Text: state}, {Text: fmt.Sprintf("%d of %d", m.Running, m.Slots)},
			{Text: span(m.Since)}, {Text: span(m.Seen) + " ago"}, {Text: m.ID[:min(8, len(m.ID))], Meaning: ui.Dim}, {Text: m.Agent[:min(8, len(m.Agent))], Meaning: ui.Dim}})
	}
	if len(rows) > 0 {
		f.IO.Printf("\n")
		f.IO.Table([]string{"kind", "host", "state", "running", "since", "seen", "id", "agent"}, rows)
	}
	for _, t := range s.Stuck {
		f.IO.Printf("\nstuck: task %s, %s for %s: %s\n", t.Task.Short(), t.State, span(t.Age), t.Why)
	}
}

func queuing(l cluster.Log) string {
	if l.Queuing == 0 {
		return "nobody waits to append"
	}
	return fmt.Sprintf("%s queuing to append, the first for %s", units.Count(l.Queuing, "process", "processes"), span(l.Longest))
}

func span(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}
