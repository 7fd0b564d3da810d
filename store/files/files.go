// Package files keeps chunks as plain files, `ab/<64 hex digits>` under one
// folder. A chunk is written to a temporary name first; Sync makes all finished
// chunks durable and only then gives them their names, so that a name never
// stands for bytes that a crash could take away.
package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

var _ store.Chunks = (*Dir)(nil)

const temporary = "tmp" // folder for unfinished chunks

// Dir is a folder of chunk files. It is safe for concurrent use, by several
// processes too.
type Dir struct {
	root    string
	mu      sync.Mutex
	pending map[object.Hash]string // written, not yet named
	made    map[string]bool        // folders that exist
}

// Open uses the folder root, which is made when it is not there.
func Open(root string) (*Dir, error) {
	if err := os.MkdirAll(filepath.Join(root, temporary), 0o700); err != nil {
		return nil, fmt.Errorf("open chunk folder: %w", err)
	}
	return &Dir{root: root, pending: map[object.Hash]string{}, made: map[string]bool{}}, nil
}

func (d *Dir) path(h object.Hash) string {
	hex := h.String()
	return filepath.Join(d.root, hex[:2], hex)
}

// PutChunk implements store.Chunks: the chunk is readable here at once, visible
// to others and durable after Sync.
func (d *Dir) PutChunk(_ context.Context, h object.Hash, data []byte) error {
	f, err := os.CreateTemp(filepath.Join(d.root, temporary), h.Short()+"-*")
	if err != nil {
		return fmt.Errorf("put chunk %s: %w", h.Short(), err)
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		os.Remove(f.Name())
		return fmt.Errorf("put chunk %s: %w", h.Short(), err)
	}
	if err := f.Close(); err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("put chunk %s: %w", h.Short(), err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, twice := d.pending[h]; twice {
		return os.Remove(f.Name())
	}
	d.pending[h] = f.Name()
	return nil
}

// Chunk implements store.Chunks.
func (d *Dir) Chunk(_ context.Context, h object.Hash) ([]byte, error) {
	data, err := os.ReadFile(d.path(h))
	if errors.Is(err, fs.ErrNotExist) {
		d.mu.Lock()
		name, ok := d.pending[h]
		d.mu.Unlock()
		if ok {
			data, err = os.ReadFile(name)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("chunk %s: %w", h.Short(), store.ErrNotFound)
	}
	return data, err
}

// HasChunk implements store.Chunks.
func (d *Dir) HasChunk(_ context.Context, h object.Hash) (bool, error) {
	d.mu.Lock()
	_, ok := d.pending[h]
	d.mu.Unlock()
	if ok {
		return true, nil
	}
	_, err := os.Stat(d.path(h))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// DeleteChunk implements store.Chunks; a chunk that is not there is no error.
func (d *Dir) DeleteChunk(_ context.Context, h object.Hash) error {
	err := os.Remove(d.path(h))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// ScanChunks implements store.Chunks, ascending by hash.
func (d *Dir) ScanChunks(ctx context.Context, fn func(object.Hash, int64) error) error {
	return filepath.WalkDir(d.root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		if filepath.Base(filepath.Dir(path)) == temporary {
			return nil
		}
		h, err := object.ParseHash(e.Name())
		if err != nil || !strings.HasSuffix(filepath.Dir(path), e.Name()[:2]) {
			return nil //nolint:nilerr // not one of ours
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		return fn(h, info.Size())
	})
}

// Sync implements store.Chunks. The files of all finished chunks are synced side
// by side; then they get their names; then the folders are synced.
func (d *Dir) Sync(ctx context.Context) error { return d.publish(ctx, true) }

// Publish gives finished chunks their names without syncing them.
func (d *Dir) Publish(ctx context.Context) error { return d.publish(ctx, false) }

func (d *Dir) publish(ctx context.Context, durable bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.pending) == 0 {
		return nil
	}
	if durable {
		if err := syncFiles(ctx, d.pending); err != nil {
			return err
		}
	}
	folders := map[string]bool{}
	for h, name := range d.pending {
		folder := filepath.Dir(d.path(h))
		if !d.made[folder] {
			if err := os.MkdirAll(folder, 0o700); err != nil {
				return err
			}
			d.made[folder] = true
			folders[d.root] = true
		}
		if err := os.Rename(name, d.path(h)); err != nil {
			return fmt.Errorf("name chunk %s: %w", h.Short(), err)
		}
		delete(d.pending, h)
		folders[folder] = true
	}
	if !durable {
		return nil
	}
	for folder := range folders {
		if err := atomicfile.SyncDir(folder); err != nil {
			return err
		}
	}
	return nil
}

// syncers is how many files are synced at a time; the file system merges their
// journal commits.
const syncers = 16

func syncFiles(ctx context.Context, pending map[object.Hash]string) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(syncers)
	for _, name := range pending {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			f, err := os.OpenFile(name, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			return f.Sync()
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("sync chunks: %w", err)
	}
	return nil
}
