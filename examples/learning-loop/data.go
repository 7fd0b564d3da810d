package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// packages of the Go distribution whose files are the data: each has enough files, and they are similar enough to be
// mistaken for each other.
var packages = []string{"strings", "bytes", "sort", "strconv", "bufio", "sync", "time", "os"}

// file is one file of the distribution.
type file struct {
	path, pkg, text string
}

// data is what arrives each day, and what is held out for measuring.
type data struct {
	days [][]file
	held []file
}

const (
	maxText = 4 << 10 // bytes of a file that are used
	heldOf  = 4       // one in so many files is held out
)

// goFiles distributes the files of the distribution over days, in the order of their names: the same distribution gives
// the same data.
func goFiles(ctx context.Context, days, perDay int) (data, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return data{}, fmt.Errorf("no Go distribution: %w", err)
	}
	src := filepath.Join(strings.TrimSpace(string(out)), "src")
	d := data{days: make([][]file, days)}
	for _, pkg := range packages {
		paths, err := filepath.Glob(filepath.Join(src, pkg, "*.go"))
		if err != nil {
			return d, err
		}
		dealt := 0
		for i, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				return d, err
			}
			f := file{path: path, pkg: pkg, text: string(text[:min(len(text), maxText)])}
			switch {
			case i%heldOf == 0:
				if len(d.held) < 8*len(packages) {
					d.held = append(d.held, f)
				}
			case dealt < days*perDay:
				d.days[dealt/perDay] = append(d.days[dealt/perDay], f)
				dealt++
			}
		}
	}
	for i, day := range d.days {
		if len(day) < 4 {
			return d, fmt.Errorf("only %d files for day %d: fewer days, or fewer files a day", len(day), i+1)
		}
	}
	if len(d.held) < 8 {
		return d, errors.New("the Go distribution here has no sources")
	}
	return d, nil
}
