package datasetcmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/cli/runcmd"
	"github.com/mythos-project/mythos/internal/datasets"
	"github.com/mythos-project/mythos/internal/episodes"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
)

type exportOptions struct {
	Name     string
	Out      string
	Format   string
	Rows     string
	Split    string
	Shards   int
	Payloads bool
	Card     bool
	Files    bool
	Redact   string
	Signals  string
	Caps     []string
}

func newExport(f *cmdutil.Factory) *cobra.Command {
	o := &exportOptions{}
	c := &cobra.Command{
		Use: "export DATASET [-o FILE|DIR] [--rows KIND] [--format jsonl|parquet] [--split train=0.9,test=0.1] [--shards N] [--redact RULES] [--card] [--with-files]", Short: "Write the episodes as JSON lines or Parquet",
		Long: "KIND sets what a row holds: raw, all evidence of an episode; messages, a conversation {messages, tools};\n" +
			"prompt-completion, a model call {prompt, completion, tools}; preference, two answers to one prompt {prompt,\n" +
			"chosen, rejected}, of which rewards prefer the first. Calls that failed or have no recorded answer give only raw\n" +
			"rows. The export reports how many episodes give no row, and why. Parquet has one schema for each KIND. The\n" +
			"output is one file; with --split, --shards, --card, --with-files or an -o that ends in a slash, it is a folder.\n" +
			"With --with-files, each tree that a call took or gave is unpacked to files/TREE beside the rows. The files\n" +
			"depend only on the evidence and the flags. A split goes by the hash of each episode's id: parts of different\n" +
			"datasets never share an episode. RULES is a YAML list of {pointer or regex, of, tool, label}: what they match is\n" +
			"replaced by a hash under the repository's redaction key. The setting redact makes rules binding. The export is\n" +
			"the effect mythos.dataset.export: it leaves a receipt and needs a capability; the owner of the repository has\n" +
			"it, unless the setting require_cap is on.",
		Example: "  mythos dataset export @train -o train.jsonl --rows messages\n  mythos dataset export @train -o data/ --format parquet --split train=0.9,test=0.1 --card", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Name = args[0]
			return runExport(c.Context(), f, o)
		},
	}
	flags := c.Flags()
	flags.StringVarP(&o.Out, "output", "o", "", "the file, or the folder; standard output by default")
	flags.StringVar(&o.Format, "format", "", "jsonl or parquet; by default the ending of the file's name, else jsonl")
	flags.StringVar(&o.Rows, "rows", "raw", "what a row holds: raw, messages, prompt-completion or preference")
	flags.StringVar(&o.Split, "split", "", "parts with weights, such as train=0.9,test=0.1")
	flags.IntVar(&o.Shards, "shards", 0, "number of files per part")
	flags.BoolVar(&o.Payloads, "payloads", true, "write captured requests and responses, not only their hashes")
	flags.BoolVar(&o.Card, "card", false, "write README.md, the dataset card, and croissant.json beside the files")
	flags.BoolVar(&o.Files, "with-files", false, "unpack the trees that calls took or gave to files/TREE beside the rows")
	flags.StringVar(&o.Signals, "signals", "", "use the signals of this list only; the receipt of an export of pairs names one")
	flags.StringVar(&o.Redact, "redact", "", "a file of redaction rules")
	flags.StringArrayVar(&o.Caps, "cap", nil, "the capability to use; may be repeated")
	return c
}

// folder reports whether the output is a folder of files.
func (o *exportOptions) folder() bool {
	return o.Split != "" || o.Shards > 0 || o.Card || o.Files || strings.HasSuffix(o.Out, "/")
}

func (o *exportOptions) format() (export.Format, error) {
	name := o.Format
	if name == "" {
		if name = "jsonl"; filepath.Ext(o.Out) == ".parquet" {
			name = "parquet"
		}
	}
	f, err := export.ParseFormat(name)
	if err != nil {
		return f, clierr.Usagef("--format: %w", err)
	}
	if o.Split != "" {
		if _, err := export.ParseSplit(o.Split); err != nil {
			return f, clierr.Usagef("--split: %w", err)
		}
	}
	if o.Shards < 0 || o.Shards > 99999 {
		return f, clierr.Usagef("--shards must be 1 to 99999")
	}
	if o.folder() && (o.Out == "" || o.Out == "-") {
		return f, clierr.Usagef("several files need a folder: -o DIR")
	}
	return f, nil
}

