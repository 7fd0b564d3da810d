package docgen

import (
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/internal/config"
)

const (
	settingsFile   = "docs/settings.md"
	settingsStart  = "<!-- generated: settings -->\n"
	variablesStart = "<!-- generated: variables -->\n"
)

// settings writes the tables of settings and of variables into their page.
func (t *Tree) settings(files map[string][]byte) error {
	var b strings.Builder
	b.WriteString("| setting | variable | value | default | what it does |\n|---|---|---|---|---|\n")
	for _, s := range config.Settings() {
		value := "`" + s.Default + "`"
		if s.Default == "" {
			value = "none"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", s.Name, s.Variable(), s.Type, value, s.Help)
	}
	if err := t.table(files, settingsFile, settingsStart, b.String()); err != nil {
		return err
	}
	b.Reset()
	b.WriteString("| variable | what it is |\n|---|---|\n")
	for _, v := range config.Variables {
		fmt.Fprintf(&b, "| `%s` | %s |\n", v.Name, v.Help)
	}
	return t.table(files, settingsFile, variablesStart, b.String())
}
