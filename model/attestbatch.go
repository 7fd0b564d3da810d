package model

import (
	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/object"
)

// OpenedAttestation is a verified attestation with its id.
type OpenedAttestation struct {
	ID object.Hash
	*Attestation
}

// OpenAttestations is OpenAttestation for many, on all processors. The i-th result or error is that of the i-th
// attestation; an invalid one does not affect the others.
func OpenAttestations(raws [][]byte) ([]OpenedAttestation, []error) {
	opened, errs := make([]OpenedAttestation, len(raws)), make([]error, len(raws))
	par.Do(len(raws), 0, func(i int) { opened[i].Attestation, opened[i].ID, errs[i] = OpenAttestation(raws[i]) })
	return opened, errs
}
