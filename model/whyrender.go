package model

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/object"
)

// Text draws a tree, a node a line: "ok", "BROKEN" or, where its children were shown
// before, "above"; the label; and the problem of a link that does not hold.
func (n *Node) Text() string {
	var b strings.Builder
	n.text(&b, "", "")
	return b.String()
}

func (n *Node) text(b *strings.Builder, head, tail string) {
	mark := "ok    "
	switch {
	case n.Problem != "":
		mark = "BROKEN"
	case n.Seen:
		mark = "above "
	}
	label := OneLine(n.Label)
	if !strings.Contains(label, " ") { // an object that was not opened has its id only
		label = n.Kind + " " + label
	}
	fmt.Fprintf(b, "%s %s%s\n", mark, head, label)
	if n.Problem != "" {
		fmt.Fprintf(b, "       %s  ! %s\n", tail, OneLine(n.Problem))
	}
	for i, c := range n.Children {
		if i == len(n.Children)-1 && n.More == 0 {
			c.text(b, tail+"└─ ", tail+"   ")
		} else {
			c.text(b, tail+"├─ ", tail+"│  ")
		}
	}
	if n.More > 0 {
		fmt.Fprintf(b, "       %s└─ and %d more\n", tail, n.More)
	}
}

// OneLine keeps text that others wrote from drawing on the terminal.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// JSON is the tree as one document.
func (n *Node) JSON() ([]byte, error) { return json.MarshalIndent(n, "", "  ") }

// DOT is the tree as a Graphviz graph. Objects that come up more than once are one
// node with several arrows.
func (n *Node) DOT() string {
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

// add writes a node and what hangs below it; it returns the node's name.
func (d *dot) add(n *Node) string {
	key := n.Kind + n.ID.String()
	if n.ID.IsZero() {
		key = fmt.Sprintf("%s %d", n.Kind, len(d.ids)) // nothing that could come up again
	}
	name, known := d.ids[key]
	if !known {
		name = fmt.Sprintf("n%d", len(d.ids))
		d.ids[key] = name
		label, color := n.Kind+"\n"+OneLine(n.Label), "black"
		if n.Problem != "" {
			label, color = label+"\n"+OneLine(n.Problem), "red"
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

// dotQuote makes a quoted string of Graphviz, whose only escapes are \" \\ and \n.
func dotQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// who is an agent in few words: the name it goes by and the start of its key.
func who(a object.AgentID) string {
	if a.Hint == "" {
		return a.KeyHex()[:16]
	}
	return a.Hint + " (" + a.KeyHex()[:8] + ")"
}
