package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

const module = "github.com/mythos-project/mythos/"

// fieldComments reads the source's comments about the fields of a struct type, by field number.
func fieldComments(root string, t reflect.Type) (map[uint64]string, error) {
	dir := filepath.Join(root, strings.TrimPrefix(t.PkgPath(), module))
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		if s := findStruct(f, t.Name()); s != nil {
			return commentsOf(s), nil
		}
	}
	return nil, fmt.Errorf("%s is not in %s", t, dir)
}

func findStruct(f *ast.File, name string) *ast.StructType {
	var found *ast.StructType
	ast.Inspect(f, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.Name == name {
			found, _ = spec.Type.(*ast.StructType)
		}
		return found == nil
	})
	return found
}

func commentsOf(s *ast.StructType) map[uint64]string {
	out := map[uint64]string{}
	for _, f := range s.Fields.List {
		if f.Tag == nil {
			continue
		}
		tag, err := strconv.Unquote(f.Tag.Value)
		if err != nil {
			continue
		}
		number, _, _ := strings.Cut(reflect.StructTag(tag).Get("can"), ",")
		num, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			continue
		}
		text := strings.TrimSpace(f.Comment.Text())
		if text == "" {
			text = strings.TrimSpace(f.Doc.Text())
		}
		out[num] = strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", "\\|")
	}
	return out
}
