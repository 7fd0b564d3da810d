package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// TestStartCompilesNothing: a package-level regular expression is compiled when it is first used. Otherwise every
// command would pay for it, up to a millisecond for one with a counted repetition.
func TestStartCompilesNothing(t *testing.T) {
	own := []string{"internal/specgen", "internal/docgen", "bench/", "tools/"} // separate programs
	seen := eachFile(t, func(file, pkg string, test bool) {
		if test || slices.ContainsFunc(own, func(p string) bool { return strings.HasPrefix(pkg, p) }) {
			return
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			vars, ok := d.(*ast.GenDecl)
			if !ok || vars.Tok != token.VAR {
				continue
			}
			ast.Inspect(vars, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "MustCompile" {
					t.Errorf("%s: compiled at every start: wrap it in sync.OnceValue", set.Position(s.Pos()))
				}
				_, within := n.(*ast.FuncLit)
				return !within
			})
		}
	})
	if seen < 20 {
		t.Fatalf("only %d Go files found", seen)
	}
}
