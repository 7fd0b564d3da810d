package cli

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/internal/catalog"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/cli/ledgercmd"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/lookup"
	"github.com/mythos-project/mythos/internal/overview"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/ledger"
)

// argSorts maps the words of usage lines to kinds of values. A command's usage line alone defines its completion: "show
// CAP" takes a capability.
var argSorts = map[string][]string{
	"OBJECT": {lookup.AnyRef, lookup.AnyObject, lookup.AnyReceipt}, "HASH": {lookup.AnyRef, lookup.AnyObject, lookup.AnyReceipt},
	"CID":      {lookup.AnyRef, lookup.AnyBlob},
	"MANIFEST": {lookup.AnyRef, lookup.AnyBlob + ":" + dataset.MediaManifest}, "DATASET": {lookup.AnyRef, lookup.AnyBlob + ":" + dataset.MediaManifest},
	"A": {lookup.AnyRef, lookup.AnyBlob + ":" + dataset.MediaManifest}, "B": {lookup.AnyRef, lookup.AnyBlob + ":" + dataset.MediaManifest},
	"CORPUS": {lookup.AnyRef, lookup.AnyBlob + ":" + dataset.MediaCorpus},
	"CAP":    {"Capability"}, "TOOL": {lookup.AnyTool}, "PEER": {lookup.AnyPeer}, "RUN": {lookup.AnyRun}, "REF": {lookup.AnyRef}, "RECEIPT": {lookup.AnyReceipt},
	"MODEL": {lookup.AnyRef, "ModelRef"}, "RECIPE": {lookup.AnyRef, "RecipeDef"}, "SUITE": {lookup.AnyRef, "EvalSuiteDef"},
	"POLICY": {lookup.AnyRef, "PolicyDef"}, "EPISODE": {lookup.AnyRef, "EpisodeRef"}, "KEY|IDEM_ID": {lookup.AnyKey}, "AGENT": {lookup.AnyAgent},
	"episode ID": {lookup.AnyRef, "EpisodeRef"}, "receipt ID": {lookup.AnyReceipt}, "receipt ID|FILE": {lookup.AnyReceipt},
	"tool NAME": {lookup.AnyTool}, "peer NAME": {lookup.AnyPeer}, "peer NAME|URL": {lookup.AnyPeer}, "trust NAME": {lookup.AnyAgent},
}

// flagSorts maps flags to kinds of values.
var flagSorts = map[string][]string{
	"cap": {"Capability"}, "tool": {lookup.AnyTool}, "to": {lookup.AnyAgent}, "agent": {lookup.AnyAgent}, "holder": {lookup.AnyAgent},
	"policy": {lookup.AnyRef, "PolicyDef"}, "ref": {lookup.AnyRef}, "corpus": {lookup.AnyRef, lookup.AnyBlob + ":" + dataset.MediaCorpus},
	"expect": {lookup.AnyRef, lookup.AnyObject}, "parent": {lookup.AnyRef, lookup.AnyBlob}, "root": {lookup.AnyRef, lookup.AnyBlob}, "key": {lookup.AnyKey},
}

// flagWords are flags with a fixed set of values, by name, or by command path and name if commands differ.
var flagWords = map[string]func() []string{
	"struct":                catalog.Names,
	"decision":              ledgercmd.Decisions,
	"codec":                 words("raw", "zstd", "auto"),
	"for":                   keyfile.Domains,
	"signal add type":       words("reward", "label", "constraint"),
	"state":                 func() []string { return ledger.StatusNames()[1:] },
	"kind":                  ledgercmd.Kinds,
	"receipt export format": ledgercmd.Formats,
	"dataset export format": words(export.JSONL.String(), export.Parquet.String()),
	"episode import form":   words("chat", "otel", "mcp"),
	"log status":            overview.Outcomes,
	"log-format":            words("text", "json"),
}

func words(list ...string) func() []string {
	return func() []string { return slices.Clone(list) }
}

// numbers are types of flags whose values are not completed.
var numbers = []string{"int", "int64", "uint8", "uint32", "uint64", "float64"}

// completionTime is how long a shell waits for completions.
const completionTime = time.Second

// completer completes arguments and flags from the repository.
type completer struct {
	f    *cmdutil.Factory
	root *cobra.Command
}

