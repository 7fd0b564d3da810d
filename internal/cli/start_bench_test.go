package cli

import (
	"testing"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

// BenchmarkTree is what every command pays for the command tree.
func BenchmarkTree(b *testing.B) {
	for b.Loop() {
		NewRoot(cmdutil.New())
	}
}
