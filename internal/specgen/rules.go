package main

import (
	"fmt"
	"regexp"
	"strings"
)

// prefixes are the beginnings of the rule numbers of a page. The other pages have no rules.
var prefixes = map[string]string{"can": "can", "fields": "field", "objects": "obj", "merkle": "merkle", "capabilities": "cap", "effects": "eff", "ledger": "led",
	"evidence": "ev", "ir": "ir", "wire": "wire", "datasets": "ds", "learning": "learn", "tools": "tool", "trees": "tree"}

// retired are the numbers of removed rules. They are not used again.
var retired = map[string]bool{}

var (
	// heads matches numbers where a rule begins: a paragraph, an item of a list, a row of a table.
	heads = regexp.MustCompile(`(?m)^(- |\d+\. |\| )?\[([a-z]+-[1-9][0-9]*)\]`)
	head  = regexp.MustCompile(`^(- |\d+\. |\| ?)?`)
)

// numberRules gives the next numbers of a page to the rules that have none. Existing numbers do not change.
func numberRules(prefix, page string) string {
	next := 1
	for _, m := range heads.FindAllStringSubmatch(page, -1) {
		next = max(next, numberIn(prefix, m[2])+1)
	}
	for number := range retired {
		next = max(next, numberIn(prefix, number)+1)
	}
	lines := strings.Split(page, "\n")
	for i, begins := range ruleLines(lines) {
		if begins && !heads.MatchString(lines[i]) {
			mark := head.FindString(lines[i])
			if strings.HasPrefix(mark, "|") {
				mark = "| "
			}
			lines[i] = fmt.Sprintf("%s[%s-%d] %s", mark, prefix, next, strings.TrimPrefix(lines[i], head.FindString(lines[i])))
			next++
		}
	}
	return strings.Join(lines, "\n")
}

// ruleLines reports at which lines rules begin that a person wrote: not in generated tables, headings, table heads or
// code.
func ruleLines(lines []string) []bool {
	begins := make([]bool, len(lines))
	generated, row, fresh := false, 0, true
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, "<!--"):
			generated, fresh = !strings.HasPrefix(line, "<!-- end"), true
		case generated || strings.HasPrefix(line, "    "):
		case line == "" || strings.HasPrefix(line, "#"):
			row, fresh = 0, true
		case strings.HasPrefix(line, "|"):
			row++
			begins[i], fresh = row > 2, false
		case fresh || strings.HasPrefix(line, "- ") || regexp.MustCompile(`^\d+\. `).MatchString(line):
			begins[i], fresh = true, false
		}
	}
	return begins
}

func numberIn(prefix, number string) int {
	var n int
	if _, err := fmt.Sscanf(number, prefix+"-%d", &n); err != nil {
		return 0
	}
	return n
}
