package repocmd

import (
	"context"
	"encoding/hex"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/migrate"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/internal/units"
)

// migrated is a repository that was moved.
type migrated struct {
	From    string `json:"from"` // its .mythos folder
	To      string `json:"to"`   // the folder, or the address of the database
	Bucket  string `json:"bucket,omitempty"`
	Keys    uint64 `json:"keys"`
	Chunks  uint64 `json:"chunks"`
	Entries uint64 `json:"ledger_entries"`
	Root    string `json:"ledger_root"` // hex
	Before  bool   `json:"before"`      // an earlier attempt had done it all
}

// NewMigrate is `mythos migrate`.
func NewMigrate(f *cmdutil.Factory) *cobra.Command {
	var to, chunks, name string
	var acceptLoss bool
	c := &cobra.Command{
		Use:   "migrate --to DIR | --to URL --chunks URL",
		Short: "Move the repository into PostgreSQL and a bucket, or into a folder",
		Long: "Copies every key and every chunk, unchanged: the log has the same entries and the same root, so that checkpoints\n" +
			"which were kept still hold. Most is copied while the repository is in use, the rest while nobody can write to it. When\n" +
			"all was compared, what is here can only be read any more, and says where the repository is. A move that was cut\n" +
			"off goes on when the command is run again. Servers, workers and calls must have ended.\n\n" +
			"Keys, trust and settings stay here. A folder gets an identity of its own, unless DIR/.mythos has keys and trust.yaml\n" +
			"already; with --chunks, each machine joins (`mythos join`).",
		Example: "  mythos migrate --to postgres://db.internal/mythos --chunks s3://artifacts/mythos\n  mythos migrate --to /srv/repository",
		Args:    cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if to == "" {
				return clierr.Usagef("--to is missing: a folder, or postgres://HOST/DATABASE with --chunks")
			}
			if chunks == "" && acceptLoss || chunks != "" && name != "" {
				return clierr.Usagef("--accept-loss goes with --chunks, and --name without")
			}
			return runMigrate(c.Context(), f, to, chunks, name, acceptLoss)
		},
	}
	c.Flags().StringVar(&to, "to", "", "the folder, or the database: postgres://HOST/DATABASE, with the parameters of libpq")
	c.Flags().StringVar(&chunks, "chunks", "", "the bucket: s3://BUCKET[/PREFIX]; ?region=R&endpoint=URL&path_style=true say where it is")
	c.Flags().StringVar(&name, "name", "", "with a folder: what its agent is called, for people; the folder's name by default")
	c.Flags().BoolVar(&acceptLoss, "accept-loss", false, "take a server that may lose what it has acknowledged, as one with an asynchronous standby")
	return f.Returns(c, migrateResults)
}

func runMigrate(ctx context.Context, f *cmdutil.Factory, to, chunks, name string, acceptLoss bool) error {
	place := to
	if chunks == "" {
		place = filepath.Join(to, repo.Folder)
	}
	dest, err := engine.NewDestination(place, chunks)
	if err != nil {
		return err
	}
	if dest.Folder != "" && name == "" {
		name = ui.Clean(filepath.Base(filepath.Dir(dest.Folder)))
	}
	root, err := f.RepoDir()
	if err != nil {
		return err
	}
	cfg, err := f.Settings()
	if err != nil {
		return err
	}
	bar := f.IO.Count("migrate", 0)
	rep, err := migrate.Run(ctx, migrate.Options{
		Root: root, To: dest, AcceptLoss: acceptLoss, Now: f.Now, Wait: cfg.Busy, Debugf: f.IO.Debugf, Bar: bar,
		Step: func(what string) { f.IO.Notef("%s", what) },
		Furnish: func() error {
			if dest.Folder == "" {
				return nil
			}
			_, _, err := repo.Init(filepath.Dir(dest.Folder), name, func(string) error { return nil })
			return err
		},
	})
	bar.Stop()
	if err != nil {
		return err
	}
	where := dest.Folder
	if where == "" {
		where = dest.Store
		f.IO.Notef("each machine joins it: mythos join DIR --store '%s' --chunks '%s'", dest.Store, chunks)
	}
	return f.Emit(migrated{root, where, chunks, rep.Keys, rep.Chunks, rep.Entries, hex.EncodeToString(rep.Root[:]), rep.Before}, func() {
		verb := "moved"
		if rep.Before {
			verb = "moved before"
		}
		f.IO.Printf("%s: %s, %s, %s, log root %x\n", verb, units.Count(rep.Keys, "key"), units.Count(rep.Chunks, "chunk"), units.Count(rep.Entries, "entry", "entries"), rep.Root)
	})
}
