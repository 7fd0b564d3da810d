// Package fsck reads a whole store and reports what is wrong with it ([Run]): bytes that do not match their hash,
// references to missing data, indexes that differ from their content. It repairs nothing.
package fsck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/layout"
)

// Finding is one fault that Run found.
type Finding struct {
	Kind string      // "chunk", "bytes", "node", "object", "blob", "ref", "pin" or [KindCut]
	ID   object.Hash // the faulty thing; for a ref, its target
	Name string      // name of the ref or the file
	Err  error       // wraps ErrCorrupt or store.ErrNotFound if that is the cause
}

// Checked counts what Run read.
type Checked struct{ Chunks, Nodes, Objects, Blobs, Refs, Pins uint64 }

// Run reads everything and checks every hash, every node, and every reference of a blob, a ref or a pin. It calls
// report for each fault, one at a time, and continues. It changes nothing, except that it marks damaged chunks so that
// putting the same bytes again replaces them. It costs a read of the whole store. The error is that of a backend.
//
// check, which may be nil, comes from the caller, who knows the kinds: it checks an object beyond its canonical
// encoding: its fields, and that its id is that of its bytes. looked, which may be nil, receives the number of things
// checked since the last call.
func Run(ctx context.Context, s *store.Store, report func(Finding), check func(store.Object) error, looked func(int64)) (Checked, error) {
	f := &checker{s: s, report: report, object: check, looked: looked, seen: map[object.Hash]bool{}}
	for _, step := range []func(context.Context) error{
		f.database, f.bytes, f.packed, f.files, f.nodes, f.objects, f.index, f.blobs, f.refs, f.pins,
	} {
		if err := step(ctx); err != nil {
			return f.done, fmt.Errorf("fsck: %w", err)
		}
	}
	return f.done, nil
}

// checker is one run.
type checker struct {
	s      *store.Store
	report func(Finding)
	object func(store.Object) error
	looked func(int64) // may be nil
	done   Checked
	seen   map[object.Hash]bool // undamaged folders and files of trees
}

// found reports a fault; the end of the context is not a fault.
func (f *checker) found(ctx context.Context, kind string, id object.Hash, err error) error {
	if f.looked != nil {
		f.looked(1)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		f.report(Finding{Kind: kind, ID: id, Err: err})
	}
	return nil
}

// each calls check for every key of a space and reports its errors.
func (f *checker) each(ctx context.Context, space, kind string, check func(h object.Hash, value []byte) error) error {
	return f.s.KV().Scan(ctx, space, kv.End(space), func(key string, value []byte) error {
		h, err := object.ParseHash(key[len(space):])
		if err == nil {
			err = check(h, value)
		} else {
			err = fmt.Errorf("key %q: %w: %w", key, store.ErrCorrupt, err)
		}
		return f.found(ctx, kind, h, err)
	})
}

// KindCut is the kind of a finding about an interrupted update. It is information, not a fault.
const KindCut = "journal"

// database checks the KV's data, whether or not a key leads to it.
func (f *checker) database(ctx context.Context) error {
	if c, ok := f.s.KV().(kv.Cutter); ok {
		cuts, err := c.Cuts(ctx)
		if err != nil {
			return err
		}
		for _, x := range cuts {
			f.report(Finding{Kind: KindCut, Name: x.File, Err: x})
		}
	}
	if v, ok := f.s.KV().(store.Verifier); ok {
		return v.Verify(ctx)
	}
	return nil
}

func (f *checker) bytes(ctx context.Context) error {
	return f.each(ctx, kv.Bytes, "bytes", func(h object.Hash, data []byte) error {
		f.done.Chunks++
		return verify("bytes", data, h)
	})
}

func (f *checker) packed(ctx context.Context) error {
	return f.each(ctx, kv.Packed, "bytes", func(h object.Hash, raw []byte) error {
		f.done.Chunks++
		data, err := f.inPack(ctx, h, raw)
		if err != nil {
			return err
		}
		return verify("bytes", data, h)
	})
}

// inPack reads a byte string from a pack, unless a collection moves it meanwhile.
func (f *checker) inPack(ctx context.Context, h object.Hash, raw []byte) ([]byte, error) {
	at, err := layout.ParseSpot(raw)
	if err != nil {
		return nil, err
	}
	data, err := at.Read(ctx, f.s.Chunks())
	if errors.Is(err, store.ErrNotFound) {
		return f.s.Bytes(ctx, h)
	}
	return data, err
}

// verify compares bytes with their hash.
func verify(what string, data []byte, h object.Hash) error {
	if got := object.Sum(data); got != h {
		return fmt.Errorf("%s %s: %w: they hash to %s", what, h.Short(), store.ErrCorrupt, got.Short())
	}
	return nil
}

