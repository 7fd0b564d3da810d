package datasetcmd

import (
	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
)

// NewEpisode is `mythos episode`.
func NewEpisode(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("episode", "Runs as evidence", newEpisodeLs(f), newEpisodeShow(f), newEpisodeImport(f), newEpisodeRedact(f)), episodeResults)
}

func newEpisodeLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the episodes, ascending by id", Example: "  mythos episode ls | wc -l", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			l := &listing{f: f, n: n, header: []string{"episode", "time", "what"}}
			defer l.end()
			return n.Episodes.Each(c.Context(), func(e *object.EpisodeRef, raw []byte) error {
				if f.JSON {
					return f.EmitObject(dataset.KindEpisode, raw)
				}
				l.add(e.EpisodeID, func() []ui.Cell { return l.episodeCells(c.Context(), e) })
				return nil
			})
		},
	}
}

func newEpisodeShow(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Print an episode", Example: "  mythos episode show 3f9c01", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := f.Resolve(c.Context(), args[0])
			if err != nil {
				return err
			}
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			raw, err := n.Source.Episode(c.Context(), id)
			if err != nil {
				return err
			}
			return f.EmitObject(dataset.KindEpisode, raw)
		},
	}
}
