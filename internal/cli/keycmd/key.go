// Package keycmd holds the commands over keys and trust.
package keycmd

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object/sign"
)

// NewKey is `mythos key`.
func NewKey(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("key", "Signing keys of this repository", newGen(f), newImport(f), newLs(f), newExport(f)), keyResults)
}

func newGen(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "gen NAME", Short: "Make another key; prints its public key", Example: "  mythos key gen ci",
		Args: cmdutil.Args(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := sign.Generate(args[0])
			if err != nil {
				return err
			}
			return keep(f, args[0], key)
		},
	}
}

func newImport(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "import NAME FILE", Short: "Take an OpenSSH Ed25519 private key", Example: "  mythos key import laptop ~/.ssh/id_ed25519",
		Args: cmdutil.Args(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			pem, err := f.Read(args[1])
			if err != nil {
				return err
			}
			key, err := keyfile.ImportSSH(pem, nil, args[0])
			if err != nil {
				return clierr.New(clierr.Failed, "import %s: %w", args[1], err).On(args[1])
			}
			return keep(f, args[0], key)
		},
	}
}

func keep(f *cmdutil.Factory, name string, key *sign.Key) error {
	dir, err := f.RepoDir()
	if err != nil {
		return err
	}
	if err := keyfile.Save(node.KeyDir(dir), name, key, nil); err != nil {
		return err
	}
	a := key.Agent()
	return f.Emit(keyLine{Name: name, PublicKey: a.KeyHex(), KeyID: a.KeyID()}, func() { f.IO.Printf("%s\n", a.KeyHex()) })
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
			keys, err := keyfile.List(node.KeyDir(dir))
			if err != nil {
				return err
			}
			var rows [][]ui.Cell
			for _, k := range keys {
				if f.JSON {
					if err := f.Emit(keyLine{k.Name, k.Agent.KeyHex(), k.Agent.KeyID(), k.Encrypted}, nil); err != nil {
						return err
					}
					continue
				}
				rows = append(rows, []ui.Cell{{Text: k.Name, Meaning: ui.Name}, {Text: k.Agent.KeyHex()}})
			}
			if !f.JSON {
				f.IO.Table([]string{"name", "public key"}, rows)
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
			name := node.SelfKey
			if len(args) > 0 {
				name = args[0]
			}
			dir, err := f.RepoDir()
			if err != nil {
				return err
			}
			keys, err := keyfile.List(node.KeyDir(dir))
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
	c.Flags().BoolVar(&ssh, "ssh", false, "in the form of an SSH public key")
	return c
}

// NewTrust is `mythos trust`.
func NewTrust(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("trust", "Whom this repository trusts, for what", newTrustAdd(f), newTrustLs(f), newTrustRm(f)), trustResults)
}

func newTrustAdd(f *cmdutil.Factory) *cobra.Command {
	var name string
	var domains []string
	c := &cobra.Command{
		Use: "add KEY --name NAME --for DOMAIN,...", Short: "Trust a public key",
		Example: "  mythos trust add 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c --name ci --for packet,tool",
		Args:    cmdutil.Args(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if name == "" {
				return clierr.Usagef("--name is required")
			}
			dir, err := f.RepoDir()
			if err != nil {
				return err
			}
			return node.EditTrust(dir, func(t *keyfile.Trust) error {
				if e, ok := t.ByName(name); ok {
					if e.Key != args[0] {
						return clierr.New(clierr.Conflict, "%q is trusted already, with another key", name).With("mythos trust rm " + name)
					}
					if err := t.Remove(name); err != nil {
						return err
					}
				}
				if err := t.Add(keyfile.Entry{Name: name, Key: args[0], For: domains}); err != nil {
					return clierr.Usagef("trust %s: %w", name, err)
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&name, "name", "", "what the agent is called here (required)")
	c.Flags().StringSliceVar(&domains, "for", []string{"packet"}, "what for: packet, ledger, attest, blob, tool, train, eval, deploy, compute, cell or *")
	return c
}

func newTrustLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List whom this repository trusts", Example: "  mythos trust ls", Args: cmdutil.Args(0, 0),
		RunE: func(*cobra.Command, []string) error {
			dir, err := f.RepoDir()
			if err != nil {
				return err
			}
			t, err := node.LoadTrust(dir)
			if err != nil {
				return err
			}
			var rows [][]ui.Cell
			for _, e := range t.Entries() {
				if f.JSON {
					if err := f.Emit(trustLine{e.Name, e.Key, e.For}, nil); err != nil {
						return err
					}
					continue
				}
				rows = append(rows, []ui.Cell{{Text: e.Name, Meaning: ui.Name}, {Text: e.Key}, {Text: strings.Join(e.For, ",")}})
			}
			if !f.JSON {
				f.IO.Table([]string{"name", "key", "for"}, rows)
			}
			return nil
		},
	}
}

func newTrustRm(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "rm NAME", Short: "Trust no longer", Example: "  mythos trust rm ci", Args: cmdutil.Args(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := f.RepoDir()
			if err != nil {
				return err
			}
			return node.EditTrust(dir, func(t *keyfile.Trust) error { return t.Remove(args[0]) })
		},
	}
}
