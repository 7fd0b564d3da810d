// Package files stores chunks as plain files, `ab/<64 hex digits>` in one folder, for any number of concurrent
// processes.
//
// A chunk gets its name when its bytes are durable, so that the bytes behind a name survive a crash. Only puts that do
// not wait for the disk name their chunks at once. The permissions distinguish the two (package atomicfile): a later
// durable put relies on an existing chunk only if they say that its bytes are safe, and otherwise writes it again. A
// chunk that was found damaged has other permissions (0500), and every put writes it again.
//
// Beside the chunks:
//
//	tmp/put-<n>/     the unfinished files of a running put, and its lock
//	tmp/sweep-<n>/  the same for a garbage collection
//	trash/<time>/  chunks that a collection removed at that time, in Unix seconds
//	sweep.lock       held (flock) by the one collection that may run
//
// The process that runs a put holds an advisory lock (flock) on `lock` in that folder, from before its first chunk
// until its blob is committed. If the lock is free, the process has ended, and the next collection removes the folder.
//
// A collection never deletes a chunk that a running put relies on. It first determines the cutoff: its own start, or
// the start of the oldest running put if that is earlier. Every put updates the time of each chunk that it writes or
// finds, and a chunk whose time is not before the cutoff is kept ([Sweep.Delete]). All these times are the file
// system's own. Only setting the clock back while a put and a collection run could break this.
package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/layout"
)

var (
	_ store.Chunks      = (*Dir)(nil)
	_ store.ChunkReader = (*Dir)(nil)
	_ layout.Ranger     = (*Dir)(nil)
)

const (
	temporary = "tmp"              // folder of unfinished chunks
	doubted   = fs.FileMode(0o500) // permissions of a chunk that was found damaged
)

// Dir is a folder of chunk files. It is safe for concurrent use, also by several processes.
type Dir struct {
	root string

	// Refuse, if not nil, is asked before puts and collections: its error refuses them. Set it before first use.
	Refuse func() error
}

// Open uses the folder root, and makes it if necessary.
func Open(root string) (*Dir, error) {
	for _, dir := range []string{root, filepath.Join(root, temporary)} {
		if err := plainfile.Folder(dir); err != nil {
			return nil, fmt.Errorf("open chunk folder: %w: %w", store.ErrCorrupt, err)
		}
	}
	err := os.MkdirAll(filepath.Join(root, temporary), 0o700)
	if unwritable(err) {
		_, err = os.Stat(root) // existing chunks can still be read
	}
	if err != nil {
		return nil, fmt.Errorf("open chunk folder: %w", err)
	}
	return &Dir{root: root}, nil
}

// unwritable reports whether an error means that nothing may be written.
func unwritable(err error) bool {
	return errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission)
}

// odd turns an error into one that callers know, if something other than our file or folder has the name.
func odd(err error) error {
	if errors.Is(err, plainfile.ErrKind) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.EISDIR) {
		return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	return err
}

// wrapReadOnly turns an error into one that callers know, if nothing may be written.
func wrapReadOnly(err error) error {
	if unwritable(err) {
		return fmt.Errorf("%w: %w", store.ErrReadOnly, err)
	}
	return err
}

func (d *Dir) path(h object.Hash) string {
	hex := h.String()
	return filepath.Join(d.root, hex[:2], hex)
}

// Chunk implements store.Chunks.
func (d *Dir) Chunk(ctx context.Context, h object.Hash) ([]byte, error) {
	return d.ReadChunk(ctx, h, nil, func([]byte) {})
}

// piece is how much of a chunk is read at a time, in bytes.
const piece = 256 << 10

// ReadChunk implements store.ChunkReader.
func (d *Dir) ReadChunk(_ context.Context, h object.Hash, buf []byte, seen func([]byte)) ([]byte, error) {
	f, err := d.openChunk(h)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() > store.MaxBytes || !st.Mode().IsRegular() {
		return nil, fmt.Errorf("chunk %s: %w: its file has %d bytes", h.Short(), store.ErrCorrupt, st.Size())
	}
	if int64(cap(buf)) < st.Size() {
		buf = make([]byte, st.Size())
	}
	buf = buf[:st.Size()]
	for rest := buf; len(rest) > 0; {
		n, err := io.ReadFull(f, rest[:min(piece, len(rest))])
		if err != nil {
			return nil, fmt.Errorf("chunk %s: %w", h.Short(), err)
		}
		seen(rest[:n])
		rest = rest[n:]
	}
	return buf, nil
}

func (d *Dir) openChunk(h object.Hash) (*os.File, error) {
	f, err := plainfile.Open(d.path(h), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) && d.recover(h) {
		f, err = plainfile.Open(d.path(h), os.O_RDONLY, 0)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("chunk %s: %w", h.Short(), store.ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("chunk %s: %w", h.Short(), odd(err))
	}
	return f, nil
}

// ChunkRange implements layout.Ranger.
func (d *Dir) ChunkRange(_ context.Context, h object.Hash, off int64, n int) ([]byte, error) {
	f, err := d.openChunk(h)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buf := make([]byte, n)
	if _, err := f.ReadAt(buf, off); err != nil {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: it is too short", store.ErrCorrupt)
		}
		return nil, fmt.Errorf("chunk %s: %w", h.Short(), err)
	}
	return buf, nil
}

// HasChunk implements store.Chunks.
func (d *Dir) HasChunk(_ context.Context, h object.Hash) (bool, error) {
	_, err := os.Stat(d.path(h))
	if errors.Is(err, fs.ErrNotExist) && d.recover(h) {
		_, err = os.Stat(d.path(h))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, odd(err)
}

// Doubt implements store.Chunks.
func (d *Dir) Doubt(_ context.Context, h object.Hash) error {
	if err := os.Chmod(d.path(h), doubted); !unwritable(err) {
		return ignoreMissing(err)
	}
	return nil // nobody can put it here anyway
}

// ScanChunks implements store.Chunks, ascending by hash. It skips files whose names are not those of chunks.
func (d *Dir) ScanChunks(ctx context.Context, fn func(object.Hash, int64) error) error {
	folders, err := os.ReadDir(d.root)
	if err != nil {
		return err
	}
	for _, folder := range folders {
		if !folder.IsDir() || len(folder.Name()) != 2 {
			continue
		}
		if err := d.scanFolder(ctx, folder.Name(), fn); err != nil {
			return err
		}
	}
	return nil
}

func (d *Dir) scanFolder(ctx context.Context, folder string, fn func(object.Hash, int64) error) error {
	list, err := os.ReadDir(filepath.Join(d.root, folder))
	if err != nil {
		return err
	}
	for _, e := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := object.ParseHash(e.Name())
		if err != nil || h.String() != e.Name() || e.Name()[:2] != folder {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		}
		if err != nil {
			return err
		}
		if err := fn(h, info.Size()); err != nil {
			return err
		}
	}
	return nil
}
