package keycmd

import (
	"context"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/keyfile"
)

type rotateOptions struct {
	Name       string
	Overlap    cmdutil.Duration
	Passphrase bool
}

const defaultOverlap = 7 * 24 * time.Hour

func newRotate(f *cmdutil.Factory) *cobra.Command {
	o := &rotateOptions{Overlap: cmdutil.Duration(defaultOverlap)}
	c := &cobra.Command{
		Use: "rotate [NAME] [--overlap D] [--passphrase]", Short: "Replace a key by a new one; prints the new public key",
		Long: "The old key stays in the folder as NAME.1 (or the next free number). Until the overlap ends, trust.yaml trusts\n" +
			"it for the same things as before. What it signed until then still counts: receipts, what was done under its\n" +
			"capabilities, promotions. What it signs later does not count, and its capabilities allow nothing more: have them\n" +
			"issued again before that. Without NAME, it replaces the repository's identity. The capabilities that this\n" +
			"identity holds belong to its old key: have them issued to the new one.",
		Example: "  mythos key rotate --overlap 7d",
		Args:    cmdutil.Args(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Name = identity.SelfKey
			if len(args) > 0 {
				o.Name = args[0]
			}
			return runRotate(c.Context(), f, o)
		},
	}
	c.Flags().Var(&o.Overlap, "overlap", "how long the old key is still trusted")
	c.Flags().BoolVar(&o.Passphrase, "passphrase", false, passphraseHelp)
	return c
}

func runRotate(ctx context.Context, f *cmdutil.Factory, o *rotateOptions) error {
	if o.Overlap < 0 {
		return clierr.Usagef("--overlap must not be negative")
	}
	dir, err := f.RepoDir()
	if err != nil {
		return err
	}
	p, err := protection(o.Passphrase, cmdutil.EnvNewPassphrase, cmdutil.EnvPassphrase)
	if err != nil {
		return err
	}
	defer clear(p.Passphrase)
	// Even an overlap of zero has a first moment: a window is never empty.
	until := keyfile.End{At: f.Now().Add(max(time.Duration(o.Overlap), time.Microsecond)), Entries: entriesHere(ctx, f)}
	r, err := keyfile.Rotate(identity.KeyDir(dir), filepath.Join(dir, identity.TrustFile), o.Name, f.Passphrase(), p, until)
	if err != nil {
		return err
	}
	line := rotation{o.Name, r.New.KeyHex(), r.New.KeyID(), r.OldName, r.Old.KeyHex(), nil}
	if r.Until != 0 {
		line.OldUntil = &r.Until
		f.IO.Notef("the old key is kept as %s and trusted until %s", r.OldName, r.Until)
	} else {
		f.IO.Notef("the old key is kept as %s; trust.yaml names neither", r.OldName)
	}
	return f.Emit(line, func() { f.IO.Printf("%s\n", r.New.KeyHex()) })
}

type protectOptions struct {
	Name   string
	Remove bool
}

func newProtect(f *cmdutil.Factory) *cobra.Command {
	o := &protectOptions{}
	c := &cobra.Command{
		Use: "protect [NAME] [--remove]", Short: "Encrypt a key with a passphrase, or change its passphrase",
		Long: "age (scrypt) encrypts the file. The current passphrase comes from MYTHOS_KEY_PASSPHRASE, from the file that\n" +
			"MYTHOS_KEY_PASSPHRASE_FILE names, or from the terminal. The new one comes from MYTHOS_KEY_NEW_PASSPHRASE; for a\n" +
			"key without a passphrase, also from the same places.",
		Example: "  MYTHOS_KEY_PASSPHRASE=\"$SECRET\" mythos key protect",
		Args:    cmdutil.Args(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.Name = identity.SelfKey
			if len(args) > 0 {
				o.Name = args[0]
			}
			return runProtect(f, o)
		},
	}
	c.Flags().BoolVar(&o.Remove, "remove", false, "keep it without a passphrase from now on")
	return c
}

func runProtect(f *cmdutil.Factory, o *protectOptions) error {
	dir, err := f.RepoDir()
	if err != nil {
		return err
	}
	now, err := keyfile.Encrypted(identity.KeyDir(dir), o.Name)
	if err != nil {
		return err
	}
	variables := []string{cmdutil.EnvNewPassphrase}
	if !now {
		variables = append(variables, cmdutil.EnvPassphrase)
	}
	p, err := protection(!o.Remove, variables...)
	if err != nil {
		return err
	}
	defer clear(p.Passphrase)
	agent, err := keyfile.Protect(identity.KeyDir(dir), o.Name, f.Passphrase(), p)
	if err != nil {
		return err
	}
	f.IO.Notef("key %s, %s, is kept %s", o.Name, agent.KeyHex(), map[bool]string{true: "plain", false: "encrypted"}[o.Remove])
	return nil
}
