package trees

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/mythos-project/mythos/internal/gitignore"
	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/object/tree"
)

// stamp shows, without reading a file, that it is the one that was read before. The zero stamp shows nothing.
type stamp struct {
	size         int64
	mtime, ctime int64 // nanoseconds since 1970
	inode, dev   uint64
}

// found is one thing in a folder.
type found struct {
	name   string
	kind   uint8
	exec   bool
	known  bool // content or target is from the cache
	stamp  stamp
	sum    [32]byte // the digest of a file's cid
	target string   // of a link
	sub    *folder  // of a folder
}

// folder is a folder as it was found.
type folder struct {
	path     string // below the root, with slashes; empty: the root
	items    []found
	patterns []gitignore.Pattern
	cached   *cachedFolder // nil: not in the cache
	same     bool          // everything in it, and below, is as in the cache
	built    tree.Built
}

// scanner finds what is below a folder.
type scanner struct {
	root    string
	ignore  string // the name of files of patterns; empty: none
	skip    stamp  // the inode of a folder that is left out
	cache   cache
	ignored atomic.Uint64
}

// scan reads a folder and all below it, level by level.
func (s *scanner) scan(ctx context.Context) (*folder, error) {
	top := &folder{cached: s.cache.folders[""]}
	level := []*folder{top}
	for depth := 1; len(level) > 0; depth++ {
		if depth > tree.MaxDepth {
			return nil, fmt.Errorf("%s: more than %d folders inside one another", s.place(level[0].path), tree.MaxDepth)
		}
		err := par.Each(ctx, len(level), 2*par.Limit(0), func(_ context.Context, i int) error { return s.read(level[i]) })
		if err != nil {
			return nil, err
		}
		var next []*folder
		for _, d := range level {
			for i := range d.items {
				if sub := d.items[i].sub; sub != nil {
					next = append(next, sub)
				}
			}
		}
		level = next
	}
	return top, nil
}

func (s *scanner) place(below string) string { return filepath.Join(s.root, filepath.FromSlash(below)) }

// read lists one folder, without the bytes of its files.
func (s *scanner) read(d *folder) error {
	dir, err := openFolder(s.place(d.path), d.path == "")
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	slices.Sort(names)
	if d.patterns, err = s.patternsIn(d, names); err != nil {
		return err
	}
	d.items = make([]found, 0, len(names))
	known := d.cached.start()
	for _, name := range names {
		it, err := look(dir, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has been removed meanwhile
		}
		if err != nil {
			return err
		}
		if s.leaves(d, it) {
			s.ignored.Add(1)
			continue
		}
		if it.kind == 0 {
			return s.refuse(filepath.Join(dir.Name(), name))
		}
		if err := tree.CheckName([]byte(name)); err != nil {
			return fmt.Errorf("%s: %w", dir.Name(), err)
		}
		known.fill(&it)
		if it.kind == tree.Link && !it.known {
			if it.target, err = readLink(dir, name); err != nil {
				return err
			}
		}
		if it.kind == tree.Folder {
			below := path.Join(d.path, name)
			it.sub = &folder{path: below, patterns: d.patterns, cached: s.cache.folders[below]}
		}
		d.items = append(d.items, it)
	}
	return nil
}

// leaves reports whether something is left out: because of a pattern, or because it is the repository.
func (s *scanner) leaves(d *folder, it found) bool {
	isFolder := it.kind == tree.Folder
	if isFolder && it.stamp.inode == s.skip.inode && it.stamp.dev == s.skip.dev && s.skip.inode != 0 {
		return true
	}
	return len(d.patterns) > 0 && gitignore.Ignored(d.patterns, path.Join(d.path, it.name), isFolder)
}

// leaveOut sets the one folder that is left out.
func (s *scanner) leaveOut(name string) error {
	if name == "" {
		return nil
	}
	dir, err := openFolder(name, true)
	if err != nil {
		return err
	}
	defer dir.Close()
	it, err := lookAt(dir)
	s.skip = it.stamp
	return err
}

// maxPatterns is the largest file of patterns, in bytes.
const maxPatterns = 1 << 20

// patternsIn adds the patterns of a folder's own file to those from above.
func (s *scanner) patternsIn(d *folder, names []string) ([]gitignore.Pattern, error) {
	if _, has := slices.BinarySearch(names, s.ignore); !has || s.ignore == "" {
		return d.patterns, nil
	}
	name := filepath.Join(s.place(d.path), s.ignore)
	file, err := openFile(name) // as in git, a link is not followed
	if err != nil {
		if at, _ := os.Lstat(name); at != nil && at.Mode()&fs.ModeSymlink != 0 {
			err = fmt.Errorf("%s: %w: it is a symbolic link, which is not followed", name, ErrPatterns)
		}
		return nil, err
	}
	defer file.Close()
	if it, err := lookAt(file); err != nil || it.kind != tree.File {
		return d.patterns, err
	}
	data, err := io.ReadAll(io.LimitReader(file, maxPatterns+1))
	if err == nil && len(data) > maxPatterns {
		err = fmt.Errorf("%s: %w: it has more than %d bytes", name, ErrPatterns, maxPatterns)
	}
	if err != nil {
		return nil, err
	}
	return append(slices.Clip(d.patterns), gitignore.Parse(data, d.path)...), nil
}

// refuse says what to do about something that is not a file, folder or link.
func (s *scanner) refuse(path string) error {
	if s.ignore == "" {
		return fmt.Errorf("%s: %w", path, ErrKind)
	}
	return fmt.Errorf("%s: %w: remove it, or name it in a file %s", path, ErrKind, s.ignore)
}
