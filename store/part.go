package store

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/layout"
)

// A part of something larger is loose until the larger thing refers to it (package layout).

// addPart adds to an update the keys of a part and their marks.
func (it *staged) addPart(put map[string][]byte) {
	for key, data := range it.put {
		put[key] = data
		put[layout.MarkOf(key)] = []byte{}
	}
}

// keepPart reports whether a part that is already here can stay: every piece of it must be undamaged and loose, so that
// a new collection spares it. It makes other pieces loose, unless a running collection may be about to delete them.
func keepPart(ctx context.Context, s *Store, it *staged) (bool, error) {
	check, put := map[string][]byte{layout.Collecting: nil}, map[string][]byte{}
	for key, data := range it.put {
		have, err := s.hasPart(ctx, key, data)
		if err != nil || !have {
			return false, err
		}
		mark, found, err := s.kv.Get(ctx, layout.MarkOf(key))
		if err != nil {
			return false, err
		}
		switch {
		case found && len(mark) == 0:
		case found:
			return false, nil
		default:
			check[layout.MarkOf(key)], put[layout.MarkOf(key)] = nil, []byte{}
		}
	}
	if len(put) == 0 {
		return true, nil
	}
	return s.kv.Update(ctx, check, put)
}

// PutTree makes a tree visible whose nodes went to w: the nodes still pending become durable together with the
// reference. The files of the tree are durable already. With while, parts were taken unread from the tree with that
// cid: if that tree is gone, the error wraps ErrChanged and nothing is visible.
func PutTree(ctx context.Context, s *Store, ref object.BlobRef, w *NodeWriter, while *object.Hash) error {
	it := &staged{ref: ref, put: w.pending}
	if while == nil {
		return s.commit(ctx, []*staged{it})
	}
	guard := kv.Blobs + while.String()
	for {
		kept, found, err := s.kv.Get(ctx, guard)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("tree %s, which has parts of the new one: %w", while.Short(), ErrChanged)
		}
		check, put := map[string][]byte{}, map[string][]byte{}
		if err := s.missing(ctx, it, check, put); err != nil {
			return err
		}
		if err := layout.Guard(ctx, s.kv, check, put); err != nil {
			return err
		}
		check[guard] = kept
		if ok, err := s.kv.Update(ctx, check, put); err != nil || ok {
			return err
		}
	}
}
