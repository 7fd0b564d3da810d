package docgen

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

const module = "github.com/mythos-project/mythos"

// comments finds what the sources say about types and fields: the descriptions of
// the schemas.
type comments struct {
	root string
	text map[string]map[string]string // package, "Type" or "Type.Field"
}

func newComments(root string) *comments {
	return &comments{root: root, text: map[string]map[string]string{}}
}

// lookup returns the comment of a type, or of one of its fields; empty: it has none.
func (c *comments) lookup(t reflect.Type, field string) string {
	rel, ok := strings.CutPrefix(t.PkgPath(), module)
	if !ok {
		return ""
	}
	texts, ok := c.text[rel]
	if !ok {
		texts = read(filepath.Join(c.root, filepath.FromSlash(rel)))
		c.text[rel] = texts
	}
	if field == "" {
		return texts[t.Name()]
	}
	return texts[t.Name()+"."+field]
}

// read gathers the comments of a package's types; a file that cannot be read has none.
func read(dir string) map[string]string {
	texts := map[string]string{}
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return texts
	}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			continue
		}
		for _, d := range file.Decls {
			if decl, ok := d.(*ast.GenDecl); ok && decl.Tok == token.TYPE {
				readTypes(texts, decl)
			}
		}
	}
	return texts
}

func readTypes(texts map[string]string, decl *ast.GenDecl) {
	for _, spec := range decl.Specs {
		ts, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		doc := ts.Doc
		if doc == nil {
			doc = decl.Doc
		}
		texts[ts.Name.Name] = oneLine(doc.Text())
		st, ok := ts.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, f := range st.Fields.List {
			text := f.Doc.Text()
			if text == "" {
				text = f.Comment.Text()
			}
			for _, n := range f.Names {
				texts[ts.Name.Name+"."+n.Name] = oneLine(text)
			}
		}
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// tagOf reads the number and the name of a can tag.
func tagOf(tag string) (num uint64, name string) {
	digits, rest, _ := strings.Cut(tag, ",")
	name, _, _ = strings.Cut(rest, ",")
	num, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return 0, ""
	}
	return num, name
}
