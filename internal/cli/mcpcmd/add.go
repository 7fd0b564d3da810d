package mcpcmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/endpoint"
	"github.com/mythos-project/mythos/exec/toolname"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/mcp/launcher"
	"github.com/mythos-project/mythos/internal/mcp/pin"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/toolbox"
	"github.com/mythos-project/mythos/internal/units"
)

// serverOptions describe a server and what it may do.
type serverOptions struct {
	toolbox.ToolSpec
	URL      string
	Header   []string
	In       string
	Timeout  cmdutil.Duration
	Floating bool
}

func (o *serverOptions) flags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.Unconfined, "unconfined", false, "let the server run with your own rights")
	flags.StringArrayVar(&o.Read, "read", nil, "a path that the confined server may read; may be repeated")
	flags.StringArrayVar(&o.Write, "write", nil, "a path that the confined server may write; may be repeated")
	flags.StringArrayVar(&o.Runtimes, "runtime", nil, "let the confined server read what "+strings.Join(toolbox.Runtimes(), ", ")+" need; may be repeated")
	flags.StringArrayVar(&o.Env, "env", nil, "pass on only these variables; +NAME: in addition to the usual ones; may be repeated")
	flags.StringVar(&o.In, "dir", "", "where the server runs: . is your folder at the start (the default if unconfined), '' a new one")
	flags.BoolVar(&o.NoPin, "no-pin", false, "allow changes to files that the server's arguments name")
	flags.BoolVar(&o.Floating, "floating", false, "let npx, uvx or docker start another version tomorrow")
	flags.Var(&o.Timeout, "timeout", "time limit of a call")
	flags.StringVar(&o.URL, "url", "", "the server's address (streamable HTTP transport)")
	flags.StringArrayVar(&o.Header, "header", nil, "with --url: 'Name: value'; may be repeated")
	flags.StringArrayVar(&o.Hosts, "host", nil, "with --url: a host that a redirect may lead to; may be repeated")
	flags.StringArrayVar(&o.Redirects, "redirect-path", nil, "with --url: a path on its own host that may get secrets after a redirect; may be repeated")
}

// module is how to start or reach the server.
func (o *serverOptions) module(f *cmdutil.Factory, c *cobra.Command, argv []string) (exec.ModuleRef, error) {
	if (o.URL == "") == (len(argv) == 0) {
		return exec.ModuleRef{}, clierr.Usagef("name the server: -- CMD..., or --url URL")
	}
	if len(o.Header)+len(o.Hosts)+len(o.Redirects) > 0 && o.URL == "" {
		return exec.ModuleRef{}, clierr.Usagef("--header, --host and --redirect-path need --url")
	}
	if o.MCP = argv; o.URL != "" {
		o.MCP = []string{o.URL}
	} else if err := launcher.Check(argv); err != nil && !o.Floating {
		return exec.ModuleRef{}, clierr.New(clierr.Usage, "%w", err).With("name an exact version, or allow changes: --floating")
	}
	if c.Flags().Changed("dir") {
		o.Dir = &o.In
	}
	if len(o.Header) > 0 {
		o.Headers = map[string]string{}
	}
	for _, h := range o.Header {
		name, value, ok := strings.Cut(h, ":")
		if _, twice := o.Headers[name]; !ok || twice {
			return exec.ModuleRef{}, clierr.Usagef("--header %q: expected 'Name: value', each name once", name)
		}
		o.Headers[name] = strings.TrimSpace(value)
		if endpoint.LiteralSecret(name, o.Headers[name]) {
			f.IO.Notef("everyone who may read the registration sees the value of header %s; if it is a secret, name it instead: '%s: env:NAME' or file:/path", name, name)
		}
	}
	o.ToolSpec.Timeout = time.Duration(o.Timeout)
	var notes []string
	m, err := toolbox.ServerModule(o.ToolSpec, &notes)
	if err == nil {
		tool := m
		tool.Tool = o.Name
		err = tool.Check()
	}
	if err != nil {
		return m, clierr.New(clierr.Usage, "server %s: %w", o.Name, err)
	}
	for _, note := range notes {
		f.IO.Notef("%s: %s", o.Name, note)
	}
	return m, nil
}

type addOptions struct {
	serverOptions
	RetrySafe bool
	Hints     bool
	Replace   bool
}

