// Command subject is a scorer (see tools/scorer for the protocol): it says which
// package a Go file belongs to, as the text label pkg=NAME. The answer is in the file's
// package clause; a test of a package counts as the package.
package main

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"strings"
)

type signal struct {
	Type  string `json:"type"`
	Kind  string `json:"kind"`
	Value any    `json:"value"`
}

func main() {
	var request struct {
		Text string `json:"request_text"`
	}
	err := json.NewDecoder(os.Stdin).Decode(&request)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(labels(request.Text))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "subject:", err)
		os.Exit(1)
	}
}

// labels is empty for a text that is not a Go file.
func labels(text string) []signal {
	file, err := parser.ParseFile(token.NewFileSet(), "file.go", text, parser.PackageClauseOnly)
	if err != nil {
		return []signal{}
	}
	return []signal{{"label", "text", "pkg=" + strings.TrimSuffix(file.Name.Name, "_test")}}
}
