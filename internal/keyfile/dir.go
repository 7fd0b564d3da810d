package keyfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/object/sign"
)

const suffix = ".key"

var validName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`) })

func keyPath(dir, name string) string { return filepath.Join(dir, name+suffix) }

// KeyEntry is one key of a folder. Err says why its file cannot be used.
type KeyEntry struct {
	Name string
	Info
	Err error
}

// Save stores a new key as NAME.key in the folder dir, durably, encrypted if the passphrase is not empty.
func Save(dir, name string, key *sign.Key, passphrase []byte) error {
	return SaveProtected(dir, name, key, Protection{Passphrase: passphrase})
}

// SaveProtected is Save with all choices. It makes the folder (mode 0700) and
// never replaces a key: ErrExists.
func SaveProtected(dir, name string, key *sign.Key, p Protection) error {
	if !validName().MatchString(name) {
		return fmt.Errorf("%w: %q (letters, digits, dot, dash and underscore, at most 64)", ErrName, name)
	}
	data, err := Encode(key, p)
	if err != nil {
		return err
	}
	defer clear(data)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create key %s: %w", name, err)
	}
	// Take the name first: of two at the same time only one gets it.
	f, err := os.OpenFile(keyPath(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %s", ErrExists, name)
	}
	if err != nil {
		return fmt.Errorf("create key %s: %w", name, err)
	}
	if err := errors.Join(f.Close(), atomicfile.Write(keyPath(dir, name), 0o600, data)); err != nil {
		return errors.Join(err, os.Remove(keyPath(dir, name)))
	}
	return nil
}

// Load reads the key NAME.key of the folder dir. The error wraps fs.ErrNotExist if there is none; pass may be nil.
func Load(dir, name string, pass Passphrase) (*sign.Key, error) {
	if !validName().MatchString(name) {
		return nil, fmt.Errorf("%w: %q", ErrName, name)
	}
	data, err := readPrivate(keyPath(dir, name))
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", name, err)
	}
	defer clear(data)
	key, err := Decode(data, pass)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", name, err)
	}
	return key, nil
}

// Delete removes a key's file. The bytes may survive on the medium.
func Delete(dir, name string) error {
	if !validName().MatchString(name) {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	if err := os.Remove(keyPath(dir, name)); err != nil {
		return fmt.Errorf("remove key %s: %w", name, err)
	}
	return atomicfile.SyncDir(dir)
}

// List returns the keys of the folder dir by name; none if the folder is missing.
func List(dir string) ([]KeyEntry, error) {
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	var entries []KeyEntry
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), suffix)
		if !ok || !validName().MatchString(name) {
			continue
		}
		entries = append(entries, keyEntry(dir, name))
	}
	return entries, nil
}

func keyEntry(dir, name string) KeyEntry {
	e := KeyEntry{Name: name}
	data, err := readPrivate(keyPath(dir, name))
	if err != nil {
		e.Err = err
		return e
	}
	defer clear(data)
	e.Info, e.Err = Inspect(data)
	return e
}

// readPrivate reads a small regular file that only its owner can read. It examines the open file, not the name, so that
// nobody can swap the file in between.
func readPrivate(path string) ([]byte, error) {
	f, err := plainfile.OpenLinked(path)
	if errors.Is(err, plainfile.ErrKind) {
		return nil, fmt.Errorf("%w: it is not a regular file", ErrFormat)
	}
	if err != nil {
		return nil, bare(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, bare(err)
	}
	switch {
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%w: it is larger than %d bytes", ErrFormat, maxFile)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%w: its mode is %#o, make it 0600", ErrMode, info.Mode().Perm())
	}
	// Large enough from the start: growing would leave copies of the secret.
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		clear(data)
		return nil, bare(err)
	}
	return asText(data), nil
}

// asText removes what editors and secret stores add to a text, in place: a byte order mark, and the CR of CRLF. It
// leaves no copy of a secret behind.
func asText(data []byte) []byte {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	kept := data[:0]
	for i, c := range data {
		if c != '\r' || i+1 == len(data) || data[i+1] != '\n' {
			kept = append(kept, c)
		}
	}
	clear(data[len(kept):])
	return kept
}

// bare removes the path from an error: if a secret was mistaken for a path, the path is the secret.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
