package docgen

import (
	"fmt"
	"go/parser"
	"go/token"
	"html"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const architecture = "docs/architecture.svg"

// drawn lists the packages in the architecture picture, and what each is for.
var drawn = map[string]string{
	"object/can": "canonical encoding", "object": "structs and ids", "object/sign": "signatures", "object/merkle": "trees and proofs",
	"store": "blobs and objects", "caps": "capabilities", "ledger": "receipts and effects", "packet": "signed bundles",
	"exec/ir": "programs", "exec": "the gate and the machine", "dataset": "selection", "model": "learning",
	"internal/repo": "one repository", "internal/peer": "other repositories", "internal/cli": "commands",
}

// room is a package in the picture. It stands above everything that it imports.
type room struct {
	name  string
	below []string
	level int
	x, y  int
}

// architecture draws the packages by the real imports of their code.
func (t *Tree) architecture(files map[string][]byte) error {
	rooms := map[string]*room{}
	for name := range drawn {
		below, err := t.imports(name)
		if err != nil {
			return err
		}
		rooms[name] = &room{name: name, below: below}
	}
	for _, r := range rooms {
		r.level = height(rooms, r.name)
	}
	files[architecture] = drawRooms(rooms)
	return nil
}

// imports lists the packages of the picture that a package imports; for the command line, with its subfolders.
func (t *Tree) imports(name string) ([]string, error) {
	pattern := filepath.Join(t.source, name, "*.go")
	list, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	if name == "internal/cli" {
		deeper, err := filepath.Glob(filepath.Join(t.source, name, "*", "*.go"))
		if err != nil {
			return nil, err
		}
		list = append(list, deeper...)
	}
	found := map[string]bool{}
	for _, file := range list {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		src, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, src, parser.ImportsOnly)
		if err != nil {
			return nil, err
		}
		for _, spec := range f.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return nil, err
			}
			if inner, ok := strings.CutPrefix(path, module+"/"); ok && drawn[inner] != "" && inner != name {
				found[inner] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// height returns the length of the longest path down from a room.
func height(rooms map[string]*room, name string) int {
	most := 0
	for _, b := range rooms[name].below {
		most = max(most, 1+height(rooms, b))
	}
	return most
}

// direct leaves out what is also below another room below.
func direct(rooms map[string]*room, r *room) []string {
	return slices.DeleteFunc(slices.Clone(r.below), func(b string) bool {
		return slices.ContainsFunc(r.below, func(other string) bool { return other != b && reaches(rooms, other, b) })
	})
}

func reaches(rooms map[string]*room, from, to string) bool {
	return from == to || slices.ContainsFunc(rooms[from].below, func(b string) bool { return reaches(rooms, b, to) })
}

// The picture's measures, in pixels.
const (
	boxWidth, boxHeight = 176, 44
	stepX, stepY        = 196, 84
	margin              = 20
)

func drawRooms(rooms map[string]*room) []byte {
	levels := map[int][]*room{}
	top := 0
	for _, name := range slices.Sorted(maps.Keys(rooms)) {
		r := rooms[name]
		levels[r.level] = append(levels[r.level], r)
		top = max(top, r.level)
	}
	widest := 0
	for _, row := range levels {
		widest = max(widest, len(row))
	}
	width := 2*margin + widest*stepX - (stepX - boxWidth)
	for level, row := range levels {
		for i, r := range row {
			r.x = (width-(len(row)*stepX-(stepX-boxWidth)))/2 + i*stepX
			r.y = margin + (top-level)*stepY
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" text-anchor="middle">`+"\n",
		width, 2*margin+top*stepY+boxHeight)
	b.WriteString("<title>What imports what: each package stands above all that it needs</title>\n")
	for _, name := range slices.Sorted(maps.Keys(rooms)) {
		r := rooms[name]
		for _, below := range direct(rooms, r) {
			to := rooms[below]
			fmt.Fprintf(&b, `<path d="M%d %dC%d %d %d %d %d %d" fill="none" stroke="#888"/>`+"\n", r.x+boxWidth/2, r.y+boxHeight,
				r.x+boxWidth/2, r.y+boxHeight+30, to.x+boxWidth/2, to.y-30, to.x+boxWidth/2, to.y)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rooms)) {
		r := rooms[name]
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="#eef3fb" stroke="#4a6fa5"/>`+"\n", r.x, r.y, boxWidth, boxHeight)
		fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="14" font-weight="bold" fill="#1d2d44">%s</text>`+"\n", r.x+boxWidth/2, r.y+19, html.EscapeString(name))
		fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="12" fill="#445">%s</text>`+"\n", r.x+boxWidth/2, r.y+35, html.EscapeString(drawn[name]))
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}
