package keycmd

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
)

// NewTrust is `mythos trust`.
func NewTrust(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("trust", "Keys that this repository trusts, and for what", newTrustAdd(f), newTrustLs(f), newTrustRm(f)), trustResults)
}

type trustOptions struct {
	Name, Key   string
	Domains     []string
	From, Until cmdutil.When
	MaxAge      cmdutil.Span
}

func newTrustAdd(f *cmdutil.Factory) *cobra.Command {
	o := &trustOptions{}
	c := &cobra.Command{
		Use: "add KEY [--name NAME] [--for DOMAIN,...] [--from T] [--until T] [--max-age D]", Short: "Name a public key, and say what to trust it for",
		Long: "KEY is 64 hex digits, the name of a key of this repository, or a name from trust.yaml. Without --for, the agent\n" +
			"is known by its name and trusted for nothing: it may do what capabilities allow it. With a domain of\n" +
			"capabilities (blob, tool, train, eval, deploy, compute, cell), it may issue any of them, to anybody, itself\n" +
			"included. With packet, its packets are accepted; with ledger, its receipts count; with attest, its verdicts;\n" +
			"with policy, its issuance policies. With operator, it settles effects; with approve/ROLE, it approves calls.\n" +
			"Trust that an agent already has stays: `mythos trust rm` takes it away.",
		Example: "  mythos trust add 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c --name ci --for packet",
		Args:    cmdutil.Args(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.Key = args[0]
			return runTrustAdd(f, o)
		},
	}
	c.Flags().StringVar(&o.Name, "name", "", "the agent's name here; KEY's own if KEY is a name")
	c.Flags().StringSliceVar(&o.Domains, "for", nil, "what for: "+strings.Join(keyfile.Domains(), ", ")+", approve/ROLE; nothing by default")
	c.Flags().Var(&o.From, "from", "trusted from this time on: RFC 3339, a date, or seconds since 1970")
	c.Flags().Var(&o.Until, "until", "trusted before this time")
	c.Flags().Var(&o.MaxAge, "max-age", "maximum age of a revocation list from it")
	return c
}

// entry makes an entry from the options, for the agent KEY.
func (o *trustOptions) entry(f *cmdutil.Factory, dir string, t *keyfile.Trust) (e keyfile.Entry, err error) {
	agent, err := identity.AgentIn(dir, t, o.Key)
	if err != nil {
		return e, clierr.Usagef("KEY %s: %w", o.Key, err)
	}
	e = keyfile.Entry{Name: o.Name, Key: agent.KeyHex(), For: o.Domains, MaxAge: time.Duration(o.MaxAge)}
	if known, ok := t.ByAgent(agent); e.Name == "" && ok {
		e.Name = known.Name
	} else if _, err := object.ParseKey(o.Key); e.Name == "" && err != nil {
		e.Name = o.Key
	}
	if e.Name == "" {
		return e, clierr.Usagef("--name is required").With("a name of your choice for the key: --name ci")
	}
	_, known := t.ByAgent(agent)
	if kept, err := keyfile.Public(identity.KeyDir(dir), e.Name); !known && err == nil && kept.KeyHex() != e.Key {
		return e, clierr.New(clierr.Conflict, "%q is another key in the key folder: %s", e.Name, kept.KeyHex()).With("choose another name")
	}
	for _, t := range []struct {
		flag string
		text cmdutil.When
		to   *object.Time
	}{{"--from", o.From, &e.From}, {"--until", o.Until, &e.Until}} {
		if *t.to, err = f.Moment(t.flag, t.text); err != nil {
			return e, err
		}
		if t.text != "" && *t.to <= 0 {
			return e, clierr.Usagef("%s %s: expected a time after 1970", t.flag, t.text)
		}
	}
	return e, nil
}

func runTrustAdd(f *cmdutil.Factory, o *trustOptions) error {
	dir, err := f.RepoDir()
	if err != nil {
		return err
	}
	var entry keyfile.Entry
	err = identity.EditTrust(dir, func(t *keyfile.Trust) (err error) {
		if entry, err = o.entry(f, dir, t); err != nil {
			return err
		}
		return grant(t, &entry, f.Now())
	})
	if err == nil {
		tellTrust(f, dir, entry)
	}
	return err
}

// grant adds the entry, or extends the existing one, which entry then is.
func grant(t *keyfile.Trust, entry *keyfile.Entry, now object.Time) error {
	agent, err := entry.Agent()
	if err != nil {
		return clierr.Usagef("trust %s: %w", entry.Name, err)
	}
	known, same := t.ByAgent(agent)
	named, taken := t.ByName(entry.Name)
	switch {
	case same && known.Name != entry.Name:
		return clierr.New(clierr.Conflict, "this key is %q in trust.yaml", known.Name).With("use that name, or remove its entry: mythos trust rm --forget " + known.Name)
	case taken && !same && !named.Over(now):
		return clierr.New(clierr.Conflict, "%q is trusted already, with another key", entry.Name).With("mythos trust rm " + entry.Name)
	case same:
		err = t.Extend(*entry, now)
	default:
		err = t.Replacing(*entry, now)
	}
	if errors.Is(err, keyfile.ErrTakesAway) {
		return clierr.New(clierr.Conflict, "trust %s: %w", entry.Name, err).With("mythos trust rm " + entry.Name + " takes its trust away; then add it again")
	}
	if err != nil {
		return clierr.Usagef("trust %s: %w", entry.Name, err)
	}
	*entry, _ = t.ByAgent(agent)
	return nil
}

