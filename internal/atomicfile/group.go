package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// The permissions of a file in a [Group] show its progress to every later process. They change after the step that they
// stand for.
const (
	Unsynced = fs.FileMode(0o600) // a crash may lose the bytes
	Synced   = fs.FileMode(0o400) // the bytes are durable, the name may not be
	Durable  = fs.FileMode(0o444) // bytes and name are durable
)

// Group writes many files, each completely or not at all, and makes them durable together. A file gets its name when
// its bytes are durable, or at once if the group is not durable. It is safe for concurrent use.
type Group struct {
	temp    string // folder of unfinished files, on the same file system
	durable bool
	cold    atomic.Bool
	next    atomic.Uint64

	mu      sync.Mutex
	written []file // written, not synced
	named   []string
	folders map[string]bool // with names that need a sync
	err     error           // the first failure: earlier files may be lost
	flushes int             // running in the background
	idle    sync.Cond
}

type file struct{ temp, name string }

const (
	flushAt  = 32   // files to write before a goroutine begins to sync them
	settleAt = 4096 // names to give before their folders are synced
)

// NewGroup starts a group whose unfinished files are in the folder temp.
func NewGroup(temp string, durable bool) *Group {
	g := &Group{temp: temp, durable: durable, folders: map[string]bool{}}
	g.idle.L = &g.mu
	return g
}

// Cold announces that the files are not read again soon: pages of files that become durable from now on can be reused.
func (g *Group) Cold() { g.cold.Store(true) }

// Add writes a file with the final name name. It makes the folder if necessary, and replaces an existing file.
func (g *Group) Add(name string, data []byte) (err error) {
	temp := filepath.Join(g.temp, fmt.Sprintf("%d.%s", g.next.Add(1), filepath.Base(name)))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, Unsynced)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil && g.durable {
		startWriting(f, int64(len(data)))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", name, err), os.Remove(temp))
	}
	if !g.durable {
		return g.rename(file{temp, name})
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.written = append(g.written, file{temp, name})
	if len(g.written) >= flushAt {
		batch := g.written
		g.written = nil
		g.flushes++
		go g.flushBatch(batch)
	}
	return g.err
}

// Adopt makes the name of an existing Synced file durable together with the group's.
func (g *Group) Adopt(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.named = append(g.named, name)
	g.folders[filepath.Dir(name)] = true
}

// Sync returns when all files added before the call are durable. After an error, rely on none of the group's files: on
// Linux a sync after a failed one can succeed although bytes were lost.
func (g *Group) Sync(ctx context.Context) error {
	g.mu.Lock()
	batch := g.written
	g.written = nil
	g.mu.Unlock()
	g.fail(g.sync(ctx, batch))
	g.wait()
	g.fail(g.settle(ctx))
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// settle makes the names given so far durable, unless something has failed.
func (g *Group) settle(ctx context.Context) error {
	g.mu.Lock()
	named, folders, err := g.named, g.folders, g.err
	g.named, g.folders = nil, map[string]bool{}
	g.mu.Unlock()
	if err != nil || !g.durable {
		return err
	}
	if err := each(ctx, keys(folders), SyncDir); err != nil {
		return err
	}
	for _, name := range named {
		// A failure is harmless: the next process syncs again.
		_ = os.Chmod(name, Durable)
	}
	return nil
}

// flushBatch runs in the background. It also settles names from time to time, so that memory does not grow with the
// number of files.
func (g *Group) flushBatch(batch []file) {
	ctx := context.Background()
	g.fail(g.sync(ctx, batch))
	g.mu.Lock()
	many := len(g.named) >= settleAt
	g.mu.Unlock()
	if many {
		g.fail(g.settle(ctx))
	}
	g.mu.Lock()
	g.flushes--
	g.mu.Unlock()
	g.idle.Broadcast()
}

// wait returns when nothing runs in the background any more.
func (g *Group) wait() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.flushes > 0 {
		g.idle.Wait()
	}
}

// Close removes unnamed files.
func (g *Group) Close() error {
	g.wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	var errs []error
	for _, f := range g.written {
		errs = append(errs, os.Remove(f.temp))
	}
	g.written = nil
	return errors.Join(errs...)
}

func (g *Group) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = err
	}
}

// sync makes the bytes of a batch durable and then gives them their names.
func (g *Group) sync(ctx context.Context, batch []file) error {
	return each(ctx, batch, func(f file) error {
		if err := syncFile(f.temp, g.cold.Load()); err != nil {
			return errors.Join(fmt.Errorf("sync %s: %w", f.name, err), os.Remove(f.temp))
		}
		return g.rename(f)
	})
}

func (g *Group) rename(f file) error {
	dir := filepath.Dir(f.name)
	err := os.Rename(f.temp, f.name)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		g.mu.Lock()
		g.folders[filepath.Dir(dir)] = true // the new folder's own name
		g.mu.Unlock()
		err = os.Rename(f.temp, f.name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.temp))
	}
	if g.durable {
		g.Adopt(f.name)
	}
	return nil
}

func syncFile(name string, cold bool) (err error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Sync(); err != nil {
		return err
	}
	if cold {
		forget(f)
	}
	return f.Chmod(Synced)
}
