package hookcmd

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/cli/mcpcmd"
	"github.com/mythos-project/mythos/internal/hook"
	"github.com/mythos-project/mythos/internal/remedy"
)

func newConfig(f *cmdutil.Factory) *cobra.Command {
	var agent string
	names := strings.Join(hook.Names(), "|")
	c := &cobra.Command{
		Use: "config " + names + " [--agent A]", Short: "Print the configuration that makes a harness use this repository",
		Long: "Prints JSON to add to the harness's settings: Claude Code .claude/settings.json, Codex .codex/hooks.json, Cursor\n" +
			".cursor/hooks.json, Gemini CLI .gemini/settings.json. It writes no file. The configuration also refuses calls\n" +
			"when the hook cannot start or is killed, as far as the harness allows it. Without --agent, the calls are made as\n" +
			"the agent with the harness's name, or as you if there is none.",
		Example: "  mythos hook config claude --agent scout", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runConfig(c.Context(), f, args[0], agent) },
	}
	c.Flags().StringVar(&agent, "agent", "", "make the calls as this agent: a name from mythos agent add")
	return c
}

func runConfig(ctx context.Context, f *cmdutil.Factory, name, agent string) error {
	h, ok := hook.For(name)
	if !ok {
		return clierr.Usagef("harness %q: %s", name, strings.Join(hook.Names(), ", "))
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	if agent, err = mcpcmd.Whose(ctx, n, agent, name); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	root, err := filepath.Abs(filepath.Dir(n.Dir))
	if err != nil {
		return err
	}
	words := []string{self, "-C", root, "hook", name}
	whose := "yours"
	if agent != "" {
		words, whose = append(words, "--agent", agent), agent+"'s"
	}
	for i, w := range words {
		words[i] = remedy.ShellWord(w)
	}
	run := strings.Join(words, " ")
	if err := writeJSON(f.IO.Out, h.Config(run+orBlock, run), "  "); err != nil {
		return err
	}
	f.IO.Notef("for %s, in addition to what is there; the calls are %s", h.File, whose)
	return nil
}

// orBlock refuses a call, in a shell, if the hook gave no answer: the program is missing, or was killed. A harness
// treats any status other than 2 as a warning.
const orBlock = " || { [ $? = 2 ] || echo 'mythos: the hook ended without an answer' >&2; exit 2; }"