func runExport(ctx context.Context, f *cmdutil.Factory, o *exportOptions) error {
	e := datasets.Export{Split: o.Split, Shards: o.Shards, Payloads: o.Payloads, Card: o.Card, WithFiles: o.Files}
	var err error
	if e.Format, err = o.format(); err != nil {
		return err
	}
	if e.Rows, err = export.ParseRows(o.Rows); err != nil {
		return clierr.Usagef("--rows: %w", err)
	}
	if e.Rows != export.RowsRaw && !o.Payloads {
		return clierr.Usagef("--rows %s needs --payloads", e.Rows)
	}
	if o.Files && !o.Payloads {
		return clierr.Usagef("--with-files needs --payloads: rows without payloads do not say which files are theirs")
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	if e.Dataset, err = f.Resolve(ctx, o.Name); err != nil {
		return err
	}
	if o.Signals != "" {
		if e.Signals, err = f.Resolve(ctx, o.Signals); err != nil {
			return err
		}
	}
	if e.Caps, err = f.Chains(ctx, o.Caps); err != nil {
		return err
	}
	if o.Redact != "" {
		rules, err := f.Read(o.Redact)
		if err != nil {
			return err
		}
		if e.Redact, err = n.Episodes.Redaction(rules); err != nil {
			return err
		}
	}
	out := &outputs{folder: o.folder(), name: o.Out, std: f.IO.Out}
	e.Open, e.Folder = out.open, out.mkdir
	x, err := exportWatched(ctx, f, n, e, out)
	if err = errors.Join(err, out.finish(err == nil)); err != nil {
		return o.refusal(n, err)
	}
	noteLeft(f, x.Files)
	result := exported{Files: x.Files, Receipt: x.Receipt}
	if !x.Signals.IsZero() {
		f.IO.Notef("signals used: %s", x.Signals)
		result.Signals = &x.Signals
	}
	if !out.folder && out.toStd() {
		f.IO.Notef("%d %s, receipt %s", x.Files[0].Rows, rowWord(e.Rows), x.Receipt.Short())
		return nil
	}
	if !out.folder {
		x.Files[0].Name = o.Out
	}
	return f.Emit(result, func() { printFiles(f, x.Files) })
}

// refusal says why nothing was exported, and adds the remedy.
func (o *exportOptions) refusal(n *repo.Repo, err error) error {
	switch {
	case errors.Is(err, episodes.ErrUnredacted):
		return clierr.New(clierr.Refused, "%w", err).On(o.Name).With("leave out --redact: the policy's rules are applied without it")
	case errors.Is(err, export.ErrRedactedFiles):
		return clierr.New(clierr.Refused, "%w", err).On(o.Name).With("leave out --with-files")
	case errors.Is(err, datasets.ErrNoFiles):
		return clierr.New(clierr.NotFound, "%w", err).On(o.Name).With("pull the dataset again from where it was built, or leave out --with-files")
	}
	return runcmd.Refusal(n, err, "mythos.dataset.export")
}

// rowWord is the word for what is counted.
func rowWord(rows export.Rows) string {
	if rows == export.RowsRaw {
		return "episodes"
	}
	return "rows"
}

// noteLeft prints how many episodes give no row, and why rows were left out.
func noteLeft(f *cmdutil.Factory, files []datasets.ExportedFile) {
	var left uint64
	reasons := map[string]uint64{}
	for _, x := range files {
		left += x.Left
		for why, n := range x.Why {
			reasons[why] += n
		}
	}
	if len(reasons) == 0 {
		return
	}
	var list []string
	for _, why := range slices.Sorted(maps.Keys(reasons)) {
		list = append(list, fmt.Sprintf("%d %s", reasons[why], why))
	}
	f.IO.Notef("%d episodes give no row; left out: %s", left, strings.Join(list, ", "))
}

// exportWatched exports and shows the progress, unless the episodes themselves go to the terminal.
func exportWatched(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, e datasets.Export, out *outputs) (*datasets.Exported, error) {
	if !out.folder && out.toStd() && f.IO.OutTTY {
		return n.Datasets.Export(ctx, e)
	}
	bar := f.IO.Count("dataset export", 0)
	defer bar.Stop()
	e.Progress = bar
	return n.Datasets.Export(ctx, e)
}

func printFiles(f *cmdutil.Factory, files []datasets.ExportedFile) {
	var rows [][]ui.Cell
	for _, x := range files {
		rows = append(rows, []ui.Cell{{Text: x.SHA256.String()}, {Text: ui.Size(uint64(x.Bytes))}, {Text: x.Name, Meaning: ui.Name}})
	}
	f.IO.Table([]string{"sha256", "size", "file"}, rows)
}
