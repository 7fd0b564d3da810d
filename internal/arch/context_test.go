package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

// contextKeepers are the packages that may store something in a context: in package peer, an HTTP request has no other
// place for it.
var contextKeepers = map[string]bool{
	"internal/peer": true,
	"store":         true, // MakingRoom
}

// TestContextCarriesNothing: arguments, results and errors are passed, not hidden in a context.
func TestContextCarriesNothing(t *testing.T) {
	seen := eachFile(t, func(file, pkg string, test bool) {
		if test || contextKeepers[pkg] {
			return
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "WithValue" {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "context" {
					t.Errorf("%s: context.WithValue: pass it as an argument", set.Position(s.Pos()))
				}
			}
			return true
		})
	})
	if seen < 20 {
		t.Fatalf("only %d Go files found", seen)
	}
}
