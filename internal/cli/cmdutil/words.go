package cmdutil

import (
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/internal/ui"
)

// Word is a line of an explanation: its subject and its text. The text may have several lines.
type Word struct{ About, Text string }

// Words writes an explanation. It skips a word without a text.
func (f *Factory) Words(words []Word) {
	width := 8
	for _, w := range words {
		width = max(width, len(w.About))
	}
	for _, w := range words {
		if w.Text == "" {
			continue
		}
		for i, line := range strings.Split(w.Text, "\n") {
			about := w.About
			if i > 0 {
				about = ""
			}
			f.IO.Wrap("  "+f.IO.Paint(ui.Dim, fmt.Sprintf("%-*s", width+2, about)), ui.Clean(line))
		}
	}
}
