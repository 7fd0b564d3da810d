package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/layout"
)

// commit writes the keys of blobs in one durable update: small chunks, nodes and references. Their large chunks are
// durable already.
func (s *Store) commit(ctx context.Context, items []*staged) error {
	ok, err := s.commitNew(ctx, items)
	if err != nil || ok {
		return err
	}
	// Some of them are here already, or a collection is running.
	return s.commitChecked(ctx, items)
}

// commitNew writes blobs if none of them is here yet and no collection runs.
func (s *Store) commitNew(ctx context.Context, items []*staged) (bool, error) {
	check, put := map[string][]byte{layout.Collecting: nil}, map[string][]byte{}
	for _, it := range items {
		if it.part {
			it.addPart(put)
			continue
		}
		raw, err := can.Marshal(&it.ref)
		if err != nil {
			return false, err
		}
		maps.Copy(put, it.put)
		key := kv.Blobs + it.ref.CID.String()
		check[key], put[key] = nil, raw
	}
	return s.kv.Update(ctx, check, put)
}

// commitChecked first checks what is here. If others change that meanwhile, it checks again, and finally goes blob by
// blob.
func (s *Store) commitChecked(ctx context.Context, items []*staged) error {
	const tries = 3
	for try := 0; ; try++ {
		check, put := map[string][]byte{}, map[string][]byte{}
		for _, it := range items {
			if err := s.missing(ctx, it, check, put); err != nil {
				return err
			}
		}
		if len(put) == 0 {
			return nil
		}
		if err := layout.Guard(ctx, s.kv, check, put); err != nil {
			return err
		}
		ok, err := s.kv.Update(ctx, check, put)
		if err != nil || ok {
			return err
		}
		if len(items) > 1 && try >= tries {
			break
		}
	}
	for _, it := range items {
		if err := s.commitChecked(ctx, []*staged{it}); err != nil {
			return err
		}
	}
	return nil
}

// missing adds to an update those parts of a blob that are not here or not as they must be.
func (s *Store) missing(ctx context.Context, it *staged, check, put map[string][]byte) error {
	if it.part {
		it.addPart(put)
		return nil
	}
	key := kv.Blobs + it.ref.CID.String()
	old, found, err := s.kv.Get(ctx, key)
	if err != nil {
		return err
	}
	if !found {
		old = nil
	} else if ref, err := object.Decode[object.BlobRef](old); err == nil { // replace a damaged reference
		if it.ref, err = mergeRefs(*ref, it.ref); err != nil {
			return err
		}
	}
	raw, err := can.Marshal(&it.ref)
	if err != nil {
		return err
	}
	check[key] = old
	if !found || string(raw) != string(old) {
		put[key] = raw
	}
	for part, data := range it.put {
		// Without a reference, a part may be about to be collected.
		have := false
		if found {
			if have, err = s.hasPart(ctx, part, data); err != nil {
				return err
			}
		}
		if !have {
			put[part] = data
			if other := otherSpace(part); found && other != "" {
				put[other] = nil // a damaged one
			}
		}
	}
	return nil
}

// otherSpace is the other possible key of a small byte string.
func otherSpace(key string) string {
	switch key[:2] {
	case kv.Packed:
		return kv.Bytes + key[2:]
	case kv.Bytes:
		return kv.Packed + key[2:]
	}
	return ""
}

// hasPart reports whether a part of a blob is here and undamaged: under its key or, for a small byte string, anywhere.
func (s *Store) hasPart(ctx context.Context, key string, data []byte) (bool, error) {
	have, found, err := s.kv.Get(ctx, key)
	if err != nil || key[:2] == kv.Nodes || (key[:2] == kv.Bytes && found) {
		return err == nil && found && bytes.Equal(have, data), err
	}
	h, err := parseKeyHash(key, key[:2])
	if err != nil {
		return false, err
	}
	if key[:2] == kv.Packed { // data is the required place
		_, err = s.Bytes(ctx, h)
	} else if have, err = s.outside(ctx, h); err == nil && !bytes.Equal(have, data) {
		err = ErrCorrupt
	}
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) {
		return false, nil
	}
	return err == nil, err
}

// lookUp fills in the reference of a blob from the stored one, and reports whether nothing is left to do.
func (s *Store) lookUp(ctx context.Context, it *staged) (bool, error) {
	if it.part {
		return keepPart(ctx, s, it)
	}
	check, put := map[string][]byte{}, map[string][]byte{}
	if err := s.missing(ctx, it, check, put); err != nil {
		return false, err
	}
	return len(put) == 0, nil
}

// mergeRefs merges two references to the same stored bytes: the old one, with the media type and the provenance of the
// new one if it has them.
func mergeRefs(old, given object.BlobRef) (object.BlobRef, error) {
	if old.Codec != given.Codec || !reflect.DeepEqual(old.Encryption, given.Encryption) {
		return given, fmt.Errorf("blob %s is here as codec %d, not as codec %d, or with another encryption: %w; remove it first",
			old.CID.Short(), old.Codec, given.Codec, ErrConflict)
	}
	if given.Media == "" || given.Media == defaultMedia {
		given.Media = old.Media
	}
	if given.Provenance == nil {
		given.Provenance = old.Provenance
	}
	given.Size, given.Chunks = old.Size, old.Chunks
	return given, nil
}
