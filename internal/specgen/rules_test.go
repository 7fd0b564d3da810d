package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/spec/vectors"
)

var numbered = regexp.MustCompile(`\[((?:can|field|obj|merkle|cap|eff|led|ev|ir|wire|ds|learn|tool|tree)-[1-9][0-9]*)\]`)

// rules lists the numbers on the pages, each at the head of its rule.
func rules(t *testing.T) map[string]bool {
	t.Helper()
	given := map[string]bool{}
	for name, page := range pages(t) {
		prefix := prefixes[strings.TrimSuffix(strings.TrimPrefix(name, "spec/"), ".md")]
		most := 0
		for _, m := range heads.FindAllStringSubmatch(page, -1) {
			number := m[2]
			n := numberIn(prefix, number)
			if prefix == "" || n == 0 {
				t.Errorf("%s: [%s] is not a number of this page", name, number)
			}
			if given[number] || retired[number] {
				t.Errorf("%s: [%s] is there twice, or was taken away", name, number)
			}
			given[number] = true
			most = max(most, n)
		}
		for n := 1; n <= most; n++ {
			if number := fmt.Sprintf("%s-%d", prefix, n); !given[number] && !retired[number] {
				t.Errorf("%s: [%s] is missing and was not taken away", name, number)
			}
		}
		if prefix != "" && most == 0 {
			t.Errorf("%s has no rules", name)
		}
	}
	return given
}

// TestEveryRuleHasANumber: go generate gives a number to each rule that has none.
func TestEveryRuleHasANumber(t *testing.T) {
	if n := len(rules(t)); n < 700 {
		t.Errorf("only %d rules were seen", n)
	}
	const page = "# Title\n\nOne.\nStill one.\n\n| a | b |\n|---|---|\n| x | y |\n| [can-7] z | |\n\n1. first\n   goes on\n- item\n\n    code\n\n<!-- costs -->\n| 1 | 2 |\n<!-- end -->\n\nLast.\n"
	const want = "# Title\n\n[can-8] One.\nStill one.\n\n| a | b |\n|---|---|\n| [can-9] x | y |\n| [can-7] z | |\n\n1. [can-10] first\n   goes on\n- [can-11] item\n\n    code\n\n" +
		"<!-- costs -->\n| 1 | 2 |\n<!-- end -->\n\n[can-12] Last.\n"
	if got := numberRules("can", page); got != want {
		t.Errorf("numbered as %s", got)
	}
}

// TestCitedRules: the rules that code and vectors cite exist; every file of vectors cites one.
func TestCitedRules(t *testing.T) {
	given, cited := rules(t), 0
	eachSource(t, func(path string, data []byte) {
		for _, m := range numbered.FindAllSubmatch(data, -1) {
			if cited++; !given[string(m[1])] {
				t.Errorf("%s cites [%s], which is not there", path, m[1])
			}
		}
	})
	if cited < 40 {
		t.Errorf("the code cites only %d rules", cited)
	}
	files, err := fs.Glob(vectors.FS, "*.json")
	if err != nil || len(files) < 16 {
		t.Fatalf("%d files of vectors: %v", len(files), err)
	}
	for _, file := range files {
		data, err := fs.ReadFile(vectors.FS, file)
		if err != nil {
			t.Fatal(err)
		}
		var set struct{ Vectors []struct{ ID, Rule string } }
		if err := json.Unmarshal(data, &set); err != nil || len(set.Vectors) == 0 {
			t.Fatalf("%s: %d vectors: %v", file, len(set.Vectors), err)
		}
		for _, v := range set.Vectors {
			if !given[v.Rule] {
				t.Errorf("%s: %s cites rule %q, which is not there", file, v.ID, v.Rule)
			}
		}
	}
}
