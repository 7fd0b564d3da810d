// Command tree compares the cost of a folder of many small files with git, in turns: storing it with `git add`, and
// storing it again, unchanged, with `git status`: go run ./bench/tree -mythos ./mythos [-files N] [-n ROUNDS].
package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	mythos := flag.String("mythos", "./mythos", "the binary")
	files := flag.Int("files", 100_000, "files, 100 in each folder")
	rounds := flag.Int("n", 5, "rounds")
	parent := flag.String("dir", "", "where the folders are made; empty: that of the system for temporary files")
	flag.Parse()
	if err := run(*mythos, *parent, *files, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "tree:", err)
		os.Exit(1)
	}
}

// settled is how long a file must be unchanged before both programs trust its times.
const settled = 3 * time.Second

func run(mythos, parent string, files, rounds int) (err error) {
	if mythos, err = filepath.Abs(mythos); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(parent, "mythos-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	work := filepath.Join(dir, "work")
	size, err := fill(work, files)
	if err != nil {
		return err
	}
	fmt.Printf("%d files, %d bytes\n", files, size)
	time.Sleep(settled)
	times := map[string][]time.Duration{}
	for i := range rounds {
		git, store := filepath.Join(dir, fmt.Sprint("git", i)), filepath.Join(dir, fmt.Sprint("repo", i))
		for _, one := range []struct {
			name string
			argv []string
		}{
			{"", []string{"git", "init", "-q", "--bare", git}},
			{"", []string{mythos, "init", store}},
			{"git add", []string{"git", "--git-dir", git, "--work-tree", work, "add", "-A"}},
			{"put", []string{mythos, "-C", store, "tree", "put", work}},
			{"git status", []string{"git", "--git-dir", git, "--work-tree", work, "status", "--porcelain"}}, // refreshes its index
			{"put again", []string{mythos, "-C", store, "tree", "put", work}},
			{"git status", []string{"git", "--git-dir", git, "--work-tree", work, "status", "--porcelain"}},
			{"put again", []string{mythos, "-C", store, "tree", "put", work}},
		} {
			began := time.Now()
			cmd := exec.Command(one.argv[0], one.argv[1:]...)
			cmd.Dir = work
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w: %s", strings.Join(one.argv, " "), err, out)
			}
			if one.name != "" {
				times[one.name] = append(times[one.name], time.Since(began))
			}
		}
		if err := errors.Join(os.RemoveAll(git), os.RemoveAll(store)); err != nil {
			return err
		}
	}
	report(times, "put", "git add")
	report(times, "put again", "git status")
	return nil
}

// fill makes files of 100 to 4,000 random bytes, in folders of 100.
func fill(dir string, files int) (size int, err error) {
	rng := rand.NewChaCha8([32]byte{1})
	data := make([]byte, 4000)
	for i := range files {
		sub := filepath.Join(dir, fmt.Sprintf("d%02d", i/10_000), fmt.Sprintf("d%02d", i/100%100))
		if i%100 == 0 {
			if err := os.MkdirAll(sub, 0o755); err != nil {
				return 0, err
			}
		}
		_, _ = rng.Read(data)
		n := 100 + int(rng.Uint64()%3900)
		size += n
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprintf("f%02d", i%100)), data[:n], 0o644); err != nil {
			return 0, err
		}
	}
	return size, nil
}

// report prints the median of the ratios of the pairs.
func report(times map[string][]time.Duration, ours, theirs string) {
	var ratios []float64
	for i, took := range times[ours] {
		ratios = append(ratios, float64(took)/float64(times[theirs][i]))
	}
	slices.Sort(ratios)
	a, b := slices.Sorted(slices.Values(times[ours])), slices.Sorted(slices.Values(times[theirs]))
	fmt.Printf("%-10s median %8v   %-10s median %8v   ratio %.2f (%.2f to %.2f, %d pairs)\n", ours, a[len(a)/2].Round(time.Millisecond),
		theirs, b[len(b)/2].Round(time.Millisecond), ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1], len(ratios))
}
