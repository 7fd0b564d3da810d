package wasm

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tetratelabs/wazero"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/object"
)

// Cache stores compiled code for the next process. Compiled code is machine code: anyone who can change it decides what
// a module does, whatever the module's hash. So each folder has a seal, an HMAC over its files under Key. A folder
// without a valid seal is removed, and its module is compiled again.
//
//	Dir/HASH/        the files of wazero for a module
//	Dir/HASH.seal    the HMAC-SHA-256 of its files' names and bytes
//
// If the cache is not available, modules are compiled once per process.
type Cache struct {
	Dir string // empty: in memory only
	Key []byte // known only to this user; empty: in memory only
	// Debugf receives the reason if there is no cache, or if one was not trusted; it may be nil.
	Debugf func(format string, args ...any)
}

func (c Cache) debugf(format string, args ...any) {
	if c.Debugf != nil {
		c.Debugf(format, args...)
	}
}

func (c Cache) folder(module object.Hash) string { return filepath.Join(c.Dir, module.String()) }

const sealExt = ".seal"

// open opens the cache for one module. sealed says that its folder was sealed.
func (c Cache) open(module object.Hash) (cache wazero.CompilationCache, sealed bool) {
	if c.Dir == "" || len(c.Key) == 0 {
		return wazero.NewCompilationCache(), true
	}
	dir := c.folder(module)
	sealed, err := c.holds(dir)
	if err == nil && !sealed {
		if _, exists := os.Lstat(dir); exists == nil {
			c.debugf("wasm cache: %s has no seal that holds: module %s is compiled again", dir, module.Short())
		}
		err = os.RemoveAll(dir)
	}
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		if cache, err = wazero.NewCompilationCacheWithDir(dir); err == nil {
			return cache, sealed
		}
	}
	c.debugf("wasm cache: %v: nothing is kept for the next process", err)
	return wazero.NewCompilationCache(), true
}

// seal seals the code that was just compiled.
func (c Cache) seal(module object.Hash) {
	if c.Dir == "" || len(c.Key) == 0 {
		return
	}
	dir := c.folder(module)
	sum, err := c.sum(dir)
	if err == nil {
		err = atomicfile.Write(dir+sealExt, 0o600, sum)
	}
	if err != nil {
		c.debugf("wasm cache: %v: the module is compiled again next time", err)
	}
}

// holds reports whether a folder is unchanged since it was sealed.
func (c Cache) holds(dir string) (bool, error) {
	want, err := plainfile.Read(dir+sealExt, sha256.Size)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	got, err := c.sum(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNoFile) {
		return false, nil
	}
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1, err
}

// maxCompiled is how many bytes of compiled code are accepted.
const maxCompiled = 1 << 30

var errNoFile = errors.New("there is something else than a file")

// sum is the HMAC over a folder: its name and, ascending, the name, length and bytes of each file.
func (c Cache) sum(dir string) ([]byte, error) {
	mac := hmac.New(sha256.New, c.Key)
	field := func(b []byte) {
		_ = binary.Write(mac, binary.BigEndian, uint64(len(b))) // a hash never returns an error
		_, _ = mac.Write(b)
	}
	field([]byte(filepath.Base(dir)))
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s: %w", path, errNoFile)
		}
		data, err := plainfile.Read(path, maxCompiled)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		field([]byte(name))
		field(data)
		return err
	})
	return mac.Sum(nil), err
}
