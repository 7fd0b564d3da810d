package cli

import (
	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/blobcmd"
	"github.com/mythos-project/mythos/internal/cli/capcmd"
	"github.com/mythos-project/mythos/internal/cli/cellcmd"
	"github.com/mythos-project/mythos/internal/cli/clustercmd"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/cli/conformcmd"
	"github.com/mythos-project/mythos/internal/cli/datasetcmd"
	"github.com/mythos-project/mythos/internal/cli/gatecmd"
	"github.com/mythos-project/mythos/internal/cli/help"
	"github.com/mythos-project/mythos/internal/cli/hookcmd"
	"github.com/mythos-project/mythos/internal/cli/indexcmd"
	"github.com/mythos-project/mythos/internal/cli/keycmd"
	"github.com/mythos-project/mythos/internal/cli/ledgercmd"
	"github.com/mythos-project/mythos/internal/cli/mcpcmd"
	"github.com/mythos-project/mythos/internal/cli/modelcmd"
	"github.com/mythos-project/mythos/internal/cli/objectcmd"
	"github.com/mythos-project/mythos/internal/cli/peercmd"
	"github.com/mythos-project/mythos/internal/cli/quickstart"
	"github.com/mythos-project/mythos/internal/cli/refcmd"
	"github.com/mythos-project/mythos/internal/cli/repocmd"
	"github.com/mythos-project/mythos/internal/cli/runcmd"
	"github.com/mythos-project/mythos/internal/cli/signalcmd"
	"github.com/mythos-project/mythos/internal/cli/toolcmd"
	"github.com/mythos-project/mythos/internal/cli/treecmd"
	"github.com/mythos-project/mythos/internal/cli/whycmd"
)

// commands are the commands of the root. A process constructs only the requested one: constructing all of them, with
// their flags, is a fifth of the time of a short command.
var commands = []struct {
	name  string
	group string // group in the overview; within a group, rows are in the order of use
	make  func(*cmdutil.Factory) *cobra.Command
}{
	{"quickstart", help.Start, quickstart.New},
	{"init", help.Start, repocmd.NewInit},
	{"once", help.Start, runcmd.NewOnce},
	{"tool", help.Start, toolcmd.New},
	{"mcp", help.Start, mcpcmd.New},
	{"cap", help.Start, capcmd.New},
	{"call", help.Start, runcmd.NewCall},
	{"status", help.Start, repocmd.NewStatus},
	{"log", help.Start, repocmd.NewLog},
	{"receipt", help.Start, ledgercmd.NewReceipt},
	{"why", help.Start, whycmd.New},
	{"run", help.Effects, runcmd.NewRun},
	{"replay", help.Effects, runcmd.NewReplay},
	{"ledger", help.Effects, ledgercmd.NewLedger},
	{"cell", help.Effects, cellcmd.New},
	{"asm", help.Effects, runcmd.NewAsm},
	{"disasm", help.Effects, runcmd.NewDisasm},
	{"key", help.Authority, keycmd.NewKey},
	{"trust", help.Authority, keycmd.NewTrust},
	{"agent", help.Authority, keycmd.NewAgent},
	{"hook", help.Authority, hookcmd.New},
	{"approve", help.Authority, gatecmd.NewApprove},
	{"freeze", help.Authority, gatecmd.NewFreeze},
	{"thaw", help.Authority, gatecmd.NewThaw},
	{"blob", help.Data, blobcmd.New},
	{"tree", help.Data, treecmd.New},
	{"episode", help.Data, datasetcmd.NewEpisode},
	{"signal", help.Data, signalcmd.New},
	{"score", help.Data, datasetcmd.NewScore},
	{"corpus", help.Data, datasetcmd.NewCorpus},
	{"dataset", help.Data, datasetcmd.NewDataset},
	{"index", help.Data, indexcmd.New},
	{"show", help.Data, objectcmd.NewShow},
	{"verify", help.Data, objectcmd.NewVerify},
	{"recipe", help.Models, modelcmd.NewRecipe},
	{"suite", help.Models, modelcmd.NewSuite},
	{"train", help.Models, modelcmd.NewTrain},
	{"eval", help.Models, modelcmd.NewEval},
	{"attest", help.Models, modelcmd.NewAttest},
	{"policy", help.Models, modelcmd.NewPolicy},
	{"promote", help.Models, modelcmd.NewPromote},
	{"rollback", help.Models, modelcmd.NewRollback},
	{"ring", help.Models, modelcmd.NewRing},
	{"model", help.Models, modelcmd.NewModel},
	{"join", help.Peers, repocmd.NewJoin},
	{"peer", help.Peers, peercmd.NewPeer},
	{"serve", help.Peers, peercmd.NewServe},
	{"worker", help.Peers, clustercmd.NewWorker},
	{"push", help.Peers, peercmd.NewPush},
	{"pull", help.Peers, peercmd.NewPull},
	{"fetch", help.Peers, peercmd.NewFetch},
	{"submit", help.Peers, peercmd.NewSubmit},
	{"task", help.Peers, peercmd.NewTask},
	{"packet", help.Peers, peercmd.NewPacket},
	{"codebook", help.Peers, peercmd.NewCodebook},
	{"object", help.Plumbing, objectcmd.NewObject},
	{"ref", help.Plumbing, refcmd.New},
	{"encode", help.Plumbing, objectcmd.NewEncode},
	{"decode", help.Plumbing, objectcmd.NewDecode},
	{"hash", help.Plumbing, objectcmd.NewHash},
	{"fsck", help.Plumbing, repocmd.NewFsck},
	{"gc", help.Plumbing, repocmd.NewGC},
	{"cluster", help.Plumbing, clustercmd.NewCluster},
	{"migrate", help.Plumbing, repocmd.NewMigrate},
	{"conformance", help.Plumbing, conformcmd.New},
	{"completion", help.Plumbing, newCompletion},
	{"version", help.Plumbing, repocmd.NewVersion},
}

// addAll gives the root all its commands.
func addAll(f *cmdutil.Factory, root *cobra.Command) {
	for _, c := range commands {
		add(root, c.make(f), c.group)
	}
}

// add gives the root a command of a group.
func add(root, c *cobra.Command, group string) {
	c.GroupID = group
	root.AddCommand(c)
}

// addAsked gives the root the one command that the arguments name, or all commands if they name none: for help, shell
// completion, and misspelt words. Cobra itself decides which command the arguments name, on commands that have only
// names.
func addAsked(f *cmdutil.Factory, root *cobra.Command, args []string) {
	for _, c := range commands {
		root.AddCommand(&cobra.Command{Use: c.name})
	}
	asked, _, err := root.Find(args)
	root.ResetCommands()
	help.Install(f, root)
	for _, c := range commands {
		if err == nil && asked.Name() == c.name {
			add(root, c.make(f), c.group)
			return
		}
	}
	addAll(f, root)
}
