package ui

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/lipgloss"
	"github.com/mattn/go-runewidth"
	"github.com/muesli/termenv"
)

// Meaning is why a piece of text is coloured.
type Meaning int

// What a colour can mean.
const (
	Plain Meaning = iota
	Good
	Bad
	Warn
	Dim
	Strong
	Name
)

func style(m Meaning) lipgloss.Style {
	s := renderer().NewStyle()
	switch m {
	case Good:
		return s.Foreground(lipgloss.AdaptiveColor{Light: "28", Dark: "78"})
	case Bad:
		return s.Foreground(lipgloss.AdaptiveColor{Light: "160", Dark: "203"}).Bold(true)
	case Warn:
		return s.Foreground(lipgloss.AdaptiveColor{Light: "130", Dark: "214"})
	case Dim:
		return s.Foreground(lipgloss.AdaptiveColor{Light: "245", Dark: "244"})
	case Strong:
		return s.Bold(true)
	case Name:
		return s.Foreground(lipgloss.AdaptiveColor{Light: "25", Dark: "75"})
	}
	return s
}

// Paint colours text for Out by its meaning; in a pipe, text is not changed.
func (s *Streams) Paint(m Meaning, text string) string {
	if !s.OutTTY || !s.Color {
		return text
	}
	return paint(m, text)
}

// PaintErr is Paint for Err.
func (s *Streams) PaintErr(m Meaning, text string) string {
	if !s.ErrTTY || !s.Color {
		return text
	}
	return paint(m, text)
}

// renderer draws for both Out and Err. It learns about the terminal from the environment: asking the terminal itself
// takes time, and its answer can end up in somebody's input.
var renderer = sync.OnceValue(func() *lipgloss.Renderer {
	r := lipgloss.NewRenderer(io.Discard, termenv.WithUnsafe())
	profile := termenv.ANSI256
	if term := os.Getenv("TERM"); term == "linux" || term == "xterm" {
		profile = termenv.ANSI
	}
	r.SetColorProfile(profile)
	r.SetHasDarkBackground(darkBackground())
	return r
})

// darkBackground reads MYTHOS_THEME (light or dark), or else COLORFGBG ("15;0"), which
// some terminals set; most terminals are dark.
func darkBackground() bool {
	switch os.Getenv("MYTHOS_THEME") {
	case "light":
		return false
	case "dark":
		return true
	}
	_, bg, ok := strings.Cut(os.Getenv("COLORFGBG"), ";")
	if i := strings.LastIndex(bg, ";"); i >= 0 {
		bg = bg[i+1:]
	}
	return !ok || (bg != "7" && bg != "15")
}

func paint(m Meaning, text string) string { return style(m).Render(text) }

// Cell is one cell of a table.
type Cell struct {
	Text    string
	Meaning Meaning
}

// Table writes rows under a header. On a terminal, columns are aligned and the last one is cut to the width; in a pipe,
// cells are separated by tabs and the header is left out. If there are no rows, a note on Err says so.
func (s *Streams) Table(header []string, rows [][]Cell) {
	if !s.OutTTY {
		for _, row := range rows {
			texts := make([]string, len(row))
			for i, c := range row {
				texts[i] = Clean(c.Text)
			}
			fmt.Fprintln(s.Out, strings.Join(texts, "\t")) // Printf would quote the tabs
		}
		return
	}
	if len(rows) == 0 {
		s.Notef("%s", s.PaintErr(Dim, "nothing to list"))
		return
	}
	head := make([]Cell, len(header))
	for i, h := range header {
		head[i] = Cell{strings.ToUpper(h), Dim}
	}
	rows = append([][]Cell{head}, rows...)
	widths, wide := s.widths(rows, false)
	if wide {
		if widths, wide = s.widths(rows, true); wide {
			s.narrow(rows, widths)
		}
		wide = true
	}
	for _, row := range rows {
		s.Printf("%s\n", s.tableLine(row, widths, wide))
	}
}

