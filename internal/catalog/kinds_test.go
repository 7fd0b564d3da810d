package catalog_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/internal/catalog"
	"github.com/mythos-project/mythos/model/why"
)

// ground are the kinds of objects with an id at which a walk ends.
var ground = map[string]string{
	"Approval":          "says what somebody agreed to; the receipt of the call is walked with it",
	"ApprovalRequest":   "says what people were asked; the receipt of the call is walked with it",
	"Bearer":            "is kept nowhere: it is shown, and its capability stays",
	"CodebookAgreement": "says what two agents agreed on; its hashes name codebooks",
	"ContractDef":       "part of a bundle",
	"DivergenceMark":    "entry of the ledger, judged with the effect's history",
	"EffectCommit":      "entry of the ledger, judged with the effect's history",
	"EffectHold":        "says what was frozen or thawed; the receipt of that rests on its capability",
	"EffectRegister":    "entry of the ledger, judged with the effect's history",
	"EvidenceBundle":    "holds all that it rests on; internal/evidence opens it whole",
	"IRBundle":          "a program rests on nothing",
	"IssuancePolicy":    "says what may be issued; its signer is asked for when it is used",
	"QueryDef":          "text of a query",
	"Resolution":        "entry of the ledger, judged with the effect's history",
	"RevocationList":    "says what no longer holds; its signer is asked for when it is used",
	"RunRecord":         "walked from where runs are kept, with its program and its effects",
	"SymbolSig":         "part of a bundle",
	"TaskDef":           "part of a bundle",
	"ToolDef":           "part of a bundle",
	"TypeDef":           "part of a bundle",
}

// TestEveryKindIsFollowedOrGround: for each kind with an id it is decided whether a walk continues from it.
func TestEveryKindIsFollowedOrGround(t *testing.T) {
	identified := 0
	for _, s := range catalog.All() {
		if s.Rule.Mask == nil {
			continue
		}
		identified++
		if _, stays := ground[s.Name]; stays == why.Follows(s.Name) {
			t.Errorf("%s: followed is %t, and it is ground is %t", s.Name, why.Follows(s.Name), stays)
		}
	}
	if identified < 25 {
		t.Fatalf("only %d kinds found", identified)
	}
	for name := range ground {
		if s, ok := catalog.Lookup(name); !ok || s.Rule.Mask == nil {
			t.Errorf("%s is not a kind of object: take it off the list", name)
		}
	}
}

// TestExportedStructsAreInTheCatalog: every exported struct with field numbers can be decoded by its name.
func TestExportedStructsAreInTheCatalog(t *testing.T) {
	known := map[string]bool{}
	for _, s := range catalog.All() {
		known[s.Type().Go.PkgPath()+"."+s.Type().Go.Name()] = true
	}
	const root, module = "../..", "github.com/mythos-project/mythos/"
	seen := 0
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && file != root && (strings.HasPrefix(name, ".") || name == "internal" || name == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(file))
		for _, name := range numbered(f) {
			seen++
			if full := module + filepath.ToSlash(rel) + "." + name; ast.IsExported(name) && !known[full] {
				t.Errorf("%s: %s has field numbers and is not in the catalog: list it in its room's Structs", file, full)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 100 {
		t.Fatalf("only %d structs with field numbers found", seen)
	}
}

// numbered returns the struct types of a file whose fields have numbers.
func numbered(f *ast.File) (names []string) {
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if s, ok := spec.Type.(*ast.StructType); ok {
			for _, field := range s.Fields.List {
				if field.Tag != nil && reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("can") != "" {
					names = append(names, spec.Name.Name)
					break
				}
			}
		}
		return true
	})
	return names
}
