package store

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/object"
)

// PutNode keeps one Merkle node that came from elsewhere, durably. Nothing refers
// to it yet: a garbage collection lets it be for GCOptions.Grace. The error wraps
// ErrCorrupt when its bytes are not those of the cid.
func (s *Store) PutNode(ctx context.Context, cid object.Hash, raw []byte) error {
	if err := verify("node", raw, cid); err != nil {
		return err
	}
	_, err := s.kv.Update(ctx, nil, map[string][]byte{"n/" + cid.String(): raw, looseKey(cid): {}})
	return err
}

// Adopt makes a blob visible whose parts came one by one (PutBytes, PutNode), once
// all of them are here. The error wraps ErrNotFound when one is not.
func (s *Store) Adopt(ctx context.Context, ref object.BlobRef) error {
	b, err := s.OpenRef(ctx, ref, OpenOptions{})
	if err == nil {
		err = s.parts(ctx, b)
	}
	if err == nil {
		err = s.commit(ctx, []*staged{{ref: ref}})
	}
	if err != nil {
		return fmt.Errorf("adopt blob %s: %w", ref.CID.Short(), err)
	}
	return nil
}
