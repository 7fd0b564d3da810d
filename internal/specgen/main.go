// Command specgen writes the tables of the specification's pages from the Go types
// that implement them, so that a number stands in one place:
//
//	<!-- fields: Receipt -->   the fields of a struct; their meaning is the comment
//	                           beside the Go field
//	<!-- costs -->             the cost table of MYTHOS-IR
//	<!-- ids -->               what each id leaves out, and where id and signature stand
//
// Everything from such a line to the line "<!-- end -->" is replaced. A rule without a
// number, such as [can-1], gets the next one of its page.
package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/catalog"
	"github.com/mythos-project/mythos/object/can"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: specgen MODULE_ROOT PAGES")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "specgen:", err)
		os.Exit(1)
	}
}

func run(root, dir string) error {
	pages, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		return err
	}
	for _, page := range pages {
		old, err := os.ReadFile(page)
		if err != nil {
			return err
		}
		text, err := rewrite(root, old)
		if err != nil {
			return fmt.Errorf("%s: %w", page, err)
		}
		if prefix := prefixes[strings.TrimSuffix(filepath.Base(page), ".md")]; prefix != "" {
			text = []byte(numberRules(prefix, string(text)))
		}
		if bytes.Equal(old, text) {
			continue
		}
		if err := os.WriteFile(page, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

var marked = regexp.MustCompile(`(?s)<!-- (fields: (\w+)|costs|ids) -->\n.*?<!-- end -->`)

// rewrite replaces the tables of one page.
func rewrite(root string, page []byte) ([]byte, error) {
	var failed error
	out := marked.ReplaceAllFunc(page, func(block []byte) []byte {
		m := marked.FindSubmatch(block)
		var table string
		switch kind := string(m[1]); kind {
		case "costs":
			table = ir.CostMarkdown()
		case "ids":
			table = idTable()
		default:
			var err error
			if table, err = fieldTable(root, string(m[2])); err != nil {
				failed = err
				return block
			}
		}
		return fmt.Appendf(nil, "<!-- %s -->\n%s<!-- end -->", m[1], table)
	})
	if n := bytes.Count(page, []byte("<!-- ")) - bytes.Count(page, []byte("<!-- end")); failed == nil && n != len(marked.FindAll(page, -1)) {
		failed = fmt.Errorf("a table has no <!-- end -->")
	}
	return out, failed
}

// fieldTable lists the fields of a struct in their canonical order.
func fieldTable(root, name string) (string, error) {
	s, ok := catalog.Lookup(name)
	if !ok {
		return "", fmt.Errorf("no struct %s", name)
	}
	meanings, err := fieldComments(root, s.Type().Go)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("| | field | type | |\n|---|---|---|---|\n")
	for i := range s.Type().Fields {
		f := &s.Type().Fields[i]
		kind := typeName(f.Type)
		if f.Optional {
			kind += ", optional"
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s |\n", f.Num, f.Name, kind, meanings[f.Num])
	}
	return b.String(), nil
}

// idTable lists the structs that are identified by their bytes.
func idTable() string {
	var b strings.Builder
	b.WriteString("| struct | its id leaves out fields | carried in | signer | signature |\n|---|---|---|---|---|\n")
	number := func(n uint64) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprint(n)
	}
	for _, s := range catalog.All() {
		if s.Rule.Mask != nil {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", s.Name, maskText(s.Rule.Mask), number(s.Rule.IDField), number(s.Rule.Signer), number(s.Rule.Sig))
		}
	}
	return b.String()
}

// maskText lists field numbers; 4.2 is field 2 of the structs in field 4.
func maskText(m can.Mask) string {
	var parts []string
	for _, num := range slices.Sorted(maps.Keys(m)) {
		if m[num] == nil {
			parts = append(parts, fmt.Sprint(num))
			continue
		}
		for _, inner := range strings.Split(maskText(m[num]), ", ") {
			parts = append(parts, fmt.Sprintf("%d.%s", num, inner))
		}
	}
	return strings.Join(parts, ", ")
}

// typeName returns a type as the specification writes it.
func typeName(t *can.Type) string {
	switch t.Kind {
	case can.KindBool:
		return "bool"
	case can.KindUint:
		return fmt.Sprintf("u%d", t.Go.Bits())
	case can.KindInt:
		if t.Go.Name() == "Time" {
			return "Time"
		}
		return "i64"
	case can.KindText:
		return "text"
	case can.KindBytes:
		return "bytes"
	case can.KindArray:
		return fmt.Sprintf("%d bytes", t.Go.Len())
	case can.KindList:
		return "list of " + typeName(t.Elem)
	case can.KindMap:
		return "map of " + typeName(t.Key) + " to " + typeName(t.Elem)
	case can.KindRaw:
		return "any value"
	}
	return structName(t)
}

// structName returns the specification's name of a struct type, which may differ from the Go type's.
func structName(t *can.Type) string {
	for _, s := range catalog.All() {
		if s.Type().Go == t.Go {
			return s.Name
		}
	}
	return t.Go.Name()
}
