package golden

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/mythos-project/mythos/internal/conform/golden/input"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
	"github.com/mythos-project/mythos/store/memory"
	"github.com/mythos-project/mythos/store/seekable"
)

// storedIn is a stored blob and a range to read; or bytes to encrypt.
type storedIn struct {
	Ref       json.RawMessage `json:"ref,omitempty"` // a BlobRef
	Stored    input.Hex       `json:"stored,omitempty"`
	ChunkSize uint32          `json:"chunk_size,omitempty"` // of the tree, if there is one
	Key       string          `json:"key,omitempty"`        // a golden key
	Offset    int64           `json:"offset,omitempty"`
	Length    *int64          `json:"length,omitempty"` // absent: everything
	Seal      *sealIn         `json:"seal,omitempty"`
}

// sealIn is data to encrypt with scheme 2: like blobIn, and the nonce.
type sealIn struct {
	blobIn
	Nonce input.Hex `json:"nonce"`
}

type storedOut struct {
	Size  int         `json:"size"`
	Hash  object.Hash `json:"sha256"`
	Plain *input.Hex  `json:"bytes,omitempty"` // absent if longer than 1 KiB
}

const maxPlain = 1 << 10

// storedOf reads the plain bytes of a stored blob.
func storedOf(in json.RawMessage) (any, error) {
	var v storedIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	ctx, db := context.Background(), memory.New()
	s := store.New(db, db)
	if v.Seal != nil {
		return v.Seal.seal(ctx, s, v.Key)
	}
	raw, err := input.View("BlobRef", v.Ref)
	if err != nil {
		return nil, err
	}
	ref, err := object.Decode[object.BlobRef](raw)
	if err != nil {
		return nil, err
	}
	if err := v.keep(ctx, s); err != nil {
		return nil, err
	}
	var plain bytes.Buffer
	if err := v.read(ctx, s, *ref, &plain); err != nil {
		return storedRefused(err)
	}
	out := storedOut{Size: plain.Len(), Hash: object.Sum(plain.Bytes())}
	if plain.Len() <= maxPlain {
		b := input.Hex(plain.Bytes())
		out.Plain = &b
	}
	return out, nil
}

// keep puts the stored bytes into the store, as one piece or in chunks.
func (v storedIn) keep(ctx context.Context, s *store.Store) error {
	if v.ChunkSize == 0 {
		_, err := s.PutBytes(ctx, v.Stored)
		return err
	}
	into := s.NewIntake(false)
	b := merkle.NewChunkBuilder(v.ChunkSize, intakeNodes{ctx, into})
	for rest := v.Stored; len(rest) > 0; {
		part := rest[:min(int(v.ChunkSize), len(rest))]
		rest = rest[len(part):]
		h := object.Sum(part)
		if err := into.PutBytes(ctx, h, part); err != nil {
			return err
		}
		if err := b.Add(merkle.Chunk{Hash: h, Len: uint32(len(part))}); err != nil {
			return err
		}
	}
	if _, err := b.Finish(); err != nil {
		return err
	}
	return errors.Join(into.Sync(ctx), into.Close())
}

type intakeNodes struct {
	ctx context.Context
	*store.Intake
}

// PutNode implements merkle.NodeStore.
func (n intakeNodes) PutNode(cid object.Hash, raw []byte) error {
	return n.Intake.PutNode(n.ctx, cid, raw)
}

func (v storedIn) read(ctx context.Context, s *store.Store, ref object.BlobRef, w io.Writer) error {
	var o codec.Keys
	if v.Key != "" {
		o.Key = func(string) ([]byte, error) { return identity.BlobKeyOf(input.Key(v.Key)) }
	}
	b, err := s.OpenRef(ctx, ref, o)
	if err != nil {
		return err
	}
	defer b.Close()
	if v.Length == nil {
		return b.Copy(ctx, w)
	}
	return b.ReadRange(ctx, v.Offset, *v.Length, w)
}

// storedRefused names why stored bytes cannot be read ([obj-34] to [obj-37]).
func storedRefused(err error) (any, error) {
	for _, r := range []struct {
		err  error
		name string
	}{{store.ErrKey, "decryption"}, {store.ErrRange, "range"}, {store.ErrCorrupt, "stored bytes"}, {seekable.ErrPacked, "decompression"}} {
		if errors.Is(err, r.err) {
			return refusal{Refused: r.name}, nil
		}
	}
	return nil, err
}

func (v *sealIn) seal(ctx context.Context, s *store.Store, key string) (any, error) {
	secret, err := identity.BlobKeyOf(input.Key(key))
	if err != nil {
		return nil, err
	}
	if v.Size > 16<<20 {
		return nil, fmt.Errorf("%d bytes are not encrypted here", v.Size)
	}
	plain := make([]byte, v.Size)
	data := &synthetic{seed: v.Seed, left: v.Size}
	data.fill(plain)
	handle := key + ":" + input.Key(key).Agent().KeyID().String()
	ref, err := s.PutBlob(ctx, bytes.NewReader(plain), store.PutOptions{ChunkSize: v.ChunkSize, Media: "application/octet-stream",
		Encrypt: &codec.Encryption{Key: secret, KeyHandle: handle, Nonce: v.Nonce, PlainHash: true}})
	if err != nil {
		return nil, err
	}
	raw, err := can.Marshal(&ref)
	if err != nil {
		return nil, err
	}
	view, err := object.ToJSON(can.TypeOf(reflect.TypeFor[object.BlobRef]()), raw)
	return json.RawMessage(view), err
}
