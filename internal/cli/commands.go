package cli

import (
	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/blobcmd"
	"github.com/mythos-project/mythos/internal/cli/capcmd"
	"github.com/mythos-project/mythos/internal/cli/cellcmd"
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

// commands are the commands of the root. A start makes the one that it is asked for: all
// of them, with their flags, are a fifth of the time that a short command takes.
var commands = []struct {
	name string
	make func(*cmdutil.Factory) *cobra.Command
}{
	{"init", repocmd.NewInit},
	{"status", repocmd.NewStatus},
	{"log", repocmd.NewLog},
	{"fsck", repocmd.NewFsck},
	{"gc", repocmd.NewGC},
	{"version", repocmd.NewVersion},
	{"encode", objectcmd.NewEncode},
	{"decode", objectcmd.NewDecode},
	{"hash", objectcmd.NewHash},
	{"verify", objectcmd.NewVerify},
	{"object", objectcmd.NewObject},
	{"ref", objectcmd.NewRef},
	{"show", objectcmd.NewShow},
	{"blob", blobcmd.New},
	{"key", keycmd.NewKey},
	{"trust", keycmd.NewTrust},
	{"agent", keycmd.NewAgent},
	{"cap", capcmd.New},
	{"tool", toolcmd.New},
	{"cell", cellcmd.New},
	{"call", runcmd.NewCall},
	{"run", runcmd.NewRun},
	{"replay", runcmd.NewReplay},
	{"asm", runcmd.NewAsm},
	{"disasm", runcmd.NewDisasm},
	{"ledger", ledgercmd.NewLedger},
	{"receipt", ledgercmd.NewReceipt},
	{"episode", datasetcmd.NewEpisode},
	{"signal", datasetcmd.NewSignal},
	{"score", datasetcmd.NewScore},
	{"corpus", datasetcmd.NewCorpus},
	{"dataset", datasetcmd.NewDataset},
	{"recipe", modelcmd.NewRecipe},
	{"suite", modelcmd.NewSuite},
	{"policy", modelcmd.NewPolicy},
	{"train", modelcmd.NewTrain},
	{"eval", modelcmd.NewEval},
	{"attest", modelcmd.NewAttest},
	{"promote", modelcmd.NewPromote},
	{"rollback", modelcmd.NewRollback},
	{"ring", modelcmd.NewRing},
	{"model", modelcmd.NewModel},
	{"index", modelcmd.NewIndex},
	{"why", modelcmd.NewWhy},
	{"quickstart", quickstart.New},
	{"conformance", conformcmd.New},
	{"completion", newCompletion},
	{"packet", peercmd.NewPacket},
	{"serve", peercmd.NewServe},
	{"submit", peercmd.NewSubmit},
	{"pull", peercmd.NewPull},
	{"push", peercmd.NewPush},
	{"fetch", peercmd.NewFetch},
	{"task", peercmd.NewTask},
	{"peer", peercmd.NewPeer},
	{"codebook", peercmd.NewCodebook},
}

// addAll gives the root all its commands.
func addAll(f *cmdutil.Factory, root *cobra.Command) {
	for _, c := range commands {
		root.AddCommand(c.make(f))
	}
}

// addAsked gives the root the one command that the arguments name, or all when they name
// none: help, shells that complete, words with typing errors. What the arguments name is
// cobra's own decision, on commands that are names alone.
func addAsked(f *cmdutil.Factory, root *cobra.Command, args []string) {
	for _, c := range commands {
		root.AddCommand(&cobra.Command{Use: c.name})
	}
	asked, _, err := root.Find(args)
	root.ResetCommands()
	for _, c := range commands {
		if err == nil && asked.Name() == c.name {
			root.AddCommand(c.make(f))
			return
		}
	}
	addAll(f, root)
}
