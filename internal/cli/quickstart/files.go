package quickstart

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// maxText is the largest file that the loop hands to a tool: 256 KiB.
const maxText = 256 << 10

// texts lists the text files of dir that a tool can be run over, in the order of
// their names, at most most of them.
func texts(ctx context.Context, dir string, most int) ([]string, error) {
	var all []string
	err := walk(ctx, dir, func(rel string, d fs.DirEntry) error {
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() == 0 || info.Size() > maxText {
			return nil //nolint:nilerr // a file that is gone again is none of ours
		}
		if isText(filepath.Join(dir, rel)) {
			all = append(all, rel)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return spread(all, most), nil
}

// spread picks most entries evenly out of all.
func spread(all []string, most int) []string {
	if len(all) <= most {
		return all
	}
	picked := make([]string, most)
	for i := range picked {
		picked[i] = all[i*len(all)/most]
	}
	return picked
}

func isText(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 1024)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}
	head = head[:n]
	for len(head) > 0 && n == 1024 && !utf8.Valid(head) && len(head) > 1020 {
		head = head[:len(head)-1] // a rune may be cut at the end
	}
	return utf8.Valid(head) && !strings.ContainsRune(string(head), 0)
}

func walk(ctx context.Context, dir string, fn func(rel string, d fs.DirEntry) error) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil || rel == "." {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		return fn(rel, d)
	})
}

// writeTar archives the regular files of dir without owners and times, so that
// the same tree always gives the same bytes. It returns their number and sizes.
func writeTar(ctx context.Context, dir, out string) (files int, size int64, err error) {
	f, err := os.Create(out)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	w := tar.NewWriter(f)
	err = walk(ctx, dir, func(rel string, d fs.DirEntry) error {
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		files++
		size += info.Size()
		return addFile(w, filepath.Join(dir, rel), filepath.ToSlash(rel), info)
	})
	if err != nil {
		return files, size, fmt.Errorf("archive %s: %w", dir, err)
	}
	if err := w.Close(); err != nil {
		return files, size, err
	}
	return files, size, f.Close()
}

func addFile(w *tar.Writer, path, name string, info fs.FileInfo) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: info.Size(), Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err = io.CopyN(w, f, info.Size())
	return err
}
