package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// private are folders that nobody outside imports, and the contract suites, which tests run and whose examples are the
// tests of what they check.
var private = map[string]bool{"internal": true, "cmd": true, "bench": true, "tools": true, "examples": true, "scripts": true,
	"testdata": true, "runnertest": true, "storetest": true, "exectest": true, "foreigntest": true}

// source is what the files of a public package contain.
type source struct {
	exports   bool // it exports something
	described bool // the package has a doc comment
	example   bool // a test file has an Example
}

// TestPublicPackages: every package that other programs import has a doc comment and an example that runs, and
// documents all its exports.
func TestPublicPackages(t *testing.T) {
	const root = "../.."
	packages := map[string]*source{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != root && (private[d.Name()] || strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil || f.Name.Name == "main" {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(rel))
		if packages[dir] == nil {
			packages[dir] = &source{}
		}
		if !strings.HasSuffix(file, "_test.go") {
			for _, name := range undocumented(f) {
				t.Errorf("%s: %s is exported and has no doc comment", rel, name)
			}
		}
		packages[dir].take(f, strings.HasSuffix(file, "_test.go")) // it keeps only the exports
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 20 || packages["object/can"] == nil {
		t.Fatalf("only %d public packages found", len(packages))
	}
	for dir, p := range packages {
		if !p.exports {
			continue
		}
		if !p.described {
			t.Errorf("%s: the package has no doc comment", dir)
		}
		if !p.example {
			t.Errorf("%s: the package has no example with an output", dir)
		}
	}
}

func (s *source) take(f *ast.File, test bool) {
	if !test {
		s.exports = s.exports || ast.FileExports(f)
		s.described = s.described || f.Doc != nil
		return
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Example") && runs(f, fn) {
			s.example = true
		}
	}
}

// runs reports whether go test compares an example's output.
func runs(f *ast.File, fn *ast.FuncDecl) bool {
	for _, c := range f.Comments {
		if c.Pos() > fn.Body.Lbrace && c.End() < fn.Body.Rbrace && strings.HasPrefix(strings.ToLower(c.Text()), "output:") {
			return true
		}
	}
	return false
}

// ofGo are methods whose meaning is fixed by Go itself.
var ofGo = map[string]bool{"Error": true, "String": true, "Unwrap": true}

// undocumented names what a file exports without a doc comment. In a group of constants or variables, a comment on the
// group or next to the name is enough.
func undocumented(f *ast.File) (names []string) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) && !(d.Recv != nil && ofGo[d.Name.Name]) {
				names = append(names, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				names = append(names, undocumentedIn(d, spec)...)
			}
		}
	}
	return names
}

func undocumentedIn(d *ast.GenDecl, spec ast.Spec) (names []string) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
			names = append(names, s.Name.Name)
		}
	case *ast.ValueSpec:
		for _, n := range s.Names {
			if n.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
				names = append(names, n.Name)
			}
		}
	}
	return names
}

// exportedReceiver reports whether a function is not a method, or a method of an exported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	recv := d.Recv.List[0].Type
	if star, ok := recv.(*ast.StarExpr); ok {
		recv = star.X
	}
	if generic, ok := recv.(*ast.IndexExpr); ok {
		recv = generic.X
	}
	id, ok := recv.(*ast.Ident)
	return ok && id.IsExported()
}