// widths measures the columns; wide reports whether those before the last leave it no room.
func (s *Streams) widths(rows [][]Cell, short bool) (widths []int, wide bool) {
	widths = make([]int, len(rows[0]))
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], runewidth.StringWidth(s.cell(c, short)))
		}
	}
	total := 2 * (len(widths) - 1)
	for i, w := range widths {
		if i == len(widths)-1 && !whole(rows, i) {
			w = min(w, 8)
		}
		total += w
	}
	return widths, total > s.Width()
}

// marks matches a time or a short hash, which would be meaningless if cut.
var marks = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\d{4}-\d\d-\d\d .*|[0-9a-f]{12})$`)
})

// whole reports whether the cells of a column must not be cut.
func whole(rows [][]Cell, column int) bool {
	return len(rows) > 1 && marks().MatchString(rows[1][column].Text)
}

// narrow takes from the widest columns what the others lack.
func (s *Streams) narrow(rows [][]Cell, widths []int) {
	last := len(widths) - 1
	over := 2*last - s.Width()
	for i, w := range widths {
		if i == last && !whole(rows, i) {
			w = min(w, 8)
		}
		over += w
	}
	for ; over > 0; over-- {
		widest := -1
		for i, w := range widths[:last] {
			if !whole(rows, i) && w > 4 && (widest < 0 || w >= widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// cell returns a cell's text on a terminal: hashes inside longer text are shortened and, if there is little room, also
// those alone in a cell.
func (s *Streams) cell(c Cell, short bool) string {
	if len(c.Text) == 64 && !short {
		return Clean(c.Text)
	}
	return s.Hashes(Clean(c.Text))
}

func (s *Streams) tableLine(row []Cell, widths []int, short bool) string {
	var b strings.Builder
	left := s.Width()
	for i, c := range row {
		text := s.cell(c, short)
		if i == len(row)-1 {
			text = runewidth.Truncate(text, max(left, 8), "…")
		} else {
			text = runewidth.FillRight(runewidth.Truncate(text, widths[i], "…"), widths[i]+2)
		}
		left -= runewidth.StringWidth(text)
		b.WriteString(s.Paint(c.Meaning, text))
	}
	return strings.TrimRight(b.String(), " ")
}

// Fit paints text, cut to what is left of the line after used columns. Foreign text is cleaned first.
func (s *Streams) Fit(m Meaning, text string, used int) string {
	return s.Paint(m, runewidth.Truncate(Clean(text), max(s.Width()-used, 8), "…"))
}

// Clean makes text of unknown origin safe for a terminal and for lines of fields: it quotes control characters,
// including escape sequences.
func Clean(text string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	if utf8.ValidString(text) && !strings.ContainsFunc(text, odd) { // a terminal in Latin-1 reads the byte 9B as CSI
		return text
	}
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// CleanLines is Clean for text of several lines.
func CleanLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = Clean(strings.ReplaceAll(line, "\t", "    "))
	}
	return strings.Join(lines, "\n")
}

// CleanErr is CleanLines for Err; on a terminal, hashes are shortened.
func (s *Streams) CleanErr(text string) string {
	if s.ErrTTY {
		text = s.Brief(text)
	}
	return CleanLines(text)
}

// Hash shortens a hash on a terminal, but not in a pipe.
func (s *Streams) Hash(hex string) string {
	if s.OutTTY && len(hex) > 12 {
		return hex[:12]
	}
	return hex
}

var wholeHash = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b([0-9a-f]{12})[0-9a-f]{52}\b`) })

// Hashes is Hash for all hashes inside a text.
func (s *Streams) Hashes(text string) string {
	if !s.OutTTY {
		return text
	}
	return wholeHash().ReplaceAllString(text, "$1")
}

// Brief shortens every hash inside a text, for any output.
func (s *Streams) Brief(text string) string { return wholeHash().ReplaceAllString(text, "$1") }

// Size formats a number of bytes for people, "4.0 MiB".
func Size(n uint64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n)/(1<<10), "KiB"
	for _, next := range []string{"MiB", "GiB", "TiB"} {
		if v < 1024 {
			break
		}
		v, unit = v/1024, next
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}
