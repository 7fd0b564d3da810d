package process

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/object"
)

// pins caches the hashes of files by their metadata, so that a large program is not hashed at every call.
type pins struct {
	mu    sync.Mutex
	known map[string]pinned
}

type pinned struct {
	stamp string
	hash  object.Hash
}

// maxPins is the size of the cache.
const maxPins = 1024

// settled is how long a file must be unchanged before its metadata stands for its bytes: a change within one tick of
// the file system's clock does not show.
const settled = 2 * time.Second

// open opens the file at path and refuses it unless it has the hash want. watched, if set, is called with the file
// before it is hashed, so that it sees every later change.
func (p *pins) open(tool object.Hash, path string, want object.Hash, watched *watch) (*os.File, error) {
	f, err := plainfile.OpenLinked(path)
	if err != nil {
		return nil, err
	}
	if err = watched.content(f); err == nil {
		err = p.check(tool, f, path, want)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// check refuses an open file unless it has the hash want.
func (p *pins) check(tool object.Hash, f *os.File, path string, want object.Hash) error {
	got, err := p.hash(f, path)
	if err == nil && got != want {
		err = &exec.PinnedError{Tool: tool, Path: path, Want: want, Got: got}
	}
	return err
}

func (p *pins) hash(f *os.File, path string) (object.Hash, error) {
	st, err := f.Stat()
	if err != nil {
		return object.Hash{}, err
	}
	if !st.Mode().IsRegular() {
		return object.Hash{}, fmt.Errorf("%s is not a regular file: only regular files can be pinned", path)
	}
	stamp := stampOf(st)
	p.mu.Lock()
	have, ok := p.known[path]
	p.mu.Unlock()
	if ok && have.stamp == stamp {
		return have.hash, nil
	}
	if have.hash, err = hashOf(f); err != nil {
		return object.Hash{}, fmt.Errorf("hash %s: %w", path, err)
	}
	after, err := f.Stat()
	if err == nil && stampOf(after) == stamp && time.Since(changed(st)) > settled {
		p.remember(path, pinned{stamp, have.hash})
	}
	return have.hash, err
}

func (p *pins) remember(path string, known pinned) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) >= maxPins {
		p.known = make(map[string]pinned)
	}
	p.known[path] = known
}

func stampOf(st fs.FileInfo) string {
	return fmt.Sprint(st.Size(), st.ModTime().UnixNano(), changed(st).UnixNano(), identity(st))
}

// HashFile is the hash of a file's bytes, for a ModuleRef's module_hash. The
// path is followed through symbolic links.
func HashFile(path string) (object.Hash, error) {
	f, err := plainfile.OpenLinked(path)
	if err != nil {
		return object.Hash{}, fmt.Errorf("hash the binary: %w", err)
	}
	defer f.Close()
	return hashOf(f)
}

func hashOf(f *os.File) (object.Hash, error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, 1<<62)); err != nil {
		return object.Hash{}, err
	}
	return object.HashOf([32]byte(h.Sum(nil))), nil
}