func (f *checker) files(ctx context.Context) error {
	var buf []byte
	return f.s.Chunks().ScanChunks(ctx, func(h object.Hash, _ int64) error {
		f.done.Chunks++
		data, err := store.ReadChunk(ctx, f.s.Chunks(), h, buf)
		if err == nil {
			buf = data
		}
		if errors.Is(err, store.ErrCorrupt) {
			err = errors.Join(err, f.s.Chunks().Doubt(ctx, h))
		}
		return f.found(ctx, "chunk", h, err)
	})
}

func (f *checker) nodes(ctx context.Context) error {
	return f.each(ctx, kv.Nodes, "node", func(h object.Hash, raw []byte) error {
		f.done.Nodes++
		if err := verify("node", raw, h); err != nil {
			return err
		}
		return tree.CheckNode(raw)
	})
}

func (f *checker) objects(ctx context.Context) error {
	return f.each(ctx, kv.Objects, "object", func(h object.Hash, _ []byte) error {
		f.done.Objects++
		o, err := f.s.Object(ctx, h)
		if err == nil {
			err = can.Validate(o.Raw)
		}
		if err == nil && f.object != nil {
			err = f.object(o)
		}
		if err != nil {
			return err
		}
		key := kv.Kinds + o.Kind + "/" + h.String()
		_, found, err := f.s.KV().Get(ctx, key)
		if err == nil && !found {
			err = fmt.Errorf("%w in the index of kind %s", store.ErrNotFound, o.Kind)
		}
		return err
	})
}

// index checks that the index names only things that are here.
func (f *checker) index(ctx context.Context) error {
	return f.s.KV().Scan(ctx, kv.Kinds, kv.End(kv.Kinds), func(key string, copied []byte) error {
		h, err := object.ParseHash(key[strings.LastIndexByte(key, '/')+1:])
		if err == nil {
			var o store.Object
			if o, err = f.s.Object(ctx, h); err == nil && kv.Kinds+o.Kind+"/"+h.String() != key {
				err = fmt.Errorf("%w: the index has it as %q", store.ErrCorrupt, key)
			} else if err == nil && len(copied) > 0 && !bytes.Equal(copied, o.Raw) {
				err = fmt.Errorf("%w: the index of kind %s has other bytes", store.ErrCorrupt, o.Kind)
			}
		}
		return f.found(ctx, "object", h, err)
	})
}

func (f *checker) blobs(ctx context.Context) error {
	return f.each(ctx, kv.Blobs, "blob", func(cid object.Hash, _ []byte) error {
		f.done.Blobs++
		b, err := f.s.OpenBlob(ctx, cid, codec.Keys{})
		if err != nil {
			return err
		}
		if b.Ref().CID != cid {
			return fmt.Errorf("%w: its reference is that of %s", store.ErrCorrupt, b.Ref().CID.Short())
		}
		if raw, err := f.s.Nodes(ctx).Node(cid); err == nil && tree.Is(raw) {
			return f.tree(ctx, cid)
		}
		return b.Whole(ctx)
	})
}

// tree checks a tree of files. It skips parts of earlier trees, unless those were damaged.
func (f *checker) tree(ctx context.Context, id object.Hash) error {
	err := store.WholeTree(ctx, f.s, id, f.seen)
	if err != nil {
		clear(f.seen)
	}
	return err
}

func (f *checker) refs(ctx context.Context) error {
	return f.s.KV().Scan(ctx, kv.Refs, kv.End(kv.Refs), func(key string, value []byte) error {
		f.done.Refs++
		var h object.Hash
		err := fmt.Errorf("%w: %x is not a digest", store.ErrCorrupt, value)
		if len(value) == len(h.Sum) {
			h = object.HashOf([32]byte(value))
			err = f.known(ctx, h)
		}
		if err != nil && ctx.Err() == nil {
			f.report(Finding{Kind: "ref", ID: h, Name: key[2:], Err: err})
		}
		return ctx.Err()
	})
}

func (f *checker) pins(ctx context.Context) error {
	return f.each(ctx, kv.Pins, "pin", func(h object.Hash, raw []byte) error {
		f.done.Pins++
		if p, err := object.Decode[store.Pin](raw); err != nil || p.CID != h {
			return errors.Join(store.ErrCorrupt, err)
		}
		return f.known(ctx, h)
	})
}

// known reports whether anything with this hash is here; the error wraps store.ErrNotFound.
func (f *checker) known(ctx context.Context, h object.Hash) error {
	for _, space := range []string{kv.Objects, kv.Blobs, kv.Nodes} {
		if _, found, err := f.s.KV().Get(ctx, space+h.String()); err != nil || found {
			return err
		}
	}
	have, err := f.s.HasBytes(ctx, h)
	if err == nil && !have {
		err = fmt.Errorf("what it points to: %w", store.ErrNotFound)
	}
	return err
}
