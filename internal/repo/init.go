package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// Init makes a repository in dir with a fresh identity with this hint, and returns the identity. An existing repository
// is not changed. engines makes the storage, as engine.Make does. The settings file is written last: an incomplete
// repository, or one that has lost its settings, gets what is missing.
func Init(dir, hint string, engines func(root string) error) (agent object.AgentID, fresh bool, err error) {
	root := filepath.Join(dir, Folder)
	is, err := isRepository(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return object.AgentID{}, false, err
	}
	if is {
		agent, err := keyfile.Public(identity.KeyDir(root), identity.SelfKey)
		if err == nil {
			_, err = engine.ID(root)
		}
		return agent, false, err
	}
	for _, d := range []string{root, filepath.Join(root, "keys")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return object.AgentID{}, false, fmt.Errorf("init: %w", err)
		}
	}
	if err := engines(root); err != nil {
		_, _ = os.Remove(filepath.Join(root, "keys")), os.Remove(root) // if there is nothing in them
		return object.AgentID{}, false, err
	}
	if err := ignoreAll(root); err != nil {
		return object.AgentID{}, false, fmt.Errorf("init: %w", err)
	}
	key, err := keyfile.Load(filepath.Join(root, "keys"), identity.SelfKey, nil)
	if errors.Is(err, os.ErrNotExist) {
		if key, err = sign.Generate(hint); err == nil {
			err = keyfile.Save(filepath.Join(root, "keys"), identity.SelfKey, key, nil)
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
	path := filepath.Join(root, identity.TrustFile)
	if identity.MustExist(path) == nil {
		return nil
	}
	trust := &keyfile.Trust{}
	if err := trust.Add(keyfile.Entry{Name: identity.SelfKey, Key: self.KeyHex(), For: []string{"*"}}); err != nil {
		return err
	}
	return trust.Save(path)
}

// ignoreAll keeps the folder, and the keys in it, out of a surrounding git repository.
func ignoreAll(root string) error {
	return atomicfile.Write(filepath.Join(root, ".gitignore"), 0o600, []byte("*\n"))
}
