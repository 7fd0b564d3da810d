package show

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/model/why"
)

// The picture's dimensions, in pixels.
const (
	svgBox    = 232 // width of a node
	svgHeight = 40  // of a node
	svgColumn = 272 // from one layer to the next
	svgRow    = 50  // from one node to the one below
	svgMargin = 16
	svgChars  = 31 // of a line in a node
)

// SVG returns the tree as a self-contained picture: a layer is a column, and what a node rests on is to its right.
// Pointing at a node shows its whole label and id.
func SVG(n *why.Node) string {
	s := &picture{}
	s.place(n, 0)
	width, height := 2*svgMargin+s.layers*svgColumn+svgBox, 2*svgMargin+s.rows*svgRow-(svgRow-svgHeight)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="system-ui,sans-serif" font-size="12">
<style>
svg{background:#fff}path{fill:none;stroke:#9aa5b1;stroke-width:1.5}rect{fill:#f7fafc;stroke:#2f855a;stroke-width:1.5}
text{fill:#1a202c}.k{fill:#718096;font-size:10px}.b rect,.b path{stroke:#c53030;fill:#fff5f5}path.b{fill:none;stroke:#c53030}.s rect{stroke-dasharray:4 3;stroke:#9aa5b1}.m rect{fill:none;stroke:none}
@media(prefers-color-scheme:dark){svg{background:#12161c}rect{fill:#1c232d;stroke:#68d391}text{fill:#e2e8f0}.b rect{fill:#3b1d20}}
</style>
%s%s</svg>
`, width, height, width, height, s.arrows.String(), s.boxes.String())
}

// picture is an SVG while it is drawn: a leaf takes a row, and a node stands in the middle of what it rests on.
type picture struct {
	arrows, boxes strings.Builder
	rows, layers  int
}

// place draws a node and what is to its right, and returns the height of its middle.
func (s *picture) place(n *why.Node, layer int) (y int) {
	s.layers = max(s.layers, layer)
	var ends []int
	for _, c := range n.Children {
		ends = append(ends, s.place(c, layer+1))
	}
	if n.More > 0 {
		s.layers = max(s.layers, layer+1)
		ends = append(ends, s.more(n, layer+1))
	}
	if ends == nil {
		y = s.row()
	} else {
		y = (ends[0] + ends[len(ends)-1]) / 2
	}
	for i, end := range ends {
		class := ""
		if i < len(n.Children) && n.Children[i].Problem != "" {
			class = ` class="b"`
		}
		x := svgMargin + layer*svgColumn + svgBox
		fmt.Fprintf(&s.arrows, "<path%s d=\"M%d %dC%d %d %d %d %d %d\"/>\n", class, x, y, x+20, y, x+20, end, svgMargin+(layer+1)*svgColumn, end)
	}
	s.box(n, layer, y)
	return y
}

// row takes the next row and returns its middle.
func (s *picture) row() int {
	y := svgMargin + s.rows*svgRow + svgHeight/2
	s.rows++
	return y
}

func (s *picture) box(n *why.Node, layer, y int) {
	class, title := "", n.Label
	if n.Seen {
		class = ` class="s"`
	}
	if n.Problem != "" {
		class, title = ` class="b"`, title+"\n"+n.Problem
	}
	if !n.ID.IsZero() {
		title += "\n" + n.ID.String()
	}
	x := svgMargin + layer*svgColumn
	fmt.Fprintf(&s.boxes, "<g%s><title>%s</title><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"/><text class=\"k\" x=\"%d\" y=\"%d\">%s</text><text x=\"%d\" y=\"%d\">%s</text></g>\n",
		class, escaped(title), x, y-svgHeight/2, svgBox, svgHeight, x+10, y-6, escaped(n.Kind), x+10, y+11, escaped(cut(why.OneLine(n.Label), svgChars)))
}

// more draws that there is more.
func (s *picture) more(n *why.Node, layer int) int {
	y := s.row()
	text := fmt.Sprintf("and %d more", n.More)
	if n.Checked {
		text += ", verified"
	}
	fmt.Fprintf(&s.boxes, "<text class=\"k\" x=\"%d\" y=\"%d\">%s</text>\n", svgMargin+layer*svgColumn+10, y+4, text)
	return y
}

// cut shortens text to at most n runes.
func cut(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}

// escaped returns text for XML, and replaces what XML cannot represent.
func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder never fails
	return b.String()
}
