// Package blob has the built-in tools behind the BLOB ops: blob.put, blob.get and blob.chunk_get (spec/effects.md).
// Each passes through the gate like any tool.
package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
)

// Store is the store of the blob tools; *store.Store is one.
type Store interface {
	PutBlob(ctx context.Context, r io.Reader, o store.PutOptions) (object.BlobRef, error)
	OpenBlob(ctx context.Context, cid object.Hash, o codec.Keys) (*store.Blob, error)
}

// Add adds the built-in tools blob.put, blob.get and blob.chunk_get. A missing blob is status 404; a blob that does not
// fit into a response is status 502; both leave the response empty.
func Add(g *exec.Gate, s Store) {
	g.Builtin(vm.ToolBlobPut, exec.Builtin{Writes: true, RetrySafe: true, Use: blobPutUse, Run: func(ctx context.Context, c exec.Call) (exec.Response, error) {
		return runBlobPut(ctx, s, c.Request)
	}})
	g.Builtin(vm.ToolBlobGet, exec.Builtin{RetrySafe: true, Use: blobGetUse, Run: func(ctx context.Context, c exec.Call) (exec.Response, error) {
		return runBlobGet(ctx, s, c)
	}})
	g.Builtin(vm.ToolBlobChunkGet, exec.Builtin{RetrySafe: true, Use: blobChunkGetUse, Run: func(ctx context.Context, c exec.Call) (exec.Response, error) {
		return runBlobChunkGet(ctx, s, c.Request)
	}})
}

func blobPutUse(request []byte) (scope.Use, error) {
	r, err := object.Decode[vm.BlobPutRequest](request)
	if err != nil {
		return scope.Use{}, err
	}
	return scope.Use{Kind: scope.KindBlobWrite, Namespace: r.Namespace, Size: uint64(len(r.Data)), Media: r.Media}, nil
}

func blobGetUse(request []byte) (scope.Use, error) {
	r, err := object.Decode[vm.BlobGetRequest](request)
	if err != nil {
		return scope.Use{}, err
	}
	use := scope.Use{Kind: scope.KindBlobRead, CID: r.CID}
	if r.Offset != nil {
		use.Offset = *r.Offset
	}
	if r.Length != nil {
		if *r.Length == 0 {
			return scope.Use{}, errors.New("a range of no bytes")
		}
		use.Length = *r.Length
	}
	return use, nil
}

func blobChunkGetUse(request []byte) (scope.Use, error) {
	r, err := object.Decode[vm.BlobChunkGetRequest](request)
	if err != nil {
		return scope.Use{}, err
	}
	return scope.Use{Kind: scope.KindBlobRead, CID: r.CID}, nil
}

func runBlobPut(ctx context.Context, s Store, request []byte) (exec.Response, error) {
	r, err := object.Decode[vm.BlobPutRequest](request)
	if err != nil {
		return exec.Response{}, err
	}
	if r.Codec != object.CodecRaw && r.Codec != object.CodecZstd {
		return exec.Response{Status: exec.StatusBadRequest, Notes: fmt.Sprintf("codec %d cannot be written", r.Codec)}, nil
	}
	ref, err := s.PutBlob(ctx, bytes.NewReader(r.Data), store.PutOptions{Media: r.Media, Codec: r.Codec})
	if err != nil {
		return exec.Response{}, err
	}
	raw, err := can.Marshal(&ref)
	return exec.Response{Body: raw, Status: exec.StatusOK}, err
}

func runBlobGet(ctx context.Context, s Store, c exec.Call) (exec.Response, error) {
	r, err := object.Decode[vm.BlobGetRequest](c.Request)
	if err != nil {
		return exec.Response{}, err
	}
	blob, err := s.OpenBlob(ctx, r.CID, codec.Keys{})
	if err != nil {
		return blobFailure(err)
	}
	defer blob.Close()
	out := &output.Head{Limit: c.Limits.MaxResponse, Full: func() {}}
	err = readRange(ctx, blob, r, out)
	switch {
	case out.Over:
		return exec.Response{Status: exec.StatusResponseTooBig, Notes: fmt.Sprintf("more than %d bytes", out.Limit)}, nil
	case err != nil:
		return blobFailure(err)
	}
	return exec.Response{Body: out.Bytes, Status: exec.StatusOK}, nil
}

func blobFailure(err error) (exec.Response, error) {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return exec.Response{Status: exec.StatusNotFound, Notes: err.Error()}, nil
	case errors.Is(err, store.ErrRange), errors.Is(err, merkle.ErrIndex):
		return exec.Response{Status: exec.StatusBadRequest, Notes: err.Error()}, nil
	}
	return exec.Response{}, err
}

// readRange writes the plain bytes that the request asks for to out.
func readRange(ctx context.Context, blob *store.Blob, r *vm.BlobGetRequest, out io.Writer) error {
	var offset uint64
	if r.Offset != nil {
		offset = *r.Offset
	}
	if r.Length == nil {
		rest := &skipper{w: out, left: offset}
		if err := blob.Copy(ctx, rest); err != nil {
			return err
		}
		if rest.left > 0 {
			return fmt.Errorf("%w: offset %d", store.ErrRange, offset)
		}
		return nil
	}
	if offset > math.MaxInt64/2 || *r.Length > math.MaxInt64/2 {
		return fmt.Errorf("%w: %d bytes from %d", store.ErrRange, *r.Length, offset)
	}
	return blob.ReadRange(ctx, int64(offset), int64(*r.Length), out)
}

// skipper drops the first bytes; the plain size of a compressed blob is unknown before it is read.
type skipper struct {
	w    io.Writer
	left uint64
}

func (s *skipper) Write(p []byte) (int, error) {
	skip := min(s.left, uint64(len(p)))
	s.left -= skip
	if skip == uint64(len(p)) {
		return len(p), nil
	}
	n, err := s.w.Write(p[skip:])
	return n + int(skip), err
}

func runBlobChunkGet(ctx context.Context, s Store, request []byte) (exec.Response, error) {
	r, err := object.Decode[vm.BlobChunkGetRequest](request)
	if err != nil {
		return exec.Response{}, err
	}
	blob, err := s.OpenBlob(ctx, r.CID, codec.Keys{})
	if err != nil {
		return blobFailure(err)
	}
	defer blob.Close()
	chunk, err := blob.Chunk(ctx, r.Index)
	if err != nil {
		return blobFailure(err)
	}
	return exec.Response{Body: chunk, Status: exec.StatusOK}, nil
}
