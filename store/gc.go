package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
)

// GCOptions say what a garbage collection keeps.
type GCOptions struct {
	Now object.Time
	// Roots calls keep for every hash that records outside the store's own keys
	// reach: byte strings, nodes, blobs. Objects themselves are never collected.
	Roots  func(ctx context.Context, keep func(object.Hash)) error
	DryRun bool
}

// GCReport counts what a garbage collection found.
type GCReport struct {
	Blobs, Nodes, Chunks uint64 // what was freed, or would be
	Bytes                uint64 // of the chunks
	Kept                 uint64 // hashes that are reachable
}

// GC frees chunks, nodes and blob references that no pin, ref or root reaches. A
// blob is kept by its reference (RemoveBlob takes that away), by a pin or a root.
// It waits for running puts of this process and keeps others from starting; puts
// of other processes are safe as long as they hold the repository's put lock,
// which the node takes.
func (s *Store) GC(ctx context.Context, o GCOptions) (GCReport, error) {
	s.running.Lock()
	defer s.running.Unlock()
	kept := map[object.Hash]bool{}
	if err := s.mark(ctx, o, kept); err != nil {
		return GCReport{}, fmt.Errorf("gc: mark: %w", err)
	}
	rep := GCReport{Kept: uint64(len(kept))}
	err := errors.Join(
		s.sweepKeys(ctx, o, "n/", kept, func(int) { rep.Nodes++ }),
		s.sweepKeys(ctx, o, "c/", kept, func(n int) { rep.Chunks++; rep.Bytes += uint64(n) }),
		s.chunks.ScanChunks(ctx, func(h object.Hash, size int64) error {
			if kept[h] {
				return nil
			}
			rep.Chunks++
			rep.Bytes += uint64(size)
			if o.DryRun {
				return nil
			}
			return s.chunks.DeleteChunk(ctx, h)
		}))
	return rep, err
}

// mark gathers everything reachable.
func (s *Store) mark(ctx context.Context, o GCOptions, kept map[object.Hash]bool) error {
	var roots []object.Hash
	keep := func(h object.Hash) { roots = append(roots, h) }
	if o.Roots != nil {
		if err := o.Roots(ctx, keep); err != nil {
			return err
		}
	}
	err := errors.Join(
		s.Blobs(ctx, func(r object.BlobRef) error { keep(r.CID); return nil }),
		s.Refs(ctx, func(_ string, h object.Hash) error { keep(h); return nil }),
		s.Pins(ctx, func(p Pin) error {
			if p.Until == 0 || p.Until > o.Now {
				keep(p.CID)
			}
			return nil
		}))
	if err != nil {
		return err
	}
	for _, h := range roots {
		if err := s.markTree(ctx, h, kept); err != nil {
			return err
		}
	}
	return nil
}

// markTree marks a hash and, where it is a tree's root, everything below it.
func (s *Store) markTree(ctx context.Context, h object.Hash, kept map[object.Hash]bool) error {
	if kept[h] {
		return nil
	}
	kept[h] = true
	if _, found, err := s.kv.Get(ctx, "n/"+h.String()); err != nil || !found {
		return err
	}
	markNode := func(cid object.Hash, _ []byte) error { kept[cid] = true; return ctx.Err() }
	tree, err := merkle.OpenChunks(s.Nodes(ctx), h)
	if err != nil {
		if tree, err = merkle.OpenList(s.Nodes(ctx), h); err != nil {
			return err
		}
		return tree.Nodes(markNode)
	}
	if err := tree.Nodes(markNode); err != nil {
		return err
	}
	return tree.Walk(0, tree.Len(), func(_ uint64, c merkle.Chunk) error {
		kept[c.Hash] = true
		return nil
	})
}

func (s *Store) sweepKeys(ctx context.Context, o GCOptions, space string, kept map[object.Hash]bool, freed func(size int)) error {
	const batch = 256
	dead := map[string][]byte{}
	flush := func() error {
		if len(dead) == 0 || o.DryRun {
			return nil
		}
		_, err := s.kv.Update(ctx, nil, dead)
		dead = map[string][]byte{}
		return err
	}
	err := s.kv.Scan(ctx, space, after(space), func(key string, value []byte) error {
		h, err := parseKeyHash(key, space)
		if err != nil || kept[h] {
			return err
		}
		freed(len(value))
		dead[key] = nil
		if len(dead) >= batch {
			return flush()
		}
		return nil
	})
	return errors.Join(err, flush())
}
