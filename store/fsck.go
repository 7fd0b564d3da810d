package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
)

// Finding is one thing that Fsck found wrong.
type Finding struct {
	Kind string      // "chunk", "node", "object", "blob" or "ref"
	ID   object.Hash // of what is wrong
	Err  error
}

// Checked counts what Fsck read.
type Checked struct{ Chunks, Nodes, Objects, Blobs uint64 }

// Fsck reads everything and checks every hash, every node and every reference of
// a blob; it calls report for each thing that is wrong and goes on. What it costs
// is a read of the whole store. The error is that of a backend.
func (s *Store) Fsck(ctx context.Context, report func(Finding)) (Checked, error) {
	var done Checked
	err := errors.Join(
		s.fsckChunks(ctx, report, &done),
		s.fsckNodes(ctx, report, &done),
		s.fsckObjects(ctx, report, &done),
		s.fsckBlobs(ctx, report, &done),
	)
	return done, err
}

func (s *Store) fsckChunks(ctx context.Context, report func(Finding), done *Checked) error {
	err := s.kv.Scan(ctx, "c/", after("c/"), func(key string, data []byte) error {
		h, err := parseKeyHash(key, "c/")
		if err == nil {
			err = verify("bytes", data, h)
		}
		if err != nil {
			report(Finding{"chunk", h, err})
		}
		done.Chunks++
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	return s.chunks.ScanChunks(ctx, func(h object.Hash, _ int64) error {
		data, err := s.chunks.Chunk(ctx, h)
		if err == nil {
			err = verify("chunk", data, h)
		}
		if err != nil {
			report(Finding{"chunk", h, err})
		}
		done.Chunks++
		return ctx.Err()
	})
}

func (s *Store) fsckNodes(ctx context.Context, report func(Finding), done *Checked) error {
	return s.kv.Scan(ctx, "n/", after("n/"), func(key string, raw []byte) error {
		cid, err := parseKeyHash(key, "n/")
		if err == nil {
			err = verify("node", raw, cid)
		}
		if err == nil {
			_, err = object.Decode[merkle.Node](raw)
		}
		if err != nil {
			report(Finding{"node", cid, err})
		}
		done.Nodes++
		return nil
	})
}

func (s *Store) fsckObjects(ctx context.Context, report func(Finding), done *Checked) error {
	var wrong []Finding
	err := s.kv.Scan(ctx, "o/", after("o/"), func(key string, value []byte) error {
		id, err := parseKeyHash(key, "o/")
		if err != nil {
			wrong = append(wrong, Finding{"object", id, err})
			return nil
		}
		done.Objects++
		o, err := s.Object(ctx, id)
		if err == nil {
			err = can.Validate(o.Raw)
		}
		if err != nil {
			report(Finding{"object", id, err})
		}
		return nil
	})
	for _, w := range wrong {
		report(w)
	}
	return err
}

func (s *Store) fsckBlobs(ctx context.Context, report func(Finding), done *Checked) error {
	return s.kv.Scan(ctx, "b/", after("b/"), func(key string, raw []byte) error {
		cid, err := parseKeyHash(key, "b/")
		if err == nil {
			err = s.fsckBlob(ctx, cid)
		}
		if err != nil {
			report(Finding{"blob", cid, err})
		}
		done.Blobs++
		return ctx.Err()
	})
}

// fsckBlob checks that all parts of a blob are here; their hashes were checked
// where they lie.
func (s *Store) fsckBlob(ctx context.Context, cid object.Hash) error {
	b, err := s.OpenBlob(ctx, cid, OpenOptions{})
	if err != nil {
		return err
	}
	return s.parts(ctx, b)
}

// parts checks that every part of an open blob is here.
func (s *Store) parts(ctx context.Context, b *Blob) error {
	if b.tree == nil {
		return s.present(ctx, b.ref)
	}
	return b.tree.Walk(0, b.tree.Len(), func(i uint64, c merkle.Chunk) error {
		have, err := s.HasBytes(ctx, c.Hash)
		if err == nil && !have {
			err = fmt.Errorf("chunk %d: %w", i, ErrNotFound)
		}
		return err
	})
}

// present checks an unchunked blob, which is a byte string or a MerkleList.
func (s *Store) present(ctx context.Context, ref object.BlobRef) error {
	have, err := s.HasBytes(ctx, ref.CID)
	if err != nil || have {
		return err
	}
	list, err := merkle.OpenList(s.Nodes(ctx), ref.CID)
	if err != nil {
		return err
	}
	return list.Nodes(func(object.Hash, []byte) error { return ctx.Err() })
}
