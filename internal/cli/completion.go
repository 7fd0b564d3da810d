package cli

import (
	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

// newCompletion is `mythos completion`.
func newCompletion(f *cmdutil.Factory) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return f.Returns(&cobra.Command{
		Use: "completion SHELL", Short: "Print the completion script for bash, zsh, fish or powershell",
		Long: "The script completes commands and flags, and the repository's hashes, refs, tools, capabilities, agents and peers.\n" +
			"  bash        source <(mythos completion bash)\n" +
			"  zsh         mythos completion zsh > \"${fpath[1]}/_mythos\"\n" +
			"  fish        mythos completion fish > ~/.config/fish/completions/mythos.fish\n" +
			"  powershell  mythos completion powershell | Out-String | Invoke-Expression",
		Example: "  mythos completion bash > mythos.bash", Args: cmdutil.Args(1, 1), ValidArgs: shells,
		RunE: func(c *cobra.Command, args []string) error {
			root := c.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(f.IO.Out, true)
			case "zsh":
				return root.GenZshCompletion(f.IO.Out)
			case "fish":
				return root.GenFishCompletion(f.IO.Out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(f.IO.Out)
			}
			return clierr.Usagef("%q is not one of %v", args[0], shells)
		},
	}, cmdutil.Results{"": cmdutil.Bytes()})
}
