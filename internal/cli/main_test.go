package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/internal/cli/clierr"
)

// TestInternalError: a panic is our failure; it is reported, and not as wrong usage.
func TestInternalError(t *testing.T) {
	var out bytes.Buffer
	code := internalError(&out, "index out of range", []byte("goroutine 1"))
	if code != clierr.Failed || !strings.Contains(out.String(), "internal error: index out of range") || !strings.Contains(out.String(), "goroutine 1") {
		t.Errorf("%d %s", code, out.String())
	}
}
