package tree

import (
	"bytes"
	"fmt"
	"iter"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
)

// Change is one difference between two trees. A folder that is on one side only comes before its content.
type Change struct {
	Path     []byte
	Old, New *Entry // nil: the entry is on the other side only
}

// Diff calls fn for every difference between two trees, ascending by path, folders before their content. It does not
// read folders with the same id. A folder on both sides is not itself a change, even if its content differs. The change
// is valid during fn only.
func Diff(r merkle.NodeReader, from, to object.Hash, fn func(Change) error) error {
	if from == to {
		_, err := Open(r, from)
		return err
	}
	a, err := Open(r, from)
	if err != nil {
		return err
	}
	b, err := Open(r, to)
	if err != nil {
		return err
	}
	return diff(a, b, nil, 1, fn)
}

// all iterates over the entries of a folder, and puts an error into failed.
func (d *Dir) all(failed *error) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		stop := false
		err := d.Each(func(e Entry, _ object.Hash, _ []byte) error {
			if stop = !yield(e); stop {
				return errStop
			}
			return nil
		})
		if !stop && err != nil {
			*failed = err
		}
	}
}

var errStop = fmt.Errorf("enough: %w", ErrNoEntry)

func diff(a, b *Dir, prefix []byte, depth int, fn func(Change) error) error {
	if depth > MaxDepth {
		return fmt.Errorf("%w: more than %d folders inside one another", ErrTree, MaxDepth)
	}
	var failed error
	nextA, stopA := iter.Pull(a.all(&failed))
	defer stopA()
	nextB, stopB := iter.Pull(b.all(&failed))
	defer stopB()
	x, okA := nextA()
	y, okB := nextB()
	for (okA || okB) && failed == nil {
		order := 0
		switch {
		case !okB:
			order = -1
		case !okA:
			order = 1
		default:
			order = bytes.Compare(x.Name, y.Name)
		}
		var err error
		switch {
		case order < 0:
			err = a.side(prefix, x, depth, func(p []byte, e Entry) error { return fn(Change{Path: p, Old: &e}) })
		case order > 0:
			err = b.side(prefix, y, depth, func(p []byte, e Entry) error { return fn(Change{Path: p, New: &e}) })
		default:
			err = both(a, b, prefix, x, y, depth, fn)
		}
		if err != nil {
			return err
		}
		if order <= 0 {
			x, okA = nextA()
		}
		if order >= 0 {
			y, okB = nextB()
		}
	}
	return failed
}

// side reports an entry that is on one side only, and everything below it.
func (d *Dir) side(prefix []byte, e Entry, depth int, fn func([]byte, Entry) error) error {
	path := append(bytes.Clone(prefix), e.Name...)
	if err := fn(path, e); err != nil || e.Kind != Folder {
		return err
	}
	sub, err := d.Below(e)
	if err != nil {
		return err
	}
	_, err = sub.walk(append(path, '/'), depth+1, func(p []byte, e Entry) (bool, error) { return true, fn(p, e) })
	return err
}

func both(a, b *Dir, prefix []byte, x, y Entry, depth int, fn func(Change) error) error {
	path := append(bytes.Clone(prefix), x.Name...)
	switch {
	case x.Kind == Folder && y.Kind == Folder:
		if *x.Content == *y.Content {
			return nil
		}
		subA, err := a.Below(x)
		if err != nil {
			return err
		}
		subB, err := b.Below(y)
		if err != nil {
			return err
		}
		return diff(subA, subB, append(path, '/'), depth+1, fn)
	case x.Kind == Folder || y.Kind == Folder:
		if err := a.side(prefix, x, depth, func(p []byte, e Entry) error { return fn(Change{Path: p, Old: &e}) }); err != nil {
			return err
		}
		return b.side(prefix, y, depth, func(p []byte, e Entry) error { return fn(Change{Path: p, New: &e}) })
	case same(x, y):
		return nil
	}
	return fn(Change{path, &x, &y})
}

func same(x, y Entry) bool {
	if x.Kind != y.Kind || x.Executable != y.Executable || x.Size != y.Size || !bytes.Equal(x.Target, y.Target) {
		return false
	}
	return x.Content == nil || *x.Content == *y.Content
}
