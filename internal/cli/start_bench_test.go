package cli

import (
	"testing"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

// BenchmarkTree measures what every command pays for the command tree.
func BenchmarkTree(b *testing.B) {
	for b.Loop() {
		NewRoot(cmdutil.New())
	}
}
