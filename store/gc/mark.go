package gc

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// mark adds everything reachable to kept. It does not walk known hashes again.
func (c *collector) mark(ctx context.Context) error {
	var roots []object.Hash
	keep := func(h object.Hash) { roots = append(roots, h) }
	if c.o.Roots != nil {
		if err := c.o.Roots(ctx, keep); err != nil {
			return fmt.Errorf("roots: %w", err)
		}
	}
	err := errors.Join(
		c.s.Blobs(ctx, func(r object.BlobRef) error { keep(r.CID); return nil }),
		c.s.Refs(ctx, func(_ string, h object.Hash) error { keep(h); return nil }),
		c.s.Pins(ctx, func(p store.Pin) error {
			if p.Until == 0 || p.Until > c.o.Now {
				keep(p.CID)
			}
			return nil
		}))
	if err != nil {
		return err
	}
	if c.o.Progress != nil {
		c.o.Progress.Total(int64(len(roots)))
	}
	for _, h := range roots {
		if c.o.Progress != nil {
			c.o.Progress.Add(1)
		}
		if c.kept[h] {
			continue
		}
		if err := c.tree(ctx, h); err != nil {
			return fmt.Errorf("%s: %w", h.Short(), err)
		}
	}
	return nil
}

// tree marks a hash and, if it is a tree's root, everything below it. A missing or damaged node ends the collection,
// because the hashes below it are unknown.
func (c *collector) tree(ctx context.Context, h object.Hash) error {
	raw, found, err := c.s.KV().Get(ctx, kv.Nodes+h.String())
	if err != nil {
		return err
	}
	if !found {
		c.kept[h] = true
		return nil
	}
	if tree.Is(raw) {
		return c.folder(ctx, h)
	}
	if e, err := object.Decode[tree.Entry](raw); err == nil {
		c.kept[h] = true
		if e.Content == nil || c.kept[*e.Content] {
			return nil
		}
		return c.tree(ctx, *e.Content)
	}
	list, err := merkle.OpenList(c.s.Nodes(ctx), h)
	if err == nil {
		return c.nodes(ctx, h, list)
	}
	dag, dagErr := merkle.OpenChunks(c.s.Nodes(ctx), h)
	if dagErr != nil {
		return dagErr
	}
	err = dag.Walk(0, dag.Len(), func(_ uint64, chunk merkle.Chunk) error {
		c.kept[chunk.Hash] = true
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	return c.nodes(ctx, h, dag)
}

// folder marks a tree of files with all its content. It skips folders that were walked before: one night's tree has
// nearly all folders of the night before.
func (c *collector) folder(ctx context.Context, h object.Hash) error {
	enter := func(id object.Hash) bool { return !c.kept[id] }
	return tree.Parts(c.s.Nodes(ctx), h, enter, func(p tree.Part) error {
		if p.File == nil {
			c.kept[p.ID] = true
			return ctx.Err()
		}
		if c.kept[p.ID] {
			return nil
		}
		return c.tree(ctx, p.ID)
	})
}

// nodes marks the nodes of a tree, the root last: a root in kept means that its tree was walked.
func (c *collector) nodes(ctx context.Context, root object.Hash, t *merkle.Tree) error {
	err := t.Nodes(func(cid object.Hash, _ []byte) error {
		if cid != root {
			c.kept[cid] = true
		}
		return ctx.Err()
	})
	if err == nil {
		c.kept[root] = true
	}
	return err
}
