package ui

import (
	"fmt"
	"strings"

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
	s := lipgloss.NewStyle()
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

// Paint colours text for Out by its meaning; piped text stays as it is.
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

func paint(m Meaning, text string) string {
	r := lipgloss.DefaultRenderer()
	if r.ColorProfile() == termenv.Ascii {
		r.SetColorProfile(termenv.ANSI256)
	}
	return style(m).Render(text)
}

// Cell is one cell of a table.
type Cell struct {
	Text    string
	Meaning Meaning
}

// Table writes rows under a header. On a terminal columns are aligned and the
// last one is cut to the width; piped, cells are separated by tabs and the
// header is left out.
func (s *Streams) Table(header []string, rows [][]Cell) {
	if !s.OutTTY {
		for _, row := range rows {
			texts := make([]string, len(row))
			for i, c := range row {
				texts[i] = c.Text
			}
			s.Printf("%s\n", strings.Join(texts, "\t"))
		}
		return
	}
	widths := make([]int, len(header))
	for i, h := range header {
		widths[i] = runewidth.StringWidth(h)
		for _, row := range rows {
			widths[i] = max(widths[i], runewidth.StringWidth(row[i].Text))
		}
	}
	head := make([]Cell, len(header))
	for i, h := range header {
		head[i] = Cell{strings.ToUpper(h), Dim}
	}
	for _, row := range append([][]Cell{head}, rows...) {
		s.Printf("%s\n", s.tableLine(row, widths))
	}
}

func (s *Streams) tableLine(row []Cell, widths []int) string {
	var b strings.Builder
	left := s.Width()
	for i, c := range row {
		text := c.Text
		if i == len(row)-1 {
			text = runewidth.Truncate(text, max(left, 8), "…")
		} else {
			text += strings.Repeat(" ", widths[i]-runewidth.StringWidth(text)+2)
		}
		left -= runewidth.StringWidth(text)
		b.WriteString(s.Paint(c.Meaning, text))
	}
	return strings.TrimRight(b.String(), " ")
}

// Hash shortens a hash on a terminal and leaves it whole for pipes.
func (s *Streams) Hash(hex string) string {
	if s.OutTTY && len(hex) > 12 {
		return hex[:12]
	}
	return hex
}

// Size renders a number of bytes for people, "4.0 MiB".
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
