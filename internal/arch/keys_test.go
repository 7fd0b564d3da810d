package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/store/kv"
)

// keyed are the packages that write to the repository's key-value store.
var keyed = map[string]bool{"store": true, "caps": true, "caps/quota": true, "ledger": true, "exec": true, "exec/run": true, "exec/cell": true, "dataset": true, "dataset/signal": true, "dataset/pages": true, "model": true, "model/why": true, "internal/repo": true,
	"internal/peer": true, "internal/peer/parts": true, "internal/peer/tasks": true, "internal/peer/codebooks": true, "internal/authority": true, "internal/calls": true, "internal/codebook": true, "internal/datasets": true, "internal/episodes": true,
	"internal/explain": true, "internal/hook": true, "internal/history": true, "internal/indexes": true, "internal/learn": true, "internal/lookup": true, "internal/packets": true,
	"internal/peers": true, "internal/pins": true, "internal/spawn": true, "internal/task": true, "internal/toolbox": true, "internal/transfer": true,
	"internal/upkeep": true}

// TestKeysStandInOneTable: the prefixes of keys are written only in package store/kv.
func TestKeysStandInOneTable(t *testing.T) {
	files := 0
	eachFile(t, func(file, pkg string, test bool) {
		if test || !keyed[pkg] {
			return
		}
		files++
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		imports := map[*ast.BasicLit]bool{}
		for _, i := range f.Imports {
			imports[i.Path] = true
		}
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING || imports[lit] {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			for _, space := range kv.Spaces {
				if strings.HasPrefix(text, space) {
					t.Errorf("%s: %q is a key: its prefix stands in package store/kv", set.Position(lit.Pos()), text)
				}
			}
			if strings.HasSuffix(text, "\xff") && len(text) > 1 {
				t.Errorf("%s: %q ends a key space: kv.End does", set.Position(lit.Pos()), text)
			}
			return true
		})
	})
	if files < 100 {
		t.Fatalf("only %d files found", files)
	}
}
