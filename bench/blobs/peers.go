package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

var (
	resticEnv = []string{"RESTIC_PASSWORD=bench"}
	borgEnv   = []string{"BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes", "BORG_RELOCATED_REPO_ACCESS_IS_OK=yes"}
)

func (b *bench) borgEnv() []string {
	return append(borgEnv, "BORG_BASE_DIR="+filepath.Join(b.dir, "borg-base"))
}

func installed(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

// adders store files in fresh repositories: git as loose objects with the syncs that it batches, restic and borg
// without compression, borg also without encryption.
func (b *bench) adders(kind string, names []string) map[string]step {
	m := map[string]step{}
	if installed("git") {
		m["git"] = func(pair int) (*exec.Cmd, error) {
			repo := b.store("git-"+kind, pair)
			if err := exec.Command("git", "init", "-q", "--object-format=sha256", repo).Run(); err != nil {
				return nil, err
			}
			c := b.command(nil, "git", "--git-dir="+filepath.Join(repo, ".git"), "-c", "core.compression=0", "-c", "core.fsync=loose-object",
				"-c", "core.fsyncMethod=batch", "hash-object", "-w", "--no-filters", "--stdin-paths")
			c.Stdin = strings.NewReader(strings.Join(names, "\n") + "\n")
			return c, nil
		}
	}
	if installed("restic") {
		m["restic"] = func(pair int) (*exec.Cmd, error) {
			repo := b.store("restic-"+kind, pair)
			init := b.command(resticEnv, "restic", "-q", "--repository-version", "2", "-r", repo, "init")
			return b.restic(repo, top(names)), init.Run()
		}
	}
	if installed("borg") {
		m["borg"] = func(pair int) (*exec.Cmd, error) {
			repo := b.store("borg-"+kind, pair)
			return b.borg(repo, "first", top(names)), b.command(b.borgEnv(), "borg", "init", "-e", "none", repo).Run()
		}
	}
	return m
}

// top returns the file, or the folder of the files.
func top(names []string) string {
	first, _, _ := strings.Cut(names[0], "/")
	return first
}

func (b *bench) restic(repo, name string) *exec.Cmd {
	return b.command(resticEnv, "restic", "-q", "--no-cache", "--compression", "off", "-r", repo, "backup", "--force", name)
}

func (b *bench) borg(repo, archive, name string) *exec.Cmd {
	return b.command(b.borgEnv(), "borg", "create", "-C", "none", "--files-cache", "disabled", repo+"::"+archive, name)
}

// repeaters store the same file once more; like us, they read it.
func (b *bench) repeaters(names []string) map[string]step {
	return b.after(names, func(pair int) int { return pair }, map[string]step{
		"restic": func(pair int) (*exec.Cmd, error) { return b.restic(b.store("restic-put", pair), top(names)), nil },
		"borg":   func(pair int) (*exec.Cmd, error) { return b.borg(b.store("borg-put", pair), "second", top(names)), nil },
	})
}

// readers read the large file back, always from the same repository.
func (b *bench) readers() map[string]step {
	return b.after([]string{"large"}, func(int) int { return 0 }, map[string]step{
		"restic": func(pair int) (*exec.Cmd, error) {
			return b.command(resticEnv, "restic", "-q", "--no-cache", "-r", b.store("restic-put", pair), "dump", "latest", "/large"), nil
		},
		"borg": func(pair int) (*exec.Cmd, error) {
			return b.command(b.borgEnv(), "borg", "extract", "--stdout", b.store("borg-put", pair)+"::first", "large"), nil
		},
	})
}

// after makes steps run after the one that stores the files, if that has not happened yet; of says which pair's
// repository to use.
func (b *bench) after(names []string, of func(pair int) int, steps map[string]step) map[string]step {
	m := map[string]step{}
	for name, add := range b.adders("put", names) {
		next, ok := steps[name]
		if !ok {
			continue
		}
		m[name] = func(pair int) (*exec.Cmd, error) {
			if err := b.stored(name, of(pair), add); err != nil {
				return nil, err
			}
			return next(of(pair))
		}
	}
	return m
}

// stored makes sure that a peer's repository of a pair exists.
func (b *bench) stored(name string, pair int, add step) error {
	if _, err := os.Stat(b.store(name+"-put", pair)); err == nil {
		return nil
	}
	cmd, err := add(pair)
	if err != nil {
		return err
	}
	return cmd.Run()
}
