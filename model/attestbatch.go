package model

import (
	"github.com/mythos-project/mythos/internal/par"
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
	par.Do(len(raws), 0, func(i int) { opened[i].Attestation, opened[i].ID, errs[i] = OpenAttestation(raws[i]) })
	return opened, errs
}
