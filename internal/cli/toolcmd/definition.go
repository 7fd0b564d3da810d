package toolcmd

import (
	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

func newDefinition(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "definition TOOL", Short: "Print what was said about a tool when it was registered",
		Long: "Prints one JSON object with the pinned members: name, title, description, schemas and annotations, as far as the\n" +
			"MCP server, or --description and the schemas of `mythos tool add`, gave them. The tool's id holds the hash of\n" +
			"that object's bytes, without the line end.",
		Example: "  mythos tool definition search | jq .inputSchema", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			t, err := n.Tools.Find(c.Context(), args[0])
			if err != nil {
				return err
			}
			if t.Module.Definition == nil {
				return clierr.New(clierr.NotFound, "tool %s has no definition: it was registered without a description, or without asking its MCP server", t.Name).On(t.Name)
			}
			text, err := n.Store.Bytes(c.Context(), *t.Module.Definition)
			if err != nil {
				return err
			}
			_, err = f.IO.Out.Write(append(text, '\n'))
			return err
		},
	}
}
