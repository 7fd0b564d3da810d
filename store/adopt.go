package store

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// PutNode keeps one Merkle node that came from elsewhere, durably. The error wraps
// ErrCorrupt when its bytes are not those of the cid.
func (s *Store) PutNode(ctx context.Context, cid object.Hash, raw []byte) error {
	if err := verify("node", raw, cid); err != nil {
		return err
	}
	return s.putAbsent(ctx, map[string][]byte{"n/" + cid.String(): raw})
}

// Adopt makes a blob visible whose parts came one by one, once all of them are here.
func (s *Store) Adopt(ctx context.Context, ref object.BlobRef) error {
	s.running.RLock()
	defer s.running.RUnlock()
	raw, err := can.Marshal(&ref)
	if err != nil {
		return err
	}
	key := "b/" + ref.CID.String()
	if _, found, err := s.kv.Get(ctx, key); err != nil || found {
		return err
	}
	if err := s.complete(ctx, ref); err != nil {
		return fmt.Errorf("blob %s: %w", ref.CID.Short(), err)
	}
	_, err = s.kv.Update(ctx, nil, map[string][]byte{key: raw})
	return err
}

// complete checks that every part of a blob is here.
func (s *Store) complete(ctx context.Context, ref object.BlobRef) error {
	b, err := s.OpenRef(ctx, ref, OpenOptions{})
	if err != nil {
		return err
	}
	return s.parts(ctx, b)
}
