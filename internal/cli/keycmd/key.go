// Package keycmd holds the commands over keys and trust.
package keycmd

import (
	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/ui"
)

// NewKey is `mythos key`.
func NewKey(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("key", "Signing keys of this repository", newGen(f), newImport(f), newLs(f), newExport(f), newRotate(f), newProtect(f)), keyResults)
}

func newLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the keys of this repository", Example: "  mythos key ls",
		Args: cmdutil.Args(0, 0),
		RunE: func(*cobra.Command, []string) error {
			dir, err := f.RepoDir()
			if err != nil {
				return err
			}
			keys, err := keyfile.List(identity.KeyDir(dir))
			if err != nil {
				return err
			}
			var rows [][]ui.Cell
			for _, k := range keys {
				if k.Err != nil {
					f.IO.Notef("key %s cannot be used: %v", k.Name, k.Err)
					continue
				}
				if f.JSON {
					if err := f.Emit(keyLine{k.Name, k.Agent.KeyHex(), k.Agent.KeyID(), k.Encrypted}, nil); err != nil {
						return err
					}
					continue
				}
				kept := "plain"
				if k.Encrypted {
					kept = "passphrase"
				}
				rows = append(rows, []ui.Cell{{Text: k.Name, Meaning: ui.Name}, {Text: kept}, {Text: k.Agent.KeyHex()}})
			}
			if !f.JSON {
				f.IO.Table([]string{"name", "kept", "public key"}, rows)
			}
			return nil
		},
	}
}

func newExport(f *cmdutil.Factory) *cobra.Command {
	var ssh bool
	c := &cobra.Command{
		Use: "export [NAME]", Short: "Print a public key", Example: "  mythos key export\n  mythos key export self --ssh",
		Args: cmdutil.Args(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := identity.SelfKey
			if len(args) > 0 {
				name = args[0]
			}
			dir, err := f.RepoDir()
			if err != nil {
				return err
			}
			keys, err := keyfile.List(identity.KeyDir(dir))
			if err != nil {
				return err
			}
			for _, k := range keys {
				if k.Name != name || k.Err != nil {
					continue
				}
				line := k.Agent.KeyHex()
				if ssh {
					if line, err = keyfile.SSHPublic(k.Agent); err != nil {
						return err
					}
				}
				return f.Emit(keyLine{k.Name, k.Agent.KeyHex(), k.Agent.KeyID(), k.Encrypted}, func() { f.IO.Printf("%s\n", line) })
			}
			return clierr.New(clierr.NotFound, "no key %q", name).With("see `mythos key ls`")
		},
	}
	c.Flags().BoolVar(&ssh, "ssh", false, "as an SSH public key")
	return c
}
