// Package toolname checks the names of registered tools (spec/tools.md#registration).
package toolname

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// Err means that a name is not valid for a tool.
var Err = errors.New("not a tool name: letters, digits, dot, dash and underscore, at most 128, starting with a small letter")

var form = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][A-Za-z0-9._-]{0,127}$`) })

// Check refuses invalid names of registered tools. The error wraps Err.
func Check(name string) error {
	if !form().MatchString(name) || strings.HasPrefix(name, "mythos.") {
		return fmt.Errorf("%q: %w", name, Err)
	}
	return nil
}
