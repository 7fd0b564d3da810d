package keyfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// nextSuffix marks the new key of an unfinished rotation.
const nextSuffix = ".next"

// Rotation is the outcome of Rotate.
type Rotation struct {
	Old, New object.AgentID
	OldName  string      // the new name of the old key
	Until    object.Time // the old key is trusted before then; 0: the trust file did not name it
}

// Rotate replaces the key NAME in the folder dir by a new one, protected as p says. The old key and its trust, if the
// trust file at trustPath names it, are kept under another name; it is trusted until the given end. Calling Rotate
// again finishes an interrupted rotation.
func Rotate(dir, trustPath, name string, pass Passphrase, p Protection, until End) (Rotation, error) {
	old, err := Load(dir, name, pass) // nobody may replace a key that they cannot use
	if err != nil {
		return Rotation{}, err
	}
	r := Rotation{Old: old.Agent()}
	next, err := nextKey(dir, name, old.Agent().Hint, pass, p)
	if err != nil {
		return Rotation{}, err
	}
	r.New = next.Agent()
	if r.OldName, err = keepOld(dir, name); err != nil {
		return Rotation{}, err
	}
	if r.Until, err = rotateTrust(trustPath, name, &r, until); err != nil {
		return Rotation{}, err
	}
	if err := os.Rename(keyPath(dir, name+nextSuffix), keyPath(dir, name)); err != nil {
		return Rotation{}, fmt.Errorf("rotate key %s: %w", name, bare(err))
	}
	return r, atomicfile.SyncDir(dir)
}

// nextKey makes the new key, or finds that of an interrupted rotation.
func nextKey(dir, name, hint string, pass Passphrase, p Protection) (*sign.Key, error) {
	next, err := Load(dir, name+nextSuffix, pass)
	if !errors.Is(err, fs.ErrNotExist) {
		return next, err
	}
	if next, err = sign.Generate(hint); err != nil {
		return nil, err
	}
	return next, SaveProtected(dir, name+nextSuffix, next, p)
}

// keepOld gives the key file NAME a second name, the first of NAME.1, NAME.2, ... that is free or already names the
// same file.
func keepOld(dir, name string) (string, error) {
	for i := 1; ; i++ {
		kept := name + "." + strconv.Itoa(i)
		if !validName().MatchString(kept) {
			return "", fmt.Errorf("%w: %q is too long", ErrName, kept)
		}
		err := os.Link(keyPath(dir, name), keyPath(dir, kept))
		if err == nil {
			return kept, atomicfile.SyncDir(dir)
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("keep key %s as %s: %w", name, kept, bare(err))
		}
		a, errA := os.Stat(filepath.Join(dir, name+suffix))
		b, errB := os.Stat(filepath.Join(dir, kept+suffix))
		if errA == nil && errB == nil && os.SameFile(a, b) {
			return kept, nil
		}
	}
}

// rotateTrust changes the trust file, once.
func rotateTrust(path, name string, r *Rotation, until End) (object.Time, error) {
	t, err := LoadTrust(path)
	if err != nil {
		return 0, err
	}
	if _, done := t.ByAgent(r.New); done {
		e, _ := t.ByAgent(r.Old)
		return e.Until, nil
	}
	old, named := t.ByAgent(r.Old)
	if !named {
		return 0, nil
	}
	if err := t.Rotate(old.Name, r.OldName, r.New, until); err != nil {
		return 0, err
	}
	e, _ := t.ByAgent(r.Old)
	return e.Until, t.Save(path)
}

// Protect rewrites the key NAME of the folder dir, protected as p says: with another passphrase, with its first one, or
// with none.
func Protect(dir, name string, pass Passphrase, p Protection) (object.AgentID, error) {
	key, err := Load(dir, name, pass)
	if err != nil {
		return object.AgentID{}, err
	}
	data, err := Encode(key, p)
	if err != nil {
		return object.AgentID{}, err
	}
	defer clear(data)
	return key.Agent(), atomicfile.Write(keyPath(dir, name), 0o600, data)
}

// Encrypted reports whether the key NAME is stored encrypted.
func Encrypted(dir, name string) (bool, error) {
	if !validName().MatchString(name) {
		return false, fmt.Errorf("%w: %q", ErrName, name)
	}
	e := keyEntry(dir, name)
	if e.Err != nil {
		return false, fmt.Errorf("key %s: %w", name, e.Err)
	}
	return e.Info.Encrypted, nil
}

// Public returns the agent of the key NAME according to its file, unverified.
func Public(dir, name string) (object.AgentID, error) {
	if !validName().MatchString(name) {
		return object.AgentID{}, fmt.Errorf("%w: %q", ErrName, name)
	}
	e := keyEntry(dir, name)
	if e.Err != nil {
		return object.AgentID{}, fmt.Errorf("key %s: %w", name, e.Err)
	}
	return e.Agent, nil
}
