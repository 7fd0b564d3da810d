package repocmd

import (
	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/engine"
)

// NewJoin is `mythos join`.
func NewJoin(f *cmdutil.Factory) *cobra.Command {
	var name string
	var p engine.Places
	c := &cobra.Command{
		Use:   "join [DIR] --store URL --chunks URL",
		Short: "Work on a repository that other machines share",
		Long: "Makes DIR/.mythos with its own identity, for work on the repository that `mythos init --store` made. Recorded\n" +
			"answers are replayed on every machine. Other machines accept the capabilities that this one issues if they trust\n" +
			"its key (`mythos trust add`), and the other way round. To work under one key, set MYTHOS_KEY.",
		Example: "  mythos join --store postgres://db.internal/mythos --chunks s3://artifacts/mythos",
		Args:    cmdutil.Args(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return runInitShared(f, folder(args), name, func(root string) error { return engine.Join(c.Context(), root, p) })
		},
	}
	placeFlags(c, &name, &p)
	return f.Returns(c, initResults)
}
