package arch

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"testing"
)

// bound is the maximum size of a thing, without tests and generated code. Larger existing things are listed in but,
// with the size that they may not exceed.
type bound struct {
	of   string
	most int
	but  map[string]int
}

// The lists may only shrink: a thing that has come within its bound is removed.
var (
	packageLines  = bound{"lines", 2500, nil}
	fileLines     = bound{"lines", 450, nil}
	functionLines = bound{"lines", 80, nil}
	typeMethods   = bound{"methods", 40, nil}
)

// usualLines is a size that nine in ten packages do not exceed.
const usualLines = 1800

// TestBounds: packages, files, functions and types are no larger than a reader can grasp.
func TestBounds(t *testing.T) {
	packages, files, functions, methods := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	eachFile(t, func(file, pkg string, test bool) {
		if test {
			return
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, file, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if ast.IsGenerated(f) {
			return
		}
		lines := bytes.Count(text, []byte("\n"))
		packages[pkg] += lines
		files[file[len("../../"):]] = lines
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name := pkg + "." + fn.Name.Name
			if recv := receiver(fn); recv != "" {
				name = pkg + "." + recv + "." + fn.Name.Name
				if functions[name] == 0 { // a method that exists once for each system counts once
					methods[pkg+"."+recv]++
				}
			}
			functions[name] = max(functions[name], set.Position(fn.End()).Line-set.Position(fn.Pos()).Line+1)
		}
	})
	if len(packages) < 40 || len(methods) < 100 {
		t.Fatalf("only %d packages and %d types with methods found", len(packages), len(methods))
	}
	packageLines.check(t, packages)
	if large := larger(packages, usualLines); len(large) > len(packages)/10 {
		t.Errorf("%d of %d packages have more than %d lines, and one in ten may: part one of %v", len(large), len(packages), usualLines, large)
	}
	fileLines.check(t, files)
	functionLines.check(t, functions)
	typeMethods.check(t, methods)
}

func (b bound) check(t *testing.T, sizes map[string]int) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		ceiling, excepted := b.but[name]
		switch size := sizes[name]; {
		case !excepted && size > b.most:
			t.Errorf("%s has %d %s, and %d are the most: part it", name, size, b.of, b.most)
		case excepted && size > ceiling:
			t.Errorf("%s has grown to %d %s: it is too large already, and may have %d until it is parted", name, size, b.of, ceiling)
		case excepted && size <= b.most:
			t.Errorf("%s has only %d %s: take it off the list of exceptions", name, size, b.of)
		}
	}
	for name := range b.but {
		if _, there := sizes[name]; !there {
			t.Errorf("%s is gone: take it off the list of exceptions", name)
		}
	}
}

// larger names the things that are larger than most, in order.
func larger(sizes map[string]int, most int) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		if sizes[name] > most {
			names = append(names, name)
		}
	}
	return names
}

// receiver returns the name of a method's type; empty: it is a function.
func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return ""
	}
	recv := fn.Recv.List[0].Type
	if star, ok := recv.(*ast.StarExpr); ok {
		recv = star.X
	}
	switch generic := recv.(type) {
	case *ast.IndexExpr:
		recv = generic.X
	case *ast.IndexListExpr:
		recv = generic.X
	}
	id, ok := recv.(*ast.Ident)
	if !ok {
		return ""
	}
	return id.Name
}
