package tasks

import (
	"strings"
	"testing"
)

// TestInline: what is larger than it may be is refused before it is decoded.
func TestInline(t *testing.T) {
	t.Parallel()
	most := strings.Repeat("AAAA", maxInline/3) + "AA=="
	if raw, err := inline("base64", most); err != nil || len(raw) != maxInline {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
	if _, err := inline("base64", strings.Repeat("AAAA", maxInline/3+2)); err == nil || !strings.Contains(err.Error(), "at most 4194304 bytes") {
		t.Error(err)
	}
}
