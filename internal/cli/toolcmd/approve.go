package toolcmd

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/mcp/pin"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
)

type approveOptions struct {
	Server string
	DryRun bool
	Expect string
}

func newApprove(f *cmdutil.Factory) *cobra.Command {
	o := &approveOptions{}
	c := &cobra.Command{
		Use: "approve SERVER [--dry-run] [--expect HASH]", Short: "Register an MCP server's tools as it describes them now, and show what changed",
		Long: "SERVER is a name from `mythos mcp add`. This hashes the server's program again, starts the server, asks for its\n" +
			"tools, and shows what differs from the registration, one line for each changed member. Then it registers the\n" +
			"result: new and changed tools get new ids, which capabilities for the old ids do not cover, and tools that are\n" +
			"gone are forgotten. The last line has the hash of it all. With --dry-run, it registers nothing. With --expect,\n" +
			"it registers only the description with this hash.",
		Example: "  mythos tool approve fs --dry-run", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Server = args[0]
			return runApprove(c.Context(), f, o)
		},
	}
	c.Flags().BoolVarP(&o.DryRun, "dry-run", "n", false, "show what changed, and register nothing")
	c.Flags().StringVar(&o.Expect, "expect", "", "register only what has this hash, as --dry-run showed it")
	return c
}

// change is a change of a tool.
type change struct {
	Name    string       `json:"name"`
	Change  string       `json:"change"` // new, changed, gone, or server
	Lines   []string     `json:"lines"`  // old and new values
	Was     *object.Hash `json:"was_tool_id,omitempty"`
	Now     *object.Hash `json:"tool_id,omitempty"` // with --dry-run: absent
	Server  object.Hash  `json:"server_hash"`       // of the server's tools as they would be registered
	Applied bool         `json:"applied"`
}

func runApprove(ctx context.Context, f *cmdutil.Factory, o *approveOptions) error {
	var expect object.Hash
	if o.Expect != "" {
		var err error
		if expect, err = object.ParseHash(o.Expect); err != nil {
			return clierr.Usagef("--expect: %w", err)
		}
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	s := &pin.Server{Name: o.Server, Tools: n.Tools, Texts: n.Store}
	module, changes, hash, err := compared(ctx, n, s)
	if err != nil {
		return err
	}
	if o.Expect != "" && hash != expect {
		return clierr.New(clierr.Invalid, "server %s has hash %s, not %s: it changed since you looked at it", o.Server, hash, expect).On(o.Server).
			With("look again: mythos tool approve " + o.Server + " --dry-run")
	}
	ids := map[string]pin.Moved{}
	if !o.DryRun {
		done, err := s.Approve(ctx, module, changes, exec.Policy{})
		if err != nil {
			return err
		}
		for _, t := range done {
			ids[t.Name] = pin.Moved{Is: t.ID}
		}
		for _, m := range pin.MovedBy(changes, done) {
			ids[m.Name] = m
		}
	}
	var last []string
	for _, c := range changes {
		line := change{Name: c.Name, Change: c.Kind, Lines: c.Lines, Server: hash, Applied: !o.DryRun}
		if m, ok := ids[c.Name]; ok {
			line.Now = &m.Is
			if !m.Was.IsZero() {
				line.Was = &m.Was
			}
		}
		if err := f.Emit(line, func() { printChange(f, c, last) }); err != nil {
			return err
		}
		last = c.Lines
	}
	switch {
	case len(changes) == 0:
		f.IO.Notef("server %s describes its tools as they are registered", o.Server)
	case o.DryRun:
		f.IO.Notef("nothing was registered; to register exactly this: mythos tool approve %s --expect %s", o.Server, hash)
	default:
		f.IO.Notef("server %s, hash %s: registered; capabilities for changed tools must be issued again", o.Server, hash)
	}
	return nil
}

// printChange prints the change of a tool; a change common to all is printed once.
func printChange(f *cmdutil.Factory, c pin.Change, last []string) {
	f.IO.Printf("%s %s\n", c.Kind, c.Name)
	if slices.Equal(c.Lines, last) {
		return
	}
	for _, line := range c.Lines {
		f.IO.Printf("  %s\n", line)
	}
}

// compared asks a registered server for its tools, with its present files.
func compared(ctx context.Context, n *repo.Repo, s *pin.Server) (module exec.ModuleRef, changes []pin.Change, hash object.Hash, err error) {
	if module, err = s.Module(ctx); err != nil {
		if errors.Is(err, pin.ErrNoServer) {
			err = clierr.New(clierr.NotFound, "%w", err).On(s.Name).With("register it: mythos mcp add " + s.Name + " -- CMD")
		}
		return module, nil, hash, err
	}
	if module, err = pin.Repin(module); err != nil {
		return module, nil, hash, clierr.New(clierr.NotFound, "server %s: %w", s.Name, err).On(s.Name)
	}
	tools, err := n.Toolbox.ListServer(ctx, s.Name, module, 0)
	if err != nil {
		return module, nil, hash, clierr.New(clierr.Tool, "server %s: %w", s.Name, err).On(s.Name)
	}
	if changes, err = s.Compare(ctx, module, tools); err != nil {
		return module, nil, hash, clierr.New(clierr.Conflict, "%w", err).On(s.Name)
	}
	hash, err = pin.Hash(module, tools)
	return module, changes, hash, err
}
