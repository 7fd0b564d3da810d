package dataset

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
)

// ErrMismatch means that a rebuilt dataset differs from the claimed one.
var ErrMismatch = errors.New("the dataset is not what its definition gives")

// MismatchError names the difference. It wraps ErrMismatch.
type MismatchError struct {
	What      string // "manifest", "count", "definition"
	Want, Got string
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("%v: %s: it claims %s, rebuilding gives %s", ErrMismatch, e.What, e.Want, e.Got)
}

// Unwrap gives ErrMismatch.
func (e *MismatchError) Unwrap() error { return ErrMismatch }

// Verify rebuilds a definition without storing anything, and compares the result with everything in a DatasetRef. It
// reads the evidence and no pages. The error wraps ErrMismatch, or is that of Select if the dataset cannot be rebuilt
// here. Verifying the receipt is up to the ledger.
func Verify(ctx context.Context, src Source, d *DatasetDef, ref *DatasetRef) (*Selection, error) {
	return VerifyWith(ctx, src, d, ref, Options{})
}

// VerifyWith is Verify with options.
func VerifyWith(ctx context.Context, src Source, d *DatasetDef, ref *DatasetRef, o Options) (*Selection, error) {
	if ref.DatasetDefID != d.DatasetDefID {
		return nil, &MismatchError{"definition", ref.DatasetDefID.String(), d.DatasetDefID.String()}
	}
	sel, err := choose(ctx, src, d, o, nil)
	if err != nil {
		return nil, err
	}
	root, err := merkle.ListRoot(sel.IDs)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return sel, compareManifest(ref, root)
}

func compareManifest(ref *DatasetRef, root merkle.Root) error {
	m := ref.Manifest
	plain := m.Codec == object.CodecRaw && m.Chunks == 0 && m.Encryption == nil
	for _, c := range []MismatchError{
		{"manifest", m.CID.String(), root.CID.String()},
		{"count", fmt.Sprint(ref.Count), fmt.Sprint(root.Count)},
		{"size of the manifest's root", fmt.Sprint(m.Size), fmt.Sprint(root.NodeSize)},
		{"media type of the manifest", m.Media, MediaManifest},
		{"form of the manifest (raw, without chunks)", fmt.Sprint(plain), fmt.Sprint(true)},
	} {
		if c.Want != c.Got {
			return &c
		}
	}
	return nil
}
