package process

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/object"
)

// pins remembers the hashes of binaries by what the file system says of them.
type pins struct {
	mu    sync.Mutex
	known map[string]pinned
}

type pinned struct {
	stamp string
	hash  object.Hash
}

// check refuses the binary at path unless it has the hash want.
func (p *pins) check(tool object.Hash, path string, want object.Hash) error {
	stamp, err := stampOf(path)
	if err != nil {
		return err
	}
	p.mu.Lock()
	have, ok := p.known[path]
	p.mu.Unlock()
	if !ok || have.stamp != stamp {
		if have.hash, err = HashFile(path); err != nil {
			return err
		}
		p.mu.Lock()
		if p.known == nil {
			p.known = make(map[string]pinned)
		}
		p.known[path] = pinned{stamp, have.hash}
		p.mu.Unlock()
	}
	if have.hash != want {
		return &exec.PinnedError{Tool: tool, Path: path, Want: want, Got: have.hash}
	}
	return nil
}

// HashFile is the hash of a file's bytes, for a ModuleRef's module_hash. The
// path is followed through symbolic links.
func HashFile(path string) (object.Hash, error) {
	f, err := os.Open(path)
	if err != nil {
		return object.Hash{}, fmt.Errorf("hash the binary: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return object.Hash{}, fmt.Errorf("hash %s: %w", path, err)
	}
	return object.HashOf([32]byte(h.Sum(nil))), nil
}
