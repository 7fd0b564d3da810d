package tree

import (
	"bytes"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
)

// Proof proves that an entry stands at a path below the tree with id Tree.
type Proof struct {
	Tree  object.Hash `can:"1,tree"`
	Path  []byte      `can:"2,path"`  // names with a slash between them
	Steps []Step      `can:"3,steps"` // one a name, from the top
}

// Step proves that an entry is in one folder.
type Step struct {
	Tree  []byte   `can:"1,tree"`  // canonical bytes of the folder's Tree
	Index uint64   `can:"2,index"` // of the entry in the folder
	Nodes [][]byte `can:"3,nodes"` // of the list of entries, the leaf first, the root last
	Entry []byte   `can:"4,entry"` // canonical bytes of the TreeEntry
}

// Prove makes the proof for what stands at a path. It reads the folders on the way only. The
// error wraps ErrNoEntry.
func Prove(r merkle.NodeReader, root object.Hash, path []byte) (*Proof, error) {
	names, err := SplitPath(path)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: the empty path is the tree itself, which its id proves", ErrNoEntry)
	}
	p := &Proof{Tree: root, Path: bytes.Join(names, []byte("/"))}
	for _, name := range names {
		d, err := Open(r, root)
		if err != nil {
			return nil, err
		}
		e, step, err := d.step(name)
		if err != nil {
			return nil, err
		}
		p.Steps = append(p.Steps, step)
		if len(p.Steps) < len(names) {
			if _, err := d.Below(*e); err != nil {
				return nil, err
			}
			root = *e.Content
		}
	}
	return p, nil
}

func (d *Dir) step(name []byte) (*Entry, Step, error) {
	e, index, err := d.Find(name)
	if err != nil {
		return nil, Step{}, err
	}
	list, err := d.list.ProveValue(index)
	if err != nil {
		return nil, Step{}, err
	}
	s := Step{Index: index, Nodes: list.Nodes}
	if s.Tree, err = d.r.Node(d.ID); err != nil {
		return nil, s, err
	}
	s.Entry, err = can.Marshal(e)
	if c, at := d.list.At(index); at != nil || err != nil || object.Sum(s.Entry) != c.Hash {
		s.Entry, err = d.r.Node(c.Hash) // the entry has fields that this version does not know
	}
	return e, s, err
}

// Verify checks the canonical bytes of a Proof against the id of a tree and a path, and returns the entry that stands
// there. It trusts nothing else. Errors wrap merkle.ErrProof, or say what is malformed.
func Verify(root object.Hash, path, proof []byte) (Entry, error) {
	p, err := object.Decode[Proof](proof)
	if err != nil {
		return Entry{}, err
	}
	names, err := SplitPath(path)
	if err != nil {
		return Entry{}, err
	}
	if p.Tree != root || !bytes.Equal(p.Path, bytes.Join(names, []byte("/"))) {
		return Entry{}, fmt.Errorf("%w: it is for %q of %s, not for %q of %s", merkle.ErrProof, p.Path, p.Tree.Short(), path, root.Short())
	}
	if len(names) == 0 || len(p.Steps) != len(names) {
		return Entry{}, fmt.Errorf("%w: %d steps for %d names", merkle.ErrProof, len(p.Steps), len(names))
	}
	var e Entry
	for i, s := range p.Steps {
		t, err := Parse(s.Tree, root)
		if err != nil {
			return Entry{}, fmt.Errorf("%w: step %d: %w", merkle.ErrProof, i, err)
		}
		if i > 0 && t.Size != e.Size {
			return Entry{}, fmt.Errorf("%w: step %d: the folder has %d bytes, its entry says %d", merkle.ErrProof, i, t.Size, e.Size)
		}
		if e, err = s.verify(t, names[i]); err != nil {
			return Entry{}, fmt.Errorf("step %d: %w", i, err)
		}
		if last := i == len(p.Steps)-1; !last {
			if e.Kind != Folder {
				return Entry{}, fmt.Errorf("%w: step %d: %q is not a folder", merkle.ErrProof, i, e.Name)
			}
			root = *e.Content
		}
	}
	return e, nil
}

// verify checks that the entry is in the folder under the name.
func (s Step) verify(t *Tree, name []byte) (Entry, error) {
	list, err := can.Marshal(&merkle.ListProof{CID: t.Entries, Index: s.Index, Nodes: s.Nodes})
	if err != nil {
		return Entry{}, err
	}
	id := object.Sum(s.Entry)
	if err := merkle.VerifyValue(t.Entries, s.Index, list, id); err != nil {
		return Entry{}, err
	}
	e, err := parseEntry(s.Entry, id)
	if err != nil {
		return Entry{}, fmt.Errorf("%w: %w", merkle.ErrProof, err)
	}
	if !bytes.Equal(e.Name, name) {
		return Entry{}, fmt.Errorf("%w: the entry is %q, not %q", merkle.ErrProof, e.Name, name)
	}
	return *e, nil
}
