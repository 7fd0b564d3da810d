// Command sbom turns the output of `go version -m`, on standard input, into a CycloneDX
// 1.5 bill of materials on standard output.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

type document struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	PURL    string `json:"purl,omitempty"`
	Hashes  []hash `json:"hashes,omitempty"`
}

type hash struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	doc := document{Format: "CycloneDX", Spec: "1.5", Version: 1, Components: []component{}}
	sc := bufio.NewScanner(in)
	for sc.Scan() {
		fields := strings.Split(strings.TrimSpace(sc.Text()), "\t")
		if len(fields) < 3 {
			continue
		}
		c := component{Type: "library", Name: fields[1], Version: fields[2], PURL: "pkg:golang/" + fields[1] + "@" + fields[2]}
		switch fields[0] {
		case "mod":
			c.Type = "application"
			doc.Metadata.Component = c
		case "dep":
			if len(fields) > 3 {
				sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(fields[3], "h1:"))
				if err != nil {
					return fmt.Errorf("%s: %w", fields[1], err)
				}
				c.Hashes = []hash{{"SHA-256", hex.EncodeToString(sum)}} // go.sum's h1, over the module's files
			}
			doc.Components = append(doc.Components, c)
		}
	}
	if err := sc.Err(); err != nil {
		return err
	}
	if doc.Metadata.Component.Name == "" || len(doc.Components) == 0 {
		return fmt.Errorf("no modules: is this the output of `go version -m`?")
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}
