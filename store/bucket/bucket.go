package bucket

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/layout"
	"github.com/mythos-project/mythos/store/postgres"
)

var (
	_ store.Chunks  = (*Bucket)(nil)
	_ layout.Ranger = (*Bucket)(nil)
)

// Bucket is a store.Chunks. It is safe for concurrent use, by any number of processes.
type Bucket struct {
	place
	client *minio.Client
	table  *postgres.Chunks
}

// Open prepares the bucket at an address. table records its content.
func Open(address string, table *postgres.Chunks) (*Bucket, error) {
	p, err := parse(address)
	if err != nil {
		return nil, err
	}
	c, err := p.client()
	if err != nil {
		return nil, err
	}
	return &Bucket{p, c, table}, nil
}

// ownerKey is the name of the object that names the owner of the prefix.
const ownerKey = "mythos"

// Take claims the prefix for a repository. The error wraps ErrUnsafe, ErrTaken or ErrUnreachable.
func (b *Bucket) Take(ctx context.Context, id [16]byte) error {
	probe := "create-only-" + strings.ToLower(rand.Text())
	if _, err := b.create(ctx, probe, []byte("first")); err != nil {
		return err
	}
	made, err := b.create(ctx, probe, []byte("second"))
	if err = errors.Join(err, b.remove(ctx, probe)); err != nil {
		return err
	}
	if made {
		return fmt.Errorf("%w: it does not heed If-None-Match, so that nobody would notice a chunk that is replaced; take an object store that writes create-only", ErrUnsafe)
	}
	made, err = b.create(ctx, ownerKey, owner(id))
	if err != nil || made {
		return err
	}
	return b.Owned(ctx, id)
}

// Owned refuses a prefix that belongs to another repository or to none.
func (b *Bucket) Owned(ctx context.Context, id [16]byte) error {
	text, found, err := b.read(ctx, ownerKey, 0, -1)
	switch {
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("%w: nobody's: its object %q is missing", ErrTaken, b.prefix+ownerKey)
	case !bytes.Equal(text, owner(id)):
		return fmt.Errorf("%w: give each its own, as in s3://%s/NAME", ErrTaken, b.bucket)
	}
	return nil
}

// Free gives up a claimed, empty prefix.
func (b *Bucket) Free(ctx context.Context) error { return b.remove(ctx, ownerKey) }

func owner(id [16]byte) []byte { return fmt.Appendf(nil, "repository %x\n", id) }

func name(h object.Hash, generation int) string {
	if generation == 0 {
		return h.String()
	}
	return h.String() + "." + strconv.Itoa(generation)
}

// create writes an object unless one with that name exists.
func (b *Bucket) create(ctx context.Context, name string, data []byte) (made bool, err error) {
	o := minio.PutObjectOptions{DisableMultipart: true, ContentType: "application/octet-stream"}
	o.SetMatchETagExcept("*")
	_, err = b.client.PutObject(ctx, b.bucket, b.prefix+name, bytes.NewReader(data), int64(len(data)), o)
	switch code := minio.ToErrorResponse(err).StatusCode; {
	case err == nil:
		return true, nil
	case code == http.StatusPreconditionFailed, code == http.StatusConflict: // it exists, or is just being written
		return false, nil
	}
	return false, b.explain(ctx, "write", err)
}

// read reads n bytes of an object from off on; all if n is negative.
func (b *Bucket) read(ctx context.Context, name string, off int64, n int) (data []byte, found bool, err error) {
	var o minio.GetObjectOptions
	if n >= 0 {
		if err := o.SetRange(off, off+int64(n)-1); err != nil {
			return nil, false, err
		}
	}
	core := minio.Core{Client: b.client}
	body, _, _, err := core.GetObject(ctx, b.bucket, b.prefix+name, o)
	if minio.ToErrorResponse(err).Code == "NoSuchKey" { // not the bucket itself
		return nil, false, nil
	}
	if err == nil {
		defer body.Close()
		data, err = io.ReadAll(io.LimitReader(body, store.MaxBytes+1))
	}
	if err != nil {
		return nil, false, b.explain(ctx, "read", err)
	}
	return data, true, nil
}

