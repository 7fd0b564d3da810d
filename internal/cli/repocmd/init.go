// Package repocmd holds the commands over a repository as a whole.
package repocmd

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/node"
)

// NewInit is `mythos init`.
func NewInit(f *cmdutil.Factory) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Make a repository with a fresh identity; prints the agent's key id",
		Long: "Makes DIR/.mythos with an Ed25519 identity, which is the repository's first authority. A repository that is\n" +
			"there already stays as it is.",
		Example: "  mythos init \"$(mktemp -d)\"",
		Args:    cmdutil.Args(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			return runInit(f, dir, name)
		},
	}
	c.Flags().StringVar(&name, "name", "", "what the agent is called, for people; the folder's name by default")
	return f.Returns(c, initResults)
}

func runInit(f *cmdutil.Factory, dir, name string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if name == "" {
		name = filepath.Base(abs)
	}
	agent, fresh, err := node.Init(abs, name)
	if err != nil {
		return err
	}
	verb := "initialized"
	if !fresh {
		verb = "already initialized:"
	}
	f.IO.Notef("%s %s, public key %s", verb, filepath.Join(abs, node.Folder), agent.KeyHex())
	return f.Emit(initialized{filepath.Join(abs, node.Folder), agent.KeyID(), agent.KeyHex(), agent.Hint, fresh}, func() { f.IO.Printf("%s\n", agent.KeyID()) })
}
