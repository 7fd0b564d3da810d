package keycmd

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/object/sign"
)

const passphraseHelp = "encrypt it with a passphrase, from MYTHOS_KEY_PASSPHRASE, MYTHOS_KEY_PASSPHRASE_FILE or the terminal"

type genOptions struct {
	Name       string
	Issues     []string
	Passphrase bool
}

func newGen(f *cmdutil.Factory) *cobra.Command {
	o := &genOptions{}
	c := &cobra.Command{
		Use: "gen NAME [--issues DOMAIN,...] [--passphrase]", Short: "Make another key; prints its public key",
		Long: "With --issues, this key issues the capabilities of these domains (blob, tool, train, eval, deploy, compute,\n" +
			"cell) here from now on: trust.yaml names it for them instead of the repository's identity.",
		Example: "  mythos key gen ci\n  mythos key gen deployer --issues deploy --passphrase",
		Args:    cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Name = args[0]
			return runGen(c.Context(), f, o)
		},
	}
	c.Flags().StringSliceVar(&o.Issues, "issues", nil, "the domains whose capabilities it issues")
	c.Flags().BoolVar(&o.Passphrase, "passphrase", false, passphraseHelp)
	return c
}

func runGen(ctx context.Context, f *cmdutil.Factory, o *genOptions) error {
	if err := checkDomains(o.Issues); err != nil {
		return err
	}
	key, err := sign.Generate(o.Name)
	if err != nil {
		return err
	}
	if err := keep(f, o.Name, key, o.Passphrase); err != nil || len(o.Issues) == 0 {
		return err
	}
	dir, err := f.RepoDir()
	if err != nil {
		return err
	}
	end := keyfile.End{At: f.Now(), Entries: entriesHere(ctx, f)}
	return identity.EditTrust(dir, func(t *keyfile.Trust) error { return appoint(f, dir, t, key, o, end) })
}

// appoint makes the key the one for the domains, instead of the identity.
func appoint(f *cmdutil.Factory, dir string, t *keyfile.Trust, key *sign.Key, o *genOptions, end keyfile.End) error {
	entry := keyfile.Entry{Name: o.Name, Key: key.Agent().KeyHex(), For: o.Issues}
	if err := t.Add(entry); err != nil {
		return err
	}
	self, err := keyfile.Public(identity.KeyDir(dir), identity.SelfKey)
	if err != nil {
		return err
	}
	e, named := t.ByAgent(self)
	if !named {
		return nil
	}
	for _, d := range o.Issues {
		if !e.Names(d) && !e.Names(keyfile.ForAll) {
			continue
		}
		if err := t.Without(e.Name, d, end); err != nil {
			return err
		}
		f.IO.Notef("%s issues %s from now on; capabilities for it that %s issued allow nothing more, but what was done under them still counts", o.Name, d, e.Name)
		e, _ = t.ByAgent(self)
	}
	return nil
}

// checkDomains refuses unknown domains of scopes.
func checkDomains(domains []string) error {
	var known []string
	for kind := range len(scope.KindNames()) {
		if d := scope.Domain(uint8(kind + 1)); !slices.Contains(known, d) {
			known = append(known, d)
		}
	}
	for _, d := range domains {
		if !slices.Contains(known, d) {
			return clierr.Usagef("--issues: %q is not one of %v", d, known)
		}
	}
	return nil
}

type importOptions struct {
	Name, File string
	Passphrase bool
}

func newImport(f *cmdutil.Factory) *cobra.Command {
	o := &importOptions{}
	c := &cobra.Command{
		Use: "import NAME FILE [--passphrase]", Short: "Import an OpenSSH Ed25519 private key",
		Long: "If the OpenSSH key has a passphrase, it comes from MYTHOS_KEY_PASSPHRASE or the terminal. With --passphrase, the\n" +
			"key is encrypted here, too.",
		Example: "  mythos key import laptop ~/.ssh/id_ed25519",
		Args:    cmdutil.Args(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			o.Name, o.File = args[0], args[1]
			return runImport(f, o)
		},
	}
	c.Flags().BoolVar(&o.Passphrase, "passphrase", false, passphraseHelp)
	return c
}

func runImport(f *cmdutil.Factory, o *importOptions) error {
	pem, err := f.Read(o.File)
	if err != nil {
		return err
	}
	defer clear(pem)
	key, err := keyfile.ImportSSH(pem, f.Passphrase(), o.Name)
	if err != nil {
		return fmt.Errorf("import %s: %w", o.File, err)
	}
	return keep(f, o.Name, key, o.Passphrase)
}

// protection asks for a new passphrase if one is wanted.
func protection(encrypt bool, variables ...string) (p keyfile.Protection, err error) {
	if encrypt {
		p.Passphrase, err = cmdutil.NewPassphrase(variables...)
	}
	return p, err
}

func keep(f *cmdutil.Factory, name string, key *sign.Key, encrypt bool) error {
	dir, err := f.RepoDir()
	if err != nil {
		return err
	}
	trust, err := identity.LoadTrust(dir)
	if err != nil {
		return err
	}
	if e, taken := trust.ByName(name); taken && e.Key != key.Agent().KeyHex() {
		return clierr.New(clierr.Conflict, "%s is the name of key %s in trust.yaml: by that name, a command could mean either", name, e.Key[:12]).On(name).With("choose another name")
	}
	self, err := keyfile.Public(identity.KeyDir(dir), identity.SelfKey)
	if err == nil && self.Hint == name && !self.Same(key.Agent()) {
		return clierr.New(clierr.Conflict, "%s is the identity that acts here: by that name, a command could mean either", name).On(name).With("choose another name")
	}
	p, err := protection(encrypt, cmdutil.EnvPassphrase)
	if err != nil {
		return err
	}
	defer clear(p.Passphrase)
	if err := keyfile.SaveProtected(identity.KeyDir(dir), name, key, p); err != nil {
		return err
	}
	a := key.Agent()
	return f.Emit(keyLine{name, a.KeyHex(), a.KeyID(), encrypt}, func() { f.IO.Printf("%s\n", a.KeyHex()) })
}
