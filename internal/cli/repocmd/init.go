// Package repocmd holds the commands over a repository as a whole.
package repocmd

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/node"
)

// NewInit is `mythos init`.
func NewInit(f *cmdutil.Factory) *cobra.Command {
	var name string
	var anew bool
	c := &cobra.Command{
		Use:   "init [DIR] [--new-database]",
		Short: "Make a repository with an identity of its own",
		Long: "Makes DIR/.mythos with an Ed25519 identity, which is the repository's first authority. A repository that is\n" +
			"there already stays as it is. With --new-database, one whose database is lost gets an empty one: its keys and its\n" +
			"trust stay, and what is left of the old database is kept beside it. Effects that it knew can run a second time.",
		Example: "  mythos init \"$(mktemp -d)\"",
		Args:    cmdutil.Args(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			if anew {
				return runNewDatabase(f, dir)
			}
			return runInit(f, dir, name)
		},
	}
	c.Flags().StringVar(&name, "name", "", "what the agent is called, for people; the folder's name by default")
	c.Flags().BoolVar(&anew, "new-database", false, "give a repository whose database is lost an empty one")
	return f.Returns(c, initResults)
}

func runNewDatabase(f *cmdutil.Factory, dir string) error {
	root, err := node.Find(dir)
	if err != nil {
		return err
	}
	agent, err := keyfile.Public(identity.KeyDir(root), identity.SelfKey)
	if err != nil {
		return err
	}
	kept, err := node.NewDatabase(root)
	if err != nil {
		return err
	}
	f.IO.Notef("%s has an empty database now: effects of the old one can run a second time", root)
	if kept != "" {
		f.IO.Notef("what was left of the old one is in %s", kept)
	}
	return f.Emit(initialized{root, agent.KeyID(), agent.KeyHex(), agent.Hint, false}, func() { f.IO.Printf("%s\n", agent.KeyID()) })
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
