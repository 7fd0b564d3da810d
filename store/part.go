package store

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/layout"
)

// Parts of something larger are loose until it refers to them (package layout).

// addPart adds to an update the keys of a part and their marks.
func (it *staged) addPart(put map[string][]byte) {
	for key, data := range it.put {
		put[key] = data
		put[layout.MarkOf(key)] = []byte{}
	}
}

// keepPart reports whether a part that is here already can stay as it is: every piece of it
// is whole and loose, so that a collection which has not seen it yet lets it be. One that
// is not loose is made so, unless a collection is under way, which may be about to take it.
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

// PutTree makes a tree visible whose nodes went to w: what of them is still held becomes
// durable together with the reference. Its files are durable. With while, parts of it were taken
// from the tree with that cid, unseen: if that one is gone, the error wraps ErrChanged and
// nothing is visible.
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
