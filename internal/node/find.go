// Package node opens a repository and wires the rooms together: one concrete
// struct that the command line and the server stand on. It is the only place
// that chooses a backend.
package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mythos-project/mythos/internal/config"
)

// Folder is the name of a repository's folder.
const Folder = ".mythos"

// ErrNoRepository means that there is no repository here or above.
var ErrNoRepository = errors.New("no mythos repository here or in any folder above")

// Find returns the .mythos folder of the repository that repo names (the folder
// itself or the one that holds it), or with an empty repo the first one found
// walking up from the working directory.
func Find(repo string) (string, error) {
	if repo != "" {
		for _, dir := range []string{repo, filepath.Join(repo, Folder)} {
			if isRepository(dir) {
				return filepath.Abs(dir)
			}
		}
		return "", fmt.Errorf("%s: %w", repo, ErrNoRepository)
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if found := filepath.Join(dir, Folder); isRepository(found) {
			return found, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", ErrNoRepository
		}
		dir = parent
	}
}

func isRepository(dir string) bool {
	st, err := os.Stat(filepath.Join(dir, config.File))
	return err == nil && st.Mode().IsRegular()
}
