package model

import (
	"runtime"
	"sync"

	"github.com/mythos-project/mythos/object"
)

// OpenedAttestation is an attestation that verifies, and its id.
type OpenedAttestation struct {
	ID object.Hash
	*Attestation
}

// OpenAttestations is OpenAttestation for many, on all processors. The i-th result
// or error is of the i-th attestation; one that does not verify spoils no other.
func OpenAttestations(raws [][]byte) ([]OpenedAttestation, []error) {
	opened, errs := make([]OpenedAttestation, len(raws)), make([]error, len(raws))
	workers := min(runtime.GOMAXPROCS(0), (len(raws)+7)/8)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(raws); i += workers {
				opened[i].Attestation, opened[i].ID, errs[i] = OpenAttestation(raws[i])
			}
		})
	}
	wg.Wait()
	return opened, errs
}
