package bridge

import (
	"bytes"
	"testing"
)

// TestUnsaid: what nobody listens to takes no more memory than it may.
func TestUnsaid(t *testing.T) {
	t.Parallel()
	l := &line{session: "s"}
	for range 3 {
		l.keep(bytes.Repeat([]byte("x"), unsaidSize/2))
	}
	if len(l.unsaid) != 2 || l.size != unsaidSize {
		t.Errorf("%d messages, %d bytes", len(l.unsaid), l.size)
	}
}
