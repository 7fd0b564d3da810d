// Package repocmd holds the commands over a repository as a whole.
package repocmd

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
)

// NewInit is `mythos init`.
func NewInit(f *cmdutil.Factory) *cobra.Command {
	var name, at, key string
	var anew, acceptLoss bool
	var p engine.Places
	c := &cobra.Command{
		Use:   "init [DIR] [--store URL --chunks URL | --at URL [--server KEY] | --new-database]",
		Short: "Make a repository with its own identity",
		Long: "Makes DIR/.mythos with an Ed25519 identity, the repository's first authority. An existing repository stays as it\n" +
			"is. --new-database gives a repository that lost its database an empty one. Its keys and trust stay, and the\n" +
			"remains of the old database are kept beside it. Effects that the old database knew can run a second time.\n\n" +
			"--store and --chunks keep the repository in a PostgreSQL database and an S3-compatible bucket, so that other\n" +
			"machines can join it (`mythos join`). DIR/.mythos then holds this machine's keys, trust and settings. Addresses\n" +
			"never hold passwords: these come from PGPASSWORD or a password file, and from AWS_SECRET_ACCESS_KEY or ~/.aws.\n\n" +
			"With --at, that server charges and records the calls from this folder, and its key is trusted to issue\n" +
			"capabilities for tools. KEY is the server's public key. Without it, the first key that answers is trusted, and\n" +
			"printed.",
		Example: "  mythos init \"$(mktemp -d)\"",
		Args:    cmdutil.Args(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := folder(args)
			switch shared := p.Store != "" || p.Chunks != ""; {
			case at != "" && (anew || shared), key != "" && at == "":
				return clierr.Usagef("--at goes with --server, and without --store and --new-database")
			case anew && shared, acceptLoss && !shared:
				return clierr.New(clierr.Usage, "--new-database goes without --store, and --accept-loss with it")
			case anew:
				return runNewDatabase(f, dir)
			case shared:
				return runInitShared(f, dir, name, func(root string) error { return engine.MakeShared(c.Context(), root, p, acceptLoss) })
			case at != "":
				return runInitAt(c.Context(), f, dir, name, at, key)
			}
			return runInit(f, dir, name, engine.Make)
		},
	}
	placeFlags(c, &name, &p)
	c.Flags().BoolVar(&acceptLoss, "accept-loss", false, "accept a server that may lose writes it has acknowledged, such as one with an asynchronous standby")
	c.Flags().StringVar(&at, "at", "", "the server whose ledger charges and records calls from this folder (at)")
	c.Flags().StringVar(&key, "server", "", "with --at: the public key that must answer there")
	c.Flags().BoolVar(&anew, "new-database", false, "give a repository that lost its database an empty one")
	return f.Returns(c, initResults)
}

// folder is the folder in the arguments, otherwise the current one.
func folder(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return "."
}

// placeFlags are the agent's name, and the addresses of a repository shared by many machines.
func placeFlags(c *cobra.Command, name *string, p *engine.Places) {
	c.Flags().StringVar(name, "name", "", "the agent's name, for people; the folder's name by default")
	c.Flags().StringVar(&p.Store, "store", "", "the database: postgres://HOST/DATABASE, with the parameters of libpq")
	c.Flags().StringVar(&p.Chunks, "chunks", "", "the bucket: s3://BUCKET[/PREFIX]; ?region=R&endpoint=URL&path_style=true locates it")
}

func runNewDatabase(f *cmdutil.Factory, dir string) error {
	root, err := repo.Find(dir)
	if err != nil {
		return err
	}
	agent, err := keyfile.Public(identity.KeyDir(root), identity.SelfKey)
	if err != nil {
		return err
	}
	kept, err := engine.Renew(root)
	if err != nil {
		return err
	}
	f.IO.Notef("%s has an empty database now: effects of the old one can run a second time", root)
	if kept != "" {
		f.IO.Notef("the remains of the old one are in %s", kept)
	}
	return f.Emit(initialized{root, agent.KeyID(), agent.KeyHex(), agent.Hint, false}, func() { f.IO.Printf("%s\n", agent.KeyID()) })
}

// runInitShared is runInit for a folder that has no repository yet.
func runInitShared(f *cmdutil.Factory, dir, name string, engines func(root string) error) error {
	root := filepath.Join(dir, repo.Folder)
	if _, err := engine.ID(root); err == nil {
		return clierr.New(clierr.Conflict, "%s is a repository already", root).On(root)
	}
	return runInit(f, dir, name, engines)
}

func runInit(f *cmdutil.Factory, dir, name string, engines func(root string) error) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if name == "" {
		name = ui.Clean(filepath.Base(abs))
	}
	if ui.Clean(name) != name {
		return clierr.Usagef("--name %s: a name has no control characters", ui.Clean(name))
	}
	agent, fresh, err := repo.Init(abs, name, engines)
	if err != nil {
		return err
	}
	verb := "initialized"
	if !fresh {
		verb = "already initialized:"
	}
	f.IO.Notef("%s %s, public key %s", verb, filepath.Join(abs, repo.Folder), agent.KeyHex())
	return f.Emit(initialized{filepath.Join(abs, repo.Folder), agent.KeyID(), agent.KeyHex(), agent.Hint, fresh}, func() { f.IO.Printf("%s\n", agent.KeyID()) })
}
