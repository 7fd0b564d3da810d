// Package show draws trees of provenance for people: as text, as a Graphviz graph and as a picture.
package show

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mythos-project/mythos/model/why"
)

// Marks of a line.
const (
	MarkHolds  = "✓"
	MarkBroken = "✗"
	MarkAbove  = "↑" // already shown above, with what it rests on
	MarkNone   = " " // a continuation
)

// Line is a line of a drawn tree. Its text is Mark, a space, Branch and Label.
type Line struct{ Mark, Branch, Label string }

// String returns the line's text.
func (l Line) String() string {
	return strings.TrimRight(l.Mark+" "+l.Branch+l.Label, " ")
}

// Text returns the tree, drawn 80 columns wide.
func Text(n *why.Node) string {
	var b strings.Builder
	for _, l := range Lines(n, 80) {
		b.WriteString(l.String() + "\n")
	}
	return b.String()
}

const leastLabel = 24 // columns of a label, at any depth

// Lines draws a tree: a node is a line, or several if its label does not fit into width columns. The problem of a
// broken link is below it.
func Lines(n *why.Node, width int) []Line { return lines(n, nil, width, "", "") }

func lines(n *why.Node, list []Line, width int, head, tail string) []Line {
	mark := MarkHolds
	switch {
	case n.Problem != "":
		mark = MarkBroken
	case n.Seen:
		mark = MarkAbove
	}
	label := why.OneLine(n.Label)
	if !strings.Contains(label, " ") { // an object that was not opened has only its id
		label = n.Kind + " " + label
	}
	below := tail // under this node's own text
	if len(n.Children) > 0 || n.More > 0 {
		below += "│ "
	} else {
		below += "  "
	}
	room := max(width-2-utf8.RuneCountInString(below), leastLabel)
	for i, part := range wrap(label, room) {
		if i == 0 {
			list = append(list, Line{mark, head, part})
		} else {
			list = append(list, Line{MarkNone, below, part})
		}
	}
	if n.Problem != "" {
		for _, part := range wrap("! "+why.OneLine(n.Problem), room) {
			list = append(list, Line{MarkBroken, below, part})
		}
	}
	for _, note := range n.Notes {
		for _, part := range wrap("note: "+why.OneLine(note), room) {
			list = append(list, Line{MarkNone, below, part})
		}
	}
	for i, c := range n.Children {
		if i == len(n.Children)-1 && n.More == 0 {
			list = lines(c, list, width, tail+"└─ ", tail+"   ")
		} else {
			list = lines(c, list, width, tail+"├─ ", tail+"│  ")
		}
	}
	if n.More > 0 {
		text := fmt.Sprintf("and %d more", n.More)
		if n.Checked {
			text += ", verified as well"
		}
		list = append(list, Line{MarkNone, tail + "└─ ", text})
	}
	return list
}

// wrap breaks text into lines of at most width runes, at spaces or commas if possible.
func wrap(text string, width int) []string {
	var out []string
	for runes := []rune(text); ; {
		if len(runes) <= width {
			return append(out, string(runes))
		}
		at := width
		for i := width; i > width/2; i-- {
			if runes[i] == ' ' || runes[i-1] == ',' {
				at = i
				break
			}
		}
		out = append(out, string(runes[:at]))
		runes = []rune(strings.TrimLeft(string(runes[at:]), " "))
	}
}

// DOT returns the tree as a Graphviz graph. Objects that occur more than once are one node with several arrows.
func DOT(n *why.Node) string {
	d := &dot{ids: map[string]string{}, arrows: map[string]bool{}}
	d.b.WriteString("digraph why {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"Helvetica\"];\n")
	d.add(n)
	d.b.WriteString("}\n")
	return d.b.String()
}

type dot struct {
	b      strings.Builder
	ids    map[string]string
	arrows map[string]bool
}

// add writes a node and everything below it; it returns the node's name.
func (d *dot) add(n *why.Node) string {
	key := n.Kind + n.ID.String()
	if n.ID.IsZero() {
		key = fmt.Sprintf("%s %d", n.Kind, len(d.ids)) // nothing that could occur again
	}
	name, known := d.ids[key]
	if !known {
		name = fmt.Sprintf("n%d", len(d.ids))
		d.ids[key] = name
		label, color := n.Kind+"\n"+why.OneLine(n.Label), "black"
		if n.Problem != "" {
			label, color = label+"\n"+why.OneLine(n.Problem), "red"
		}
		fmt.Fprintf(&d.b, "  %s [label=%s, color=%s];\n", name, dotQuote(label), color)
	}
	for _, c := range n.Children {
		child := d.add(c)
		style := ""
		if c.Problem != "" {
			style = " [color=red]"
		}
		if arrow := name + " -> " + child; !d.arrows[arrow] {
			d.arrows[arrow] = true
			fmt.Fprintf(&d.b, "  %s%s;\n", arrow, style)
		}
	}
	if n.More > 0 {
		fmt.Fprintf(&d.b, "  %smore [label=\"and %d more\", shape=plaintext];\n  %s -> %smore [style=dotted];\n", name, n.More, name, name)
	}
	return name
}

// dotQuote makes a quoted string for Graphviz, whose only escapes are \" \\ and \n.
func dotQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}
