// Command generate writes the golden vectors of spec/vectors: it makes the inputs, and package conform computes this
// implementation's results.
package main

import (
	"fmt"
	"os"

	"github.com/mythos-project/mythos/internal/conform/generate/credentials"
	"github.com/mythos-project/mythos/internal/conform/generate/datasets"
	"github.com/mythos-project/mythos/internal/conform/generate/deciding"
	"github.com/mythos-project/mythos/internal/conform/generate/kept"
	"github.com/mythos-project/mythos/internal/conform/generate/vector"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate DIR")
		os.Exit(2)
	}
	sets := []*vector.Set{structs(), views(), ids(), lists(), blobs(), proofs(), receipts(), signatures(), ledgers(), logs(), bundles(), datasets.Definitions(), capabilities(), packets(), programs(), refusals(),
		datasets.Queries(), datasets.Splits(), quotas(), deciding.Issuances(), strictnesses(), deciding.Promotions(), datasets.Exports(), datasets.Redactions(), datasets.Imports(), credentials.Requests(), credentials.Bearers(), credentials.Tokens(), frames(), deciding.Rings(), kept.Cells(), kept.Stored()}
	for _, s := range sets {
		if err := s.Write(os.Args[1]); err != nil {
			fmt.Fprintf(os.Stderr, "generate %s: %v\n", s.Class, err)
			os.Exit(1)
		}
	}
}

// Short names for the parts of inputs.
type (
	set    = vector.Set
	fields = vector.Fields
)

const start, minute = vector.Start, vector.Minute

var (
	alice, bob, carol = vector.Alice, vector.Bob, vector.Carol
	tool              = vector.Tool
	issue, hexOf      = vector.Issue, vector.Hex
	replaceField      = vector.ReplaceField
)

func must[T any](v T, err error) T { return vector.Must(v, err) }