func (b *Bucket) remove(ctx context.Context, name string) error {
	err := b.client.RemoveObject(ctx, b.bucket, b.prefix+name, minio.RemoveObjectOptions{})
	return b.explain(ctx, "remove from", err)
}

// explain says which step failed. It distinguishes an answer of the server from no answer, and from one that says it cannot serve now.
func (b *Bucket) explain(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if r := minio.ToErrorResponse(err); r.StatusCode != 0 {
		err = fmt.Errorf("%s (HTTP %d): %s", r.Code, r.StatusCode, r.Message)
		if r.StatusCode < http.StatusInternalServerError && r.StatusCode != http.StatusTooManyRequests || r.StatusCode == http.StatusNotImplemented {
			return fmt.Errorf("%s bucket %s: %w", what, b.bucket, err)
		}
	}
	return fmt.Errorf("%s bucket %s: %w: %w", what, b.bucket, ErrUnreachable, err)
}

// Chunk implements store.Chunks.
func (b *Bucket) Chunk(ctx context.Context, h object.Hash) ([]byte, error) {
	return b.ChunkRange(ctx, h, 0, -1)
}

// ChunkRange implements layout.Ranger.
func (b *Bucket) ChunkRange(ctx context.Context, h object.Hash, off int64, n int) ([]byte, error) {
	if n == 0 {
		return []byte{}, nil
	}
	missing := -1 // the missing generation
	for {
		at, found, err := b.table.Look(ctx, h)
		if err != nil {
			return nil, fmt.Errorf("chunk %s: %w", h.Short(), err)
		}
		if !found {
			return nil, fmt.Errorf("chunk %s: %w", h.Short(), store.ErrNotFound)
		}
		if at.Generation == missing {
			return nil, fmt.Errorf("chunk %s: %w: the bucket has lost it", h.Short(), store.ErrNotFound)
		}
		if n >= 0 && off+int64(n) > at.Size {
			return nil, fmt.Errorf("chunk %s: %w: it is too short", h.Short(), store.ErrCorrupt)
		}
		data, found, err := b.read(ctx, name(h, at.Generation), off, n)
		if err != nil {
			return nil, fmt.Errorf("chunk %s: %w", h.Short(), err)
		}
		if found && n >= 0 && len(data) != n {
			return nil, fmt.Errorf("chunk %s: %w: it is too short", h.Short(), store.ErrCorrupt)
		}
		if found {
			return data, nil
		}
		missing = at.Generation
	}
}

// HasChunk implements store.Chunks.
func (b *Bucket) HasChunk(ctx context.Context, h object.Hash) (bool, error) {
	_, found, err := b.table.Look(ctx, h)
	return found, err
}

// Doubt implements store.Chunks.
func (b *Bucket) Doubt(ctx context.Context, h object.Hash) error { return b.table.Doubt(ctx, h) }

// ScanChunks implements store.Chunks.
func (b *Bucket) ScanChunks(ctx context.Context, fn func(h object.Hash, size int64) error) error {
	return b.table.Scan(ctx, fn)
}

// checkpointName is that of the object of a published checkpoint.
func checkpointName(n uint64) string { return "log/cp/" + strconv.FormatUint(n, 10) }

// Checkpoint reads a checkpoint that was published, of at most max bytes; false: there is none of that number.
func (b *Bucket) Checkpoint(ctx context.Context, n uint64, max int) (text []byte, found bool, err error) {
	text, found, err = b.read(ctx, checkpointName(n), 0, -1)
	if len(text) > max {
		err = fmt.Errorf("%w: checkpoint %d has %d bytes", store.ErrCorrupt, n, len(text))
	}
	return text, found, err
}

// Publish writes a checkpoint, unless there is one of that number.
func (b *Bucket) Publish(ctx context.Context, n uint64, text []byte) (made bool, err error) {
	return b.create(ctx, checkpointName(n), text)
}
