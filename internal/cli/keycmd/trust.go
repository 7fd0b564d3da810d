package keycmd

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
)

// NewTrust is `mythos trust`.
func NewTrust(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("trust", "Whom this repository trusts, for what", newTrustAdd(f), newTrustLs(f), newTrustRm(f)), trustResults)
}

type trustOptions struct {
	Name, Key   string
	Domains     []string
	From, Until string
	MaxAge      cmdutil.Duration
}

func newTrustAdd(f *cmdutil.Factory) *cobra.Command {
	o := &trustOptions{}
	c := &cobra.Command{
		Use: "add KEY --name NAME --for DOMAIN,... [--from T] [--until T] [--max-age D]", Short: "Trust a public key",
		Example: "  mythos trust add 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c --name ci --for packet,tool",
		Args:    cmdutil.Args(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.Key = args[0]
			return runTrustAdd(f, o)
		},
	}
	c.Flags().StringVar(&o.Name, "name", "", "what the agent is called here (required)")
	c.Flags().StringSliceVar(&o.Domains, "for", []string{"packet"}, "what for: "+strings.Join(keyfile.Domains(), ", "))
	c.Flags().StringVar(&o.From, "from", "", "trusted from then on, RFC 3339")
	c.Flags().StringVar(&o.Until, "until", "", "trusted before then, RFC 3339")
	c.Flags().Var(&o.MaxAge, "max-age", "oldest revocation list that is taken from it")
	return c
}

// entry makes an entry of the options.
func (o *trustOptions) entry() (e keyfile.Entry, err error) {
	e = keyfile.Entry{Name: o.Name, Key: o.Key, For: o.Domains, MaxAge: time.Duration(o.MaxAge)}
	for _, t := range []struct {
		flag, text string
		to         *object.Time
	}{{"--from", o.From, &e.From}, {"--until", o.Until, &e.Until}} {
		if t.text == "" {
			continue
		}
		if *t.to, err = object.ParseTime(t.text); err != nil {
			return e, clierr.Usagef("%s: %w", t.flag, err)
		}
	}
	return e, nil
}

func runTrustAdd(f *cmdutil.Factory, o *trustOptions) error {
	if o.Name == "" {
		return clierr.Usagef("--name is required").With("a name of your choice for the key: --name ci")
	}
	entry, err := o.entry()
	if err != nil {
		return err
	}
	dir, err := f.RepoDir()
	if err != nil {
		return err
	}
	return node.EditTrust(dir, func(t *keyfile.Trust) error {
		if e, ok := t.ByName(o.Name); ok {
			if e.Key != o.Key {
				return clierr.New(clierr.Conflict, "%q is trusted already, with another key", o.Name).With("mythos trust rm " + o.Name)
			}
			if err := t.Remove(o.Name); err != nil {
				return err
			}
		}
		if err := t.Add(entry); err != nil {
			return clierr.Usagef("trust %s: %w", o.Name, err)
		}
		return nil
	})
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
					if err := f.Emit(trustView(&e), nil); err != nil {
						return err
					}
					continue
				}
				rows = append(rows, []ui.Cell{{Text: e.Name, Meaning: ui.Name}, {Text: e.Key}, {Text: strings.Join(e.For, ",")}, {Text: window(&e)}})
			}
			if !f.JSON {
				f.IO.Table([]string{"name", "key", "for", "when"}, rows)
			}
			return nil
		},
	}
}

func trustView(e *keyfile.Entry) trustLine {
	v := trustLine{Name: e.Name, Key: e.Key, For: e.For}
	if e.From != 0 {
		v.From = &e.From
	}
	if e.Until != 0 {
		v.Until = &e.Until
	}
	if e.MaxAge != 0 {
		v.MaxAge = caps.FormatDuration(e.MaxAge)
	}
	return v
}

// window is the time in which an entry counts, for people.
func window(e *keyfile.Entry) string {
	var parts []string
	if e.From != 0 {
		parts = append(parts, "from "+e.From.Std().Format(minutes))
	}
	if e.Until != 0 {
		parts = append(parts, "until "+e.Until.Std().Format(minutes))
	}
	return strings.Join(parts, " ")
}

const minutes = "2006-01-02 15:04Z"

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
