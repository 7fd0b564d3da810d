package tree

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
)

// Media is the media type of a tree's reference.
const Media = "application/mythos.tree"

// Kinds of an entry.
const (
	File uint8 = iota + 1
	Folder
	Link
)

// Bounds of what a tree may hold.
const (
	MaxName   = 1024 // bytes of a name
	MaxTarget = 4096 // bytes of a link's target
	MaxDepth  = 512  // folders inside one another, the root included
)

// ErrTree means that bytes are not a tree, or that a tree's content contradicts its node.
var ErrTree = errors.New("invalid tree")

// Tree is a folder. Its id is the hash of its canonical bytes.
type Tree struct {
	Version uint8       `can:"1,version"` // 1
	Entries object.Hash `can:"2,entries"` // root of the list (spec/merkle.md) of the hashes of its entries
	Files   uint64      `can:"3,files"`   // files and links in it and in all folders below
	Size    uint64      `can:"4,size"`    // bytes of those files
}

// Check checks the version [tree-1].
func (t Tree) Check() error {
	if t.Version != 1 {
		return fmt.Errorf("version %d of a tree, expected 1", t.Version)
	}
	return nil
}

// Entry is a file, a folder or a symbolic link in a folder.
type Entry struct {
	Name       []byte       `can:"1,name"`            // as the file system has it, 1 to 1,024 bytes
	Kind       uint8        `can:"2,kind"`            // 1 file, 2 folder, 3 symbolic link
	Executable bool         `can:"3,executable"`      // file: its owner may execute it
	Size       uint64       `can:"4,size"`            // bytes: of a file, of all files in a folder, of a link's target
	Content    *object.Hash `can:"5,content"`         // cid of a file, id of a folder's Tree; absent for a link
	Target     []byte       `can:"6,target,optional"` // link: 1 to 4,096 bytes
}

// Check checks what an entry alone can show.
func (e Entry) Check() error {
	if err := CheckName(e.Name); err != nil {
		return err
	}
	switch e.Kind {
	case File, Folder:
		if e.Content == nil || e.Target != nil {
			return fmt.Errorf("entry %q: a file or a folder has content and no target", e.Name)
		}
	case Link:
		if e.Content != nil || e.Size != uint64(len(e.Target)) {
			return fmt.Errorf("entry %q: a link has a target of its size and no content", e.Name)
		}
		if len(e.Target) == 0 || len(e.Target) > MaxTarget || bytes.IndexByte(e.Target, 0) >= 0 {
			return fmt.Errorf("entry %q: the target of a link has 1 to %d bytes, none of them zero", e.Name, MaxTarget)
		}
	default:
		return fmt.Errorf("entry %q: kind %d is not known", e.Name, e.Kind)
	}
	if e.Executable && e.Kind != File {
		return fmt.Errorf("entry %q: only files are executable", e.Name)
	}
	return nil
}

// CheckName checks one name. The rules keep every path inside the folder that the tree is unpacked to.
func CheckName(name []byte) error {
	switch {
	case len(name) == 0 || len(name) > MaxName:
		return fmt.Errorf("a name of %d bytes, expected 1 to %d", len(name), MaxName)
	case bytes.ContainsAny(name, "/\x00"):
		return fmt.Errorf("name %q has a slash or a zero byte", name)
	case string(name) == "." || string(name) == "..":
		return fmt.Errorf("name %q stands for another folder", name)
	}
	return nil
}

// Blob is the reference of a file's content: raw, in chunks of the default size.
func (e Entry) Blob() object.BlobRef {
	ref := object.BlobRef{CID: *e.Content, Size: e.Size, Media: "application/octet-stream"}
	if e.Size > merkle.MaxUnchunked {
		ref.Chunks = uint32((e.Size + merkle.DefaultChunkSize - 1) / merkle.DefaultChunkSize)
	}
	return ref
}

// Ref is the reference of a whole tree; nodeSize is the number of bytes of its node.
func Ref(id object.Hash, nodeSize int) object.BlobRef {
	return object.BlobRef{CID: id, Size: uint64(nodeSize), Media: Media}
}

// Structs describes the structs of this package.
var Structs = []object.Struct{
	object.Define[Tree]("Tree", object.Rule{}),
	object.Define[Entry]("TreeEntry", object.Rule{}),
	object.Define[Proof]("TreeProof", object.Rule{}),
	object.Define[Step]("TreeStep", object.Rule{}),
}

// sum adds sizes. Sizes that do not fit 64 bits make a tree invalid.
func sum(a, b uint64) (uint64, error) {
	s, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return 0, fmt.Errorf("%w: the sizes exceed 64 bits", ErrTree)
	}
	return s, nil
}