// complete gives every command of the tree its completions.
func complete(f *cmdutil.Factory, root *cobra.Command) {
	c := &completer{f, root}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		cmd.LocalNonPersistentFlags().VisitAll(func(flag *pflag.Flag) { c.flag(cmd, flag) })
		if cmd.HasSubCommands() || cmd.ValidArgsFunction != nil || cmd.ValidArgs != nil {
			return
		}
		words := positional(cmd)
		cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
			return c.argument(words, cmd, args, prefix)
		}
	}
	walk(root)
}

func (c *completer) flag(cmd *cobra.Command, flag *pflag.Flag) {
	name := flag.Name
	if _, ok := cmd.GetFlagCompletionFunc(name); ok || slices.Contains(numbers, flag.Value.Type()) {
		return
	}
	values := flagWords[strings.TrimPrefix(cmd.CommandPath(), c.root.Name()+" ")+" "+name]
	if values == nil {
		values = flagWords[name]
	}
	var fn cobra.CompletionFunc
	switch {
	case values != nil:
		fn = func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
			return slices.DeleteFunc(values(), func(w string) bool { return !strings.HasPrefix(w, prefix) }), cobra.ShellCompDirectiveNoFileComp
		}
	case name == "scope":
		fn = c.scope
	case flagSorts[name] != nil:
		fn = func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
			return c.list(prefix, flagSorts[name]...), cobra.ShellCompDirectiveNoFileComp
		}
	default:
		return
	}
	_ = cmd.RegisterFlagCompletionFunc(name, fn) // the flag exists and has none yet
}

// scope completes the kinds of scopes, and the tool of tool.call.
func (c *completer) scope(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	if tool, ok := strings.CutPrefix(prefix, "tool.call:"); ok {
		list := c.list(tool, lookup.AnyTool)
		for i := range list {
			list[i] = "tool.call:" + list[i]
		}
		return list, none
	}
	var kinds []string
	for _, kind := range scope.KindNames() {
		kinds = append(kinds, kind+":")
	}
	return kinds, none
}

func (c *completer) argument(words []string, cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(words) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	word := words[min(len(args), len(words)-1)]
	many := strings.HasSuffix(word, "...")
	word = strings.TrimSuffix(word, "...")
	if len(args) >= len(words) && !many {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	sorts, ok := argSorts[cmd.Parent().Name()+" "+word]
	if !ok {
		sorts, ok = argSorts[word]
	}
	switch {
	case !ok && (strings.Contains(word, "FILE") || strings.Contains(word, "DIR") || slices.Contains([]string{"DEF", "BUNDLE", "BUNDLE|-", "BUNDLE|PACKET", "PACKET"}, word)):
		return nil, cobra.ShellCompDirectiveDefault
	case !ok:
		return nil, cobra.ShellCompDirectiveNoFileComp
	case strings.Contains(word, "FILE"):
		return c.list(prefix, sorts...), cobra.ShellCompDirectiveDefault
	}
	return c.list(prefix, sorts...), cobra.ShellCompDirectiveNoFileComp
}

// list asks the repository; if there is none, or it is busy, there are no completions.
func (c *completer) list(prefix string, sorts ...string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), completionTime)
	defer cancel()
	if dir, err := c.root.PersistentFlags().GetString("directory"); err == nil && dir != "" {
		if err := os.Chdir(dir); err != nil {
			return nil
		}
	}
	n, err := c.f.Repo(ctx)
	if err != nil {
		return nil
	}
	var out []string
	for _, found := range n.Find.Candidates(ctx, prefix, sorts...) {
		out = append(out, ui.Clean(found.Name)+"\t"+ui.Clean(c.f.IO.Brief(found.Note)))
	}
	return out
}

// positional reads the arguments from a command's usage line: the words in capitals that are not a flag's value, in the
// first form.
func positional(cmd *cobra.Command) []string {
	line, _, _ := strings.Cut(cmd.Use, " | "+cmd.Name()+" ")
	var words []string
	depth, afterFlag := 0, false
	for _, word := range strings.Fields(line)[1:] {
		open, end := strings.Count(word, "["), strings.Count(word, "]")
		plain := strings.Trim(word, "[]")
		inside := depth > 0 || (open > 0 && strings.HasPrefix(plain, "-"))
		depth += open - end
		isFlag := strings.HasPrefix(plain, "-") && plain != "-"
		switch {
		case isFlag || inside || afterFlag:
		case plain == "flags" || plain == "|":
		default:
			words = append(words, plain)
		}
		afterFlag = isFlag && cmd.Flags().Lookup(strings.TrimLeft(plain, "-")) != nil &&
			cmd.Flags().Lookup(strings.TrimLeft(plain, "-")).NoOptDefVal == ""
	}
	return words
}