// tellTrust describes what the agent may do from now on.
func tellTrust(f *cmdutil.Factory, dir string, e keyfile.Entry) {
	var issues, other []string
	for _, d := range e.For {
		switch d {
		case keyfile.ForAll:
			issues = append(issues, "every kind")
			other = append(other, d)
		case keyfile.ForPacket, keyfile.ForLedger, keyfile.ForAttest, keyfile.ForPolicy, keyfile.ForOperator:
			other = append(other, d)
		default:
			if strings.HasPrefix(d, keyfile.ForApprove) {
				other = append(other, d)
				continue
			}
			issues = append(issues, d)
		}
	}
	if len(e.For) == 0 {
		f.IO.Notef("%s is known by that name and trusted for nothing: it may do what capabilities allow it (mythos cap issue --to %s ...)", e.Name, e.Name)
	}
	if len(issues) > 0 {
		f.IO.Notef("%s may now issue capabilities (%s) that count here, to anybody, itself included", e.Name, strings.Join(issues, ", "))
		if agent, err := e.Agent(); err == nil && keptHere(dir, agent) && e.Name != identity.SelfKey {
			f.IO.Notef("its key is kept here: `mythos cap issue` signs such capabilities with it from now on")
		}
	}
	if len(other) > 0 {
		f.IO.Notef("%s is trusted for: %s", e.Name, strings.Join(other, ", "))
	}
}

func newTrustLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List whom this repository trusts", Example: "  mythos trust ls", Args: cmdutil.Args(0, 0),
		RunE: func(*cobra.Command, []string) error {
			dir, err := f.RepoDir()
			if err != nil {
				return err
			}
			t, err := identity.LoadTrust(dir)
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
				rows = append(rows, []ui.Cell{{Text: e.Name, Meaning: ui.Name}, {Text: e.Key}, {Text: domains(&e)}, {Text: window(&e)}})
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
	if e.Ended.At != 0 {
		v.Ended = &e.Ended.At
	}
	if e.MaxAge != 0 {
		v.MaxAge = units.FormatDuration(e.MaxAge)
	}
	return v
}

// window is the validity of an entry, for people.
func window(e *keyfile.Entry) string {
	var parts []string
	if e.From != 0 {
		parts = append(parts, "from "+e.From.Std().Format(minutes))
	}
	if e.Until != 0 {
		parts = append(parts, "until "+e.Until.Std().Format(minutes))
	}
	if e.Ended.At != 0 {
		parts = append(parts, "ended "+e.Ended.At.Std().Format(minutes))
	}
	return strings.Join(parts, " ")
}

// domains are those of an entry, for people.
func domains(e *keyfile.Entry) string {
	if len(e.For) == 0 {
		return "nothing"
	}
	return strings.Join(e.For, ",")
}

const minutes = "2006-01-02 15:04Z"

// keptHere reports whether an agent's key is in the key folder.
func keptHere(dir string, agent object.AgentID) bool {
	keys, err := keyfile.List(identity.KeyDir(dir))
	return err == nil && slices.ContainsFunc(keys, func(k keyfile.KeyEntry) bool { return k.Err == nil && k.Agent.Same(agent) })
}

type trustRmOptions struct {
	Name   string
	Forget bool
}

func newTrustRm(f *cmdutil.Factory) *cobra.Command {
	o := &trustRmOptions{}
	c := &cobra.Command{
		Use: "rm NAME [--forget]", Short: "Stop trusting a key",
		Long: "The trust ends now. The name stays: history still shows who it was, and what the agent signed before still\n" +
			"counts. Capabilities that it holds stay valid: `mythos agent revoke NAME` ends those, too. --forget removes the\n" +
			"entry from trust.yaml; then nothing that the agent signed counts.",
		Example: "  mythos trust rm ci", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Name = args[0]
			return runTrustRm(c.Context(), f, o)
		},
	}
	c.Flags().BoolVar(&o.Forget, "forget", false, "remove the name, too")
	return c
}

func runTrustRm(ctx context.Context, f *cmdutil.Factory, o *trustRmOptions) error {
	dir, err := f.RepoDir()
	if err != nil {
		return err
	}
	end := keyfile.End{At: f.Now(), Entries: entriesHere(ctx, f)}
	err = identity.EditTrust(dir, func(t *keyfile.Trust) error {
		if o.Forget {
			return t.Forget(o.Name)
		}
		e, known := t.ByName(o.Name)
		if known && e.Name == identity.SelfKey {
			if self, err := keyfile.Public(identity.KeyDir(dir), identity.SelfKey); err == nil && self.KeyHex() == e.Key {
				return clierr.New(clierr.Refused, "%s is this repository's own identity", o.Name).With("mythos key rotate replaces its key")
			}
		}
		return t.End(o.Name, end)
	})
	if err == nil && !o.Forget {
		f.IO.Notef("capabilities that %s holds stay valid; this ends them: mythos agent revoke %s", o.Name, o.Name)
	}
	return err
}

// entriesHere is the number of entries in the ledger; nil if the ledger is not available, which must not prevent trust
// from ending.
func entriesHere(ctx context.Context, f *cmdutil.Factory) *uint64 {
	n, err := f.Repo(ctx)
	if err != nil {
		return nil
	}
	size, err := n.Ledger.Size(ctx)
	if err != nil {
		return nil
	}
	return &size
}
