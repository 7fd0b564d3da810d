package config

import (
	"fmt"
	"strings"
)

// Template is the settings file of a new repository: a comment for each setting, with its
// default.
func Template() string {
	var b strings.Builder
	b.WriteString("# Settings of this repository; flags and MYTHOS_* variables come before them.\n#\n")
	for _, s := range settings {
		if s.Secret || s.User {
			continue
		}
		line := s.Name + ": " + s.Default
		if s.Default == "" {
			line = s.Name + ":"
		}
		fmt.Fprintf(&b, "# %-24s # %s\n", line, s.Help)
	}
	return b.String()
}
