package cli

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/cli/help"
	"github.com/mythos-project/mythos/internal/cli/repocmd"
)

// paged are the verbs with output for reading: on a terminal, long output goes through a pager.
var paged = map[string]bool{"ls": true, "log": true, "show": true, "status": true, "why": true, "diff": true, "ids": true, "disasm": true, "help": true}

// lenient are the commands that run whatever the settings are: help, and commands that install or identify the program.
var lenient = map[string]bool{"mythos": true, "help": true, "version": true, "completion": true, cobra.ShellCompRequestCmd: true, cobra.ShellCompNoDescRequestCmd: true}

// NewRoot builds the whole command tree.
func NewRoot(f *cmdutil.Factory) *cobra.Command {
	root := newRoot(f)
	help.Install(f, root)
	addAll(f, root)
	return root
}

// together matches cobra's error for flags that exclude each other.
var together = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\[([^\]]*)\] were all set`) })

// exclusive refuses flags that exclude each other as a usage error, in our own words.
func exclusive(c *cobra.Command) error {
	err := c.ValidateFlagGroups()
	if err == nil {
		return nil
	}
	if names := together().FindStringSubmatch(err.Error()); names != nil {
		err = fmt.Errorf("--%s exclude each other", strings.Join(strings.Fields(names[1]), " and --"))
	}
	return clierr.Usagef("%s: %w", c.CommandPath(), cmdutil.FlagError(err)).With("see `" + c.CommandPath() + " --help`")
}

// newRoot builds the root alone.
func newRoot(f *cmdutil.Factory) *cobra.Command {
	var dir string
	var plain, noPager, version bool
	f.CodeOf = func(err error) int { return classify(err).Code }
	f.Explain = explain
	root := &cobra.Command{
		Use:           "mythos",
		Short:         "Make what agents and pipelines do provable",
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return cmdutil.Unknown(c, args[0])
			}
			if version {
				return repocmd.NewVersion(f).RunE(c, nil)
			}
			return c.Help()
		},
		Args: cobra.ArbitraryArgs,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			if err := exclusive(c); err != nil {
				return err
			}
			if plain {
				f.IO.Color = false
			}
			if !noPager && !f.JSON && paged[c.Name()] {
				f.IO.Page(f.Cancel)
			}
			if dir != "" {
				if err := os.Chdir(dir); err != nil {
					return cmdutil.FileError(dir, err)
				}
			}
			if lenient[c.Name()] {
				return nil
			}
			_, err := f.Settings()
			return err
		},
	}
	root.SetOut(f.IO.Out)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return clierr.Usagef("%s: %w", c.CommandPath(), cmdutil.FlagError(err)).With("see `" + c.CommandPath() + " --help`")
	})
	root.Flags().BoolVar(&version, "version", false, "print the version, as `mythos version` does")
	flags := root.PersistentFlags()
	flags.StringVarP(&dir, "directory", "C", "", "run as if started in this directory")
	flags.StringVar(&f.From, "repo", os.Getenv("MYTHOS_DIR"), "the repository, instead of searching upwards")
	flags.Lookup("repo").DefValue = "" // help and manual pages must not depend on the user
	flags.BoolVar(&f.JSON, "json", false, "one JSON document on standard output; lists and streams print one a line")
	flags.BoolVarP(&f.IO.Quiet, "quiet", "q", false, "no notes on standard error")
	flags.BoolVarP(&f.IO.Verbose, "verbose", "v", false, "more notes on standard error")
	flags.BoolVar(&plain, "no-color", false, "no colour")
	flags.BoolVar(&noPager, "no-pager", false, "no pager for long output on a terminal")
	root.CompletionOptions.DisableDefaultCmd = true
	return root
}
