package cmdutil

import (
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/internal/cli/clierr"
)

// ParseRange reads the value of a flag --range, OFF:LEN in bytes; empty is 0 and 0.
func ParseRange(s string) (off, length int64, err error) {
	if s == "" {
		return 0, 0, nil
	}
	from, n, ok := strings.Cut(s, ":")
	if ok {
		off, err = strconv.ParseInt(from, 10, 64)
		if err == nil {
			length, err = strconv.ParseInt(n, 10, 64)
		}
	}
	if !ok || err != nil || off < 0 || length < 0 {
		return 0, 0, clierr.Usagef("--range %s: expected OFF:LEN in bytes", s)
	}
	return off, length, nil
}
