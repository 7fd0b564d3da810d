// Package repo opens a repository and wires the rooms together: one concrete
// struct that the command line and the server stand on. It is the only place
// that chooses a backend.
package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/plainfile"
)

// Folder is the name of a repository's folder.
const Folder = ".mythos"

// ErrNoRepository means that there is no repository here or above.
var ErrNoRepository = errors.New("no mythos repository here or in any folder above")

// ErrForeign means that a repository was found which is not the caller's own. Its tools
// run as the caller, so that it is used only where the caller names it.
var ErrForeign = errors.New("this repository is not yours")

// Find returns the .mythos folder of the repository that repo names (the folder itself or
// the one that holds it), or with an empty repo the first one found walking up from the
// working directory. The walk stops where another file system begins. A repository that
// somebody else owns, or can write to, wraps ErrForeign unless repo or the setting
// safe_directories of the user names it.
func Find(repo string) (string, error) {
	if repo != "" {
		for _, dir := range []string{repo, filepath.Join(repo, Folder)} {
			if found, err := isRepository(dir); err != nil {
				return "", err
			} else if found {
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
		folder := filepath.Join(dir, Folder)
		if found, err := isRepository(folder); err != nil {
			return "", err
		} else if found {
			return folder, checkOwner(folder)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", ErrNoRepository
		}
		if border(dir, parent) {
			return "", fmt.Errorf("%w (the file system ends at %s)", ErrNoRepository, dir)
		}
		dir = parent
	}
}

// isRepository reports whether a folder is a repository. The error wraps ErrDamaged for one
// that has lost its settings, and fs.ErrNotExist where they can be made anew.
func isRepository(dir string) (bool, error) {
	settings := filepath.Join(dir, config.File)
	st, err := os.Stat(settings)
	if err == nil && st.Mode().IsRegular() {
		return true, nil
	}
	if arriving := engine.NotArriving(dir); arriving != nil {
		return false, arriving
	}
	if _, other := os.Lstat(filepath.Join(dir, engine.IDFile)); other != nil {
		return false, nil
	}
	if _, lerr := os.Lstat(settings); errors.Is(err, fs.ErrNotExist) && lerr != nil {
		return false, fmt.Errorf("%w: %s: %w; `mythos init` makes one with the defaults", identity.ErrDamaged, settings, fs.ErrNotExist)
	}
	return false, fmt.Errorf("%w: %s is %w", identity.ErrDamaged, settings, plainfile.ErrKind)
}

// border reports whether a folder and its parent lie on different file systems.
func border(dir, parent string) bool {
	a, err := os.Stat(dir)
	if err != nil {
		return false
	}
	b, err := os.Stat(parent)
	return err == nil && device(a) != device(b)
}

// checkOwner refuses a repository that is not the caller's own.
func checkOwner(found string) error {
	for _, path := range []string{found, filepath.Join(found, config.File)} {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		why := foreign(info)
		if why == "" {
			continue
		}
		user, err := config.Load("")
		if err != nil {
			return err
		}
		if slices.Contains(filepath.SplitList(user.SafeDirectories), filepath.Dir(found)) {
			return nil
		}
		return fmt.Errorf("%w: %s: %s", ErrForeign, path, why)
	}
	return nil
}
