// Package repo opens a repository and connects the packages: one concrete struct for the command line and the server.
// It is the only place that chooses a storage backend.
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

// ErrForeign means that a repository belongs to another user. Its tools run as the caller, so it is used only if the
// caller names it.
var ErrForeign = errors.New("this repository is not yours")

// Find returns the .mythos folder of the repository that repo names (the folder itself or the one that contains it) or,
// if repo is empty, the first one found walking up from the working directory. The walk stops at the border of the file
// system. For a repository that somebody else owns, or can write to, the error wraps ErrForeign unless repo or the
// user's setting safe_directories names it.
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

// isRepository reports whether a folder is a repository. The error wraps ErrDamaged for one that has lost its settings,
// and fs.ErrNotExist if they can be recreated.
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

// checkOwner refuses a repository that belongs to another user.
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