func newAdd(f *cmdutil.Factory) *cobra.Command {
	o := &addOptions{}
	c := &cobra.Command{
		Use: "add NAME [flags] -- CMD [ARG]... | --url URL", Short: "Register every tool of an MCP server, as NAME.TOOL",
		Long: "Starts the server and asks for its tools, as a client with all abilities would. Each tool is registered with\n" +
			"what the server says about it: names, descriptions, schemas, annotations. If the server later says something\n" +
			"else, the tool is refused until you approve the change (mythos tool approve NAME). The server is confined like a\n" +
			"process tool: to the system's folders and the paths that --read and --write name, without network. --unconfined\n" +
			"lets it run with your rights. npx, uvx and docker need an exact version or digest.",
		Example: "  mythos mcp add fs --runtime node --read \"$PWD/node_modules\" --write \"$PWD/proj\" -- node node_modules/@modelcontextprotocol/server-filesystem/dist/index.js \"$PWD/proj\"\n" +
			"  mythos mcp add search --url https://example.org/mcp",
		Args: func(c *cobra.Command, args []string) error { return nameAndCommand(c, args) },
		RunE: func(c *cobra.Command, args []string) error {
			o.Name = args[0]
			return runAdd(c.Context(), f, c, o, args[1:])
		},
	}
	flags := c.Flags()
	o.serverOptions.flags(flags)
	flags.BoolVar(&o.RetrySafe, "retry-safe", false, "repeat calls with unknown outcome, of all its tools")
	flags.BoolVar(&o.Hints, "accept-hints", false, "believe the server's readOnlyHint and idempotentHint: such calls are reads, or may be repeated (mythos tool policy)")
	flags.BoolVar(&o.Replace, "replace", false, "register it again if it is registered differently")
	return c
}

// nameAndCommand accepts one name, and a command after --.
func nameAndCommand(c *cobra.Command, args []string) error {
	at := c.ArgsLenAtDash()
	if at < 0 {
		at = len(args)
	}
	if at != 1 || args[0] == "" {
		return clierr.Usagef("expected one name, and the server's command after --").With("see `" + c.CommandPath() + " --help`")
	}
	return nil
}

func runAdd(ctx context.Context, f *cmdutil.Factory, c *cobra.Command, o *addOptions, argv []string) error {
	if err := toolname.Check(o.Name + ".x"); err != nil || strings.Contains(o.Name, ".") {
		return clierr.Usagef("%q is not a server name: use letters, digits, dash and underscore, starting with a small letter", o.Name)
	}
	module, err := o.module(f, c, argv)
	if err != nil {
		return err
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	return register(ctx, f, n, o.Name, module, o)
}

// register registers the tools of a server.
func register(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, name string, module exec.ModuleRef, o *addOptions) error {
	s := serverNamed(n, name)
	tools, err := listed(ctx, n, name, module, o.ToolSpec.Timeout)
	if err != nil {
		return err
	}
	if len(tools) == 0 {
		return clierr.New(clierr.NotFound, "server %s has no tools", name).On(name)
	}
	changes, err := s.Compare(ctx, module, tools)
	if err != nil {
		return clierr.New(clierr.Conflict, "%w", err).On(name)
	}
	for _, change := range changes {
		if change.Kind != pin.New && !o.Replace {
			what := "the server lists it no more"
			if change.Kind != pin.Gone {
				what = change.Kind + ": " + strings.Join(change.Lines, "; ")
			}
			return clierr.New(clierr.Conflict, "%s is registered differently (%s)", change.Name, what).On(name).
				With("if the new registration is right: --replace; to see what changed: mythos tool approve " + name + " --dry-run")
		}
	}
	added, err := s.Approve(ctx, module, changes, exec.Policy{RetrySafe: o.RetrySafe})
	if err == nil && o.Hints {
		err = s.AcceptHints(ctx, tools)
	}
	if errors.Is(err, exec.ErrPolicyOfOthers) {
		return clierr.New(clierr.Conflict, "%w", err).On(name)
	}
	if err != nil {
		return err
	}
	for _, t := range added {
		line := pinned{t.Name, t.ID, t.Module.Tool, *t.Module.Definition}
		if err := f.Emit(line, func() { f.IO.Printf("%s\t%s\n", t.ID, t.Name) }); err != nil {
			return err
		}
	}
	f.IO.Notef("%s", summary(name, len(added), len(tools)))
	if reads, repeats := pin.Claimed(tools); !o.Hints && len(added) > 0 && reads+repeats > 0 {
		f.IO.Notef("the server claims that %s only read, and that %d more may be repeated; the claims are ignored unless you accept them: `mythos mcp add --accept-hints`, or `mythos tool policy`",
			units.Count(reads, "tool"), repeats)
	}
	return nil
}

func summary(name string, added, all int) string {
	if added == all {
		return fmt.Sprintf("server %s: %s pinned", name, units.Count(all, "tool"))
	}
	return fmt.Sprintf("server %s: %s pinned, of which %d were pinned before", name, units.Count(all, "tool"), all-added)
}
