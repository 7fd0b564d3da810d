package datasets

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/internal/trees"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store"
)

// ErrNoFiles means that a tree that an episode names is not here, or not whole.
var ErrNoFiles = errors.New("its files are not all here")

// namedTrees are the trees that episodes name, each with the first episode that does.
type namedTrees struct {
	mu sync.Mutex
	by map[object.Hash]object.Hash
}

func (n *namedTrees) add(tree, episode object.Hash) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if first, ok := n.by[tree]; !ok || episode.Compare(first) < 0 {
		n.by[tree] = episode
	}
}

// unpack writes the files of the trees beside the rows, each tree into a folder with the name of its id.
func (d *Datasets) unpack(ctx context.Context, named *namedTrees, to *destination) (list []export.Attached, err error) {
	ids := slices.SortedFunc(maps.Keys(named.by), object.Hash.Compare)
	for _, id := range ids {
		if other, err := d.isOther(ctx, id); err != nil {
			return nil, err
		} else if other {
			continue
		}
		a, err := d.unpackTree(ctx, id, to)
		if errors.Is(err, store.ErrNotFound) {
			err = fmt.Errorf("%w: %w", ErrNoFiles, err)
		}
		if err != nil {
			return nil, fmt.Errorf("tree %s, which episode %s names: %w", id, named.by[id].Short(), err)
		}
		list = append(list, a)
	}
	return list, nil
}

// isOther reports whether something that is not a tree is here under an id: a program may answer the id of anything that
// its receipt names, such as that of its own module.
func (d *Datasets) isOther(ctx context.Context, id object.Hash) (bool, error) {
	node, err := d.Store.Nodes(ctx).Node(id)
	if !errors.Is(err, store.ErrNotFound) {
		return err == nil && !tree.Is(node), err
	}
	if _, err := d.Store.Object(ctx, id); !errors.Is(err, store.ErrNotFound) {
		return err == nil, err
	}
	return d.Store.HasBytes(ctx, id)
}

func (d *Datasets) unpackTree(ctx context.Context, id object.Hash, to *destination) (a export.Attached, err error) {
	dir, err := tree.Open(d.Store.Nodes(ctx), id)
	if err != nil {
		return a, err
	}
	a = export.Attached{ID: id, Files: dir.Files, Bytes: dir.Size}
	if to.folder == nil {
		return a, errors.New("files need a folder")
	}
	name, err := to.folder(a.Name())
	if err != nil {
		return a, err
	}
	return a, trees.UnpackInto(ctx, d.Store, id, name, nil)
}
