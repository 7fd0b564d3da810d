package cmdutil

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/show"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/model/why"
)

// Drawing says how a tree is drawn.
type Drawing struct{ DOT, SVG bool }

// Flags adds its flags.
func (d *Drawing) Flags(c *cobra.Command) {
	c.Flags().BoolVar(&d.SVG, "svg", false, "draw an SVG picture")
	c.Flags().BoolVar(&d.DOT, "dot", false, "print a Graphviz graph")
}

// Draw writes a tree as text, JSON, SVG or Graphviz.
func (d Drawing) Draw(f *Factory, tree *why.Node) error {
	switch {
	case d.SVG && d.DOT, f.JSON && (d.SVG || d.DOT):
		return clierr.Usagef("--json, --svg and --dot exclude each other")
	case d.SVG:
		f.IO.Text(show.SVG(tree))
	case d.DOT:
		f.IO.Text(show.DOT(tree))
	case f.JSON:
		return f.Emit(tree, nil)
	default:
		for _, l := range show.Lines(tree, f.IO.Width()) {
			meaning, label := ui.Good, ui.Plain
			switch l.Mark {
			case show.MarkBroken:
				meaning, label = ui.Bad, ui.Bad
			case show.MarkAbove, show.MarkNone:
				meaning, label = ui.Dim, ui.Dim
			}
			f.IO.Printf("%s\n", strings.TrimRight(f.IO.Paint(meaning, l.Mark)+" "+f.IO.Paint(ui.Dim, l.Branch)+f.IO.Paint(label, l.Label), " "))
		}
	}
	return nil
}
