package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/blobcmd"
	"github.com/mythos-project/mythos/internal/cli/capcmd"
	"github.com/mythos-project/mythos/internal/cli/cellcmd"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/cli/conformcmd"
	"github.com/mythos-project/mythos/internal/cli/datasetcmd"
	"github.com/mythos-project/mythos/internal/cli/keycmd"
	"github.com/mythos-project/mythos/internal/cli/ledgercmd"
	"github.com/mythos-project/mythos/internal/cli/modelcmd"
	"github.com/mythos-project/mythos/internal/cli/objectcmd"
	"github.com/mythos-project/mythos/internal/cli/peercmd"
	"github.com/mythos-project/mythos/internal/cli/quickstart"
	"github.com/mythos-project/mythos/internal/cli/repocmd"
	"github.com/mythos-project/mythos/internal/cli/runcmd"
	"github.com/mythos-project/mythos/internal/cli/toolcmd"
)

// paged are the verbs whose output is for reading: on a terminal a long one goes
// through a pager.
var paged = map[string]bool{"ls": true, "log": true, "show": true, "status": true, "why": true, "diff": true, "ids": true, "disasm": true}

// NewRoot builds the whole command tree.
func NewRoot(f *cmdutil.Factory) *cobra.Command {
	var dir string
	var plain, noPager bool
	f.CodeOf = func(err error) int { return classify(err).Code }
	root := &cobra.Command{
		Use:           "mythos",
		Short:         "Make what agents and pipelines do provable",
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return clierr.Usagef("unknown command %q", args[0]).With("see `mythos --help`")
			}
			return c.Help()
		},
		Args: cobra.ArbitraryArgs,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			if plain {
				f.IO.Color = false
			}
			if !noPager && !f.JSON && paged[c.Name()] {
				f.IO.Page(f.Cancel)
			}
			if dir == "" {
				return nil
			}
			if err := os.Chdir(dir); err != nil {
				return cmdutil.FileError(dir, err)
			}
			return nil
		},
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return clierr.Usagef("%s: %w", c.CommandPath(), err).With("see `" + c.CommandPath() + " --help`")
	})
	flags := root.PersistentFlags()
	flags.StringVarP(&dir, "directory", "C", "", "run as if started in this directory")
	flags.StringVar(&f.Repo, "repo", os.Getenv("MYTHOS_DIR"), "the repository, instead of walking up")
	flags.Lookup("repo").DefValue = "" // help and manual pages are the same for everybody
	flags.BoolVar(&f.JSON, "json", false, "one JSON document on standard output; lists and streams one a line")
	flags.BoolVarP(&f.IO.Quiet, "quiet", "q", false, "no notes on standard error")
	flags.BoolVarP(&f.IO.Verbose, "verbose", "v", false, "more notes on standard error")
	flags.BoolVar(&plain, "no-color", false, "no colour")
	flags.BoolVar(&noPager, "no-pager", false, "no pager for long output on a terminal")
	root.AddCommand(
		repocmd.NewInit(f), repocmd.NewStatus(f), repocmd.NewLog(f), repocmd.NewFsck(f), repocmd.NewGC(f), repocmd.NewVersion(f),
		objectcmd.NewEncode(f), objectcmd.NewDecode(f), objectcmd.NewHash(f), objectcmd.NewVerify(f),
		objectcmd.NewObject(f), objectcmd.NewRef(f), objectcmd.NewShow(f), blobcmd.New(f), keycmd.NewKey(f), keycmd.NewTrust(f),
		capcmd.New(f), toolcmd.New(f), cellcmd.New(f),
		runcmd.NewCall(f), runcmd.NewRun(f), runcmd.NewReplay(f), runcmd.NewAsm(f), runcmd.NewDisasm(f),
		ledgercmd.NewLedger(f), ledgercmd.NewReceipt(f),
		datasetcmd.NewEpisode(f), datasetcmd.NewSignal(f), datasetcmd.NewScore(f), datasetcmd.NewCorpus(f), datasetcmd.NewDataset(f),
		modelcmd.NewRecipe(f), modelcmd.NewSuite(f), modelcmd.NewPolicy(f), modelcmd.NewTrain(f), modelcmd.NewEval(f), modelcmd.NewAttest(f),
		modelcmd.NewPromote(f), modelcmd.NewRollback(f), modelcmd.NewRing(f), modelcmd.NewModel(f), modelcmd.NewIndex(f), modelcmd.NewWhy(f),
		quickstart.New(f), conformcmd.New(f), newCompletion(f),
		peercmd.NewPacket(f), peercmd.NewServe(f), peercmd.NewSubmit(f), peercmd.NewPull(f), peercmd.NewPush(f), peercmd.NewFetch(f), peercmd.NewTask(f), peercmd.NewPeer(f), peercmd.NewCodebook(f),
	)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetUsageTemplate(root.UsageTemplate() + "\n" + clierr.Table())
	return root
}
