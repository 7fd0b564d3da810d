package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
)

type label struct{ name, value string }

// number is the value of a label as a u64.
func (l label) number() uint64 {
	if l.value == "1" || l.value == "go" {
		return 1
	}
	return 0
}

// labelsOf gives every label of a file, in the documented order.
func labelsOf(text []byte) []label {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "file.go", text, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		file = nil
	}
	lang := "other"
	if file != nil {
		lang = "go"
	}
	return []label{
		{"lang", lang},
		{"test", bit(imports(file, "testing") && declaresTest.Match(text))},
		{"unsafe", bit(imports(file, "unsafe"))},
		{"cgo", bit(imports(file, "C"))},
		{"build_tag", bit(hasBuildTag(file))},
		{"generated", bit(file != nil && ast.IsGenerated(file))},
	}
}

var declaresTest = regexp.MustCompile(`(?m)^func (Test|Benchmark|Fuzz|Example)([\p{Lu}\p{Nd}_]\w*)?\(`)

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func imports(file *ast.File, path string) bool {
	if file == nil {
		return false
	}
	for _, spec := range file.Imports {
		if spec.Path.Value == `"`+path+`"` {
			return true
		}
	}
	return false
}

func hasBuildTag(file *ast.File) bool {
	if file == nil {
		return false
	}
	for _, group := range file.Comments {
		for _, c := range group.List {
			if c.Pos() < file.Package && constraint.IsGoBuild(c.Text) {
				return true
			}
		}
	}
	return false
}

// reward judges a response that claims to have measured text; ok is false when it
// claims nothing.
func reward(text, response []byte) (value uint64, ok bool) {
	var claim struct {
		Bytes  *int64  `json:"bytes"`
		SHA256 *string `json:"sha256"`
	}
	if len(bytes.TrimSpace(response)) == 0 || json.Unmarshal(response, &claim) != nil || claim.Bytes == nil || claim.SHA256 == nil {
		return 0, false
	}
	sum := sha256.Sum256(text)
	if *claim.Bytes == int64(len(text)) && strings.EqualFold(*claim.SHA256, hex.EncodeToString(sum[:])) {
		return 1, true
	}
	return 0, true
}
