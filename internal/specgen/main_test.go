package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/internal/catalog"
)

const root = "../.."

func pages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(root + "/spec/*.md")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d pages: %v", len(files), err)
	}
	all := map[string]string{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all["spec/"+filepath.Base(f)] = string(data)
	}
	return all
}

// TestEveryStructIsSpecified: the fields of every struct are on some page, as the Go type has them.
func TestEveryStructIsSpecified(t *testing.T) {
	var text strings.Builder
	for name, page := range pages(t) {
		again, err := rewrite(root, []byte(page))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if prefix := prefixes[strings.TrimSuffix(filepath.Base(name), ".md")]; prefix != "" {
			again = []byte(numberRules(prefix, string(again)))
		}
		if string(again) != page {
			t.Errorf("%s is not fresh: go generate ./spec", name)
		}
		text.WriteString(page)
	}
	for _, s := range catalog.All() {
		if !strings.Contains(text.String(), "<!-- fields: "+s.Name+" -->") {
			t.Errorf("no page has the fields of %s", s.Name)
		}
	}
}

// TestCitations: every page and heading that the code cites exists.
func TestCitations(t *testing.T) {
	headings := map[string]bool{}
	for name, page := range pages(t) {
		headings[name] = true
		for _, line := range strings.Split(page, "\n") {
			if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
				headings[name+"#"+anchor(title)] = true
			}
		}
	}
	cited := regexp.MustCompile(`spec/[a-z]+\.md(#[a-z0-9-]+)?`)
	eachSource(t, func(path string, data []byte) {
		for _, c := range cited.FindAllString(string(data), -1) {
			if !headings[c] {
				t.Errorf("%s cites %s, which is not there", path, c)
			}
		}
	})
}

// anchor returns the name by which Markdown renderers link to a heading.
func anchor(title string) string {
	title = strings.ToLower(strings.TrimSpace(title))
	return strings.ReplaceAll(regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(title, ""), " ", "-")
}

// TestMarkers: a table that is not closed is an error, not a page that lost its end.
func TestMarkers(t *testing.T) {
	for _, page := range []string{"<!-- fields: Hash -->\n", "<!-- fields: Nonsense -->\n<!-- end -->", "<!-- costs -->\n<!-- end"} {
		if _, err := rewrite(root, []byte(page)); err == nil {
			t.Errorf("%q was taken", page)
		}
	}
}

// TestTablesAreOfTheProtocol: the comments that become tables are about fields and values, not about this
// implementation's identifiers.
func TestTablesAreOfTheProtocol(t *testing.T) {
	ours := regexp.MustCompile(`\b[A-Z][a-z0-9]+[A-Z]\w*|\b[a-z]+\.[A-Z]\w*|\[[A-Z]\w*\]|\bpackage\b`)
	known := map[string]bool{}
	for _, name := range catalog.Names() {
		known[name] = true
	}
	for _, name := range []string{"RequestHashConflict", "ResponseHashConflict", "MultipleCommits", "EvalPass", "EvalMetric", "QuorumSignoff", "KiB"} {
		known[name] = true
	}
	rows := 0
	for name, page := range pages(t) {
		for _, block := range marked.FindAllStringSubmatch(page, -1) {
			if block[2] == "" {
				continue
			}
			for _, row := range strings.Split(block[0], "\n") {
				cells := strings.Split(row, " | ")
				if len(cells) < 4 || strings.HasPrefix(row, "| | field") {
					continue
				}
				rows++
				for _, word := range ours.FindAllString(cells[3], -1) {
					if !known[word] {
						t.Errorf("%s: the fields of %s: %q is a name of this implementation: %s", name, block[2], word, row)
					}
				}
			}
		}
	}
	if rows < 400 {
		t.Errorf("only %d rows were seen", rows)
	}
}

// eachSource reads every Go file of the module.
func eachSource(t *testing.T, visit func(path string, data []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil {
			visit(path, data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
