package tree

import (
	"bytes"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
)

// SplitPath splits a path into names. It ignores slashes at either end and repeated slashes; the empty path is the tree
// itself.
func SplitPath(path []byte) ([][]byte, error) {
	var names [][]byte
	for name := range bytes.SplitSeq(path, []byte("/")) {
		if len(name) == 0 {
			continue
		}
		if err := CheckName(name); err != nil {
			return nil, fmt.Errorf("path %q: %w", path, err)
		}
		if names = append(names, name); len(names) > MaxDepth {
			return nil, fmt.Errorf("path %q: more than %d names", path, MaxDepth)
		}
	}
	return names, nil
}

// Lookup finds the entry at a path below a tree, reading only the folders on the way. The empty path gives the tree
// itself, as an entry without a name. The error wraps ErrNoEntry.
func Lookup(r merkle.NodeReader, root object.Hash, path []byte) (Entry, error) {
	names, err := SplitPath(path)
	if err != nil {
		return Entry{}, err
	}
	d, err := Open(r, root)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Kind: Folder, Size: d.Size, Content: &d.ID}
	for i, name := range names {
		if i > 0 {
			if d, err = d.Below(e); err != nil {
				return Entry{}, err
			}
		}
		found, _, err := d.Find(name)
		if err != nil {
			return Entry{}, err
		}
		e = *found
	}
	return e, nil
}

// Walk calls fn for everything below a tree, with its path, folders before their content. For a folder, fn returns
// whether to go into it. The path is valid during fn only.
func Walk(r merkle.NodeReader, root object.Hash, fn func(path []byte, e Entry) (into bool, err error)) error {
	d, err := Open(r, root)
	if err != nil {
		return err
	}
	_, err = d.walk(nil, 1, fn)
	return err
}

// walk returns the number of files below, if it went into every folder.
func (d *Dir) walk(prefix []byte, depth int, fn func([]byte, Entry) (bool, error)) (files uint64, err error) {
	if depth > MaxDepth {
		return 0, fmt.Errorf("%w: more than %d folders inside one another", ErrTree, MaxDepth)
	}
	all := true
	err = d.Each(func(e Entry, _ object.Hash, _ []byte) error {
		path := append(prefix, e.Name...)
		into, err := fn(path, e)
		if err != nil || e.Kind != Folder {
			files++
			return err
		}
		if !into {
			all = false
			return nil
		}
		sub, err := d.Below(e)
		if err != nil {
			return err
		}
		n, err := sub.walk(append(path, '/'), depth+1, fn)
		files += n
		return err
	})
	if err == nil && all && files != d.Files {
		err = fmt.Errorf("%w: %s says %d files, it has %d", ErrTree, d.ID.Short(), d.Files, files)
	}
	return files, err
}

// Part is one piece of a tree: a node, or the content of a file.
type Part struct {
	ID   object.Hash
	Raw  []byte          // of a node
	File *object.BlobRef // of a file
}

// Parts calls fn for every node and every file below a tree. The tree's own node comes last, so that a part comes
// before whatever refers to it. enter, which may be nil, decides whether to read a folder: one that was seen before can
// be skipped.
func Parts(r merkle.NodeReader, root object.Hash, enter func(object.Hash) bool, fn func(Part) error) error {
	return parts(r, root, 1, enter, fn)
}

func parts(r merkle.NodeReader, id object.Hash, depth int, enter func(object.Hash) bool, fn func(Part) error) error {
	if depth > MaxDepth {
		return fmt.Errorf("%w: more than %d folders inside one another", ErrTree, MaxDepth)
	}
	if enter != nil && !enter(id) {
		return nil
	}
	d, err := Open(r, id)
	if err != nil {
		return err
	}
	err = d.Each(func(e Entry, id object.Hash, raw []byte) error {
		switch e.Kind {
		case Folder:
			if _, err := d.Below(e); err != nil {
				return err
			}
			if err := parts(r, *e.Content, depth+1, enter, fn); err != nil {
				return err
			}
		case File:
			ref := e.Blob()
			if err := fn(Part{ID: ref.CID, File: &ref}); err != nil {
				return err
			}
		}
		return fn(Part{ID: id, Raw: raw})
	})
	if err != nil {
		return err
	}
	if err := d.Lists(func(id object.Hash, raw []byte) error { return fn(Part{ID: id, Raw: raw}) }); err != nil {
		return err
	}
	raw, err := r.Node(id)
	if err != nil {
		return err
	}
	return fn(Part{ID: id, Raw: raw})
}
