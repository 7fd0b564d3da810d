package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

const (
	selfKey   = "self"
	trustFile = "trust.yaml"
)

// Init makes a repository in dir with a fresh identity that goes by hint, and
// returns the identity. A repository that is there already is left as it is.
// The settings file is written last: one that was not made wholly, or has lost its
// settings, gets what it lacks.
func Init(dir, hint string) (agent object.AgentID, fresh bool, err error) {
	root := filepath.Join(dir, Folder)
	is, err := isRepository(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return object.AgentID{}, false, err
	}
	if is {
		agent, err := keyfile.Public(KeyDir(root), selfKey)
		if err == nil {
			_, err = databaseID(root)
		}
		return agent, false, err
	}
	for _, d := range []string{root, filepath.Join(root, "keys"), filepath.Join(root, "db"), filepath.Join(root, "chunks")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return object.AgentID{}, false, fmt.Errorf("init: %w", err)
		}
	}
	if err = mustExist(filepath.Join(root, databaseFile)); err != nil {
		err = makeDatabase(root)
	}
	if err := errors.Join(err, ignoreAll(root)); err != nil {
		return object.AgentID{}, false, fmt.Errorf("init: %w", err)
	}
	key, err := keyfile.Load(filepath.Join(root, "keys"), selfKey, nil)
	if errors.Is(err, os.ErrNotExist) {
		if key, err = sign.Generate(hint); err == nil {
			err = keyfile.Save(filepath.Join(root, "keys"), selfKey, key, nil)
		}
	}
	if err != nil {
		return object.AgentID{}, false, fmt.Errorf("init: %w", err)
	}
	if err := trustOurselves(root, key.Agent()); err != nil {
		return object.AgentID{}, false, fmt.Errorf("init: %w", err)
	}
	if err := atomicfile.Write(filepath.Join(root, config.File), 0o600, []byte(config.Template())); err != nil {
		return object.AgentID{}, false, fmt.Errorf("init: %w", err)
	}
	return key.Agent(), true, nil
}

// trustOurselves makes the trust file, unless there is one.
func trustOurselves(root string, self object.AgentID) error {
	path := filepath.Join(root, trustFile)
	if mustExist(path) == nil {
		return nil
	}
	trust := &keyfile.Trust{}
	if err := trust.Add(keyfile.Entry{Name: selfKey, Key: self.KeyHex(), For: []string{"*"}}); err != nil {
		return err
	}
	return trust.Save(path)
}

// ignoreAll keeps the folder, and the keys in it, out of a surrounding git repository.
func ignoreAll(root string) error {
	return atomicfile.Write(filepath.Join(root, ".gitignore"), 0o600, []byte("*\n"))
}

// TrustedAgents returns the agents of a repository's trust.yaml, without opening
// its database.
func TrustedAgents(dir string, now object.Time) ([]object.AgentID, error) {
	trust, err := keyfile.LoadTrust(filepath.Join(dir, trustFile))
	if err != nil {
		return nil, err
	}
	return trust.Agents(now), nil
}

// KeyDir is the folder of a repository's keys.
func KeyDir(dir string) string { return filepath.Join(dir, "keys") }

// SelfKey is the name of the repository's own identity among its keys.
const SelfKey = selfKey

// TrustFile is the name of the trust file in the repository.
const TrustFile = trustFile

// LoadTrust reads a repository's trust.yaml.
func LoadTrust(dir string) (*keyfile.Trust, error) {
	return keyfile.LoadTrust(filepath.Join(dir, trustFile))
}

// EditTrust changes a repository's trust.yaml, atomically.
func EditTrust(dir string, edit func(*keyfile.Trust) error) error {
	t, err := LoadTrust(dir)
	if err != nil {
		return err
	}
	if err := edit(t); err != nil {
		return err
	}
	return t.Save(filepath.Join(dir, trustFile))
}
