package datasetcmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
)

func newShow(f *cmdutil.Factory) *cobra.Command {
	var explain bool
	c := &cobra.Command{
		Use: "show MANIFEST [--explain]", Short: "Show how a dataset was made",
		Long:    "Prints the DatasetRef. --explain evaluates the definition again and shows what each clause of the predicate kept.",
		Example: "  mythos dataset show @train --explain", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			b, err := openBuilt(c.Context(), f, args[0])
			if err != nil {
				return err
			}
			switch {
			case explain:
				return runExplain(c.Context(), f, b)
			case f.IO.OutTTY && !f.JSON:
				b.print(f)
				return nil
			}
			return f.EmitObject("DatasetRef", b.raw)
		},
	}
	c.Flags().BoolVar(&explain, "explain", false, "print the canonical predicate and how many episodes each clause kept")
	return c
}

func (b *opened) print(f *cmdutil.Factory) {
	corpora := make([]string, len(b.def.CorpusRoots))
	for i, root := range b.def.CorpusRoots {
		corpora[i] = root.Short()
	}
	f.IO.Printf("Dataset %s\n", b.ref.Manifest.CID)
	f.Words([]cmdutil.Word{
		{About: "episodes", Text: fmt.Sprint(b.ref.Count)},
		{About: "definition", Text: b.def.DatasetDefID.Short()},
		{About: "corpora", Text: strings.Join(corpora, " ")},
		{About: "predicate", Text: query.Decompile(&b.def.Query.Predicate)},
		{About: "sampling", Text: b.def.SamplingText()},
		{About: "receipt", Text: b.ref.BuildReceiptID.Short() + ", of its build"},
		{About: "manifest", Text: ui.Size(b.ref.Manifest.Size)},
	})
}

// explained is the output of show --explain.
type explained struct {
	Definition object.Hash       `json:"dataset_def_id"`
	Manifest   object.Hash       `json:"manifest"`
	Predicate  string            `json:"predicate"`
	Clauses    []explainedClause `json:"clauses"`
	Sampling   string            `json:"sampling"`
	Corpora    []object.Hash     `json:"corpus_roots"`
	Signals    []object.Hash     `json:"signal_roots,omitempty"`
	Seen       uint64            `json:"seen"`
	Matched    uint64            `json:"matched"`
	Selected   int               `json:"selected"`
}

// explainedClause counts in the episodes for which all earlier clauses held.
type explainedClause struct {
	Text string `json:"clause"`
	In   uint64 `json:"in"`
	Kept uint64 `json:"kept"`
}

func runExplain(ctx context.Context, f *cmdutil.Factory, b *opened) error {
	sel, err := dataset.Select(ctx, b.node.Source, b.def)
	if err != nil {
		return err
	}
	for _, w := range sel.Warnings {
		f.IO.Notef("warning: %s", w)
	}
	e := explained{Definition: b.def.DatasetDefID, Manifest: b.ref.Manifest.CID, Predicate: query.Decompile(&b.def.Query.Predicate),
		Sampling: b.def.SamplingText(), Corpora: b.def.CorpusRoots, Signals: b.def.SignalRoots, Seen: sel.Seen, Matched: sel.Kept, Selected: len(sel.IDs)}
	for _, c := range sel.Clauses {
		e.Clauses = append(e.Clauses, explainedClause(c))
	}
	return f.Emit(e, func() { e.print(f) })
}

func (e *explained) print(f *cmdutil.Factory) {
	f.IO.Printf("predicate  %s\n", e.Predicate)
	var rows [][]ui.Cell
	for _, c := range e.Clauses {
		rows = append(rows, []ui.Cell{{Text: fmt.Sprint(c.In)}, {Text: fmt.Sprint(c.Kept)}, {Text: c.Text}})
	}
	f.IO.Table([]string{"in", "kept", "clause"}, rows)
	f.IO.Printf("sampling   %s\n", e.Sampling)
	f.IO.Printf("episodes   %d seen, %d matched, %d selected\n", e.Seen, e.Matched, e.Selected)
}
