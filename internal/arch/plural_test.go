package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"testing"
)

// needsPlural matches nouns whose plural is not formed with an s alone.
var needsPlural = regexp.MustCompile(`(?:[^aeiou]y|s|x|z|ch|sh)$`)

// TestCountsHaveTheirPlural: units.Count is given the plural of a noun that does not take a plain s, such as entry, or
// process.
func TestCountsHaveTheirPlural(t *testing.T) {
	counted := 0
	eachFile(t, func(file, _ string, test bool) {
		if test {
			return
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 {
				return true
			}
			fn, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || fn.Sel.Name != "Count" {
				return true
			}
			if pkg, ok := fn.X.(*ast.Ident); !ok || pkg.Name != "units" {
				return true
			}
			counted++
			noun, ok := call.Args[1].(*ast.BasicLit)
			if !ok || len(call.Args) > 2 {
				return true
			}
			if text, err := strconv.Unquote(noun.Value); err == nil && needsPlural.MatchString(text) {
				t.Errorf("%s: units.Count would write %ss", set.Position(call.Pos()), text)
			}
			return true
		})
	})
	if counted < 50 {
		t.Errorf("only %d calls of units.Count found", counted)
	}
}
