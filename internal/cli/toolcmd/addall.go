package toolcmd

import (
	"context"

	"github.com/mythos-project/mythos/exec/toolname"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
)

// addAll registers every tool of an MCP server. All of their names are checked before the
// first one is registered.
func addAll(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, o *addOptions) error {
	if !o.IsMCP || o.MCPTool != "" || o.NoCheck || o.ID != "" {
		return clierr.Usagef("--mcp-all registers every tool of the server that --mcp names; --mcp-tool, --no-check and --id are for a single tool")
	}
	specs, err := n.Toolbox.ServerTools(ctx, o.ToolSpec)
	if err != nil {
		return addFailed(err, o)
	}
	for _, s := range specs {
		if err := toolname.Check(s.Name); err != nil {
			return clierr.New(clierr.Usage, "%w", err).With("choose a shorter prefix, or register this tool alone with --mcp-tool")
		}
	}
	for _, s := range specs {
		added, err := n.Toolbox.Add(ctx, s)
		if err != nil {
			return addFailed(err, o)
		}
		for _, note := range added.Notes {
			f.IO.Notef("%s: %s", s.Name, note)
		}
		t := added.Tool
		if err := f.Emit(toolView(t), func() { f.IO.Printf("%s\t%s\n", t.ID, t.Name) }); err != nil {
			return err
		}
	}
	return nil
}
