package sample

import (
	"bytes"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/tree"
)

// Broken calls refuse with an object that breaks each field rule of trees, with the name of its struct and what is
// wrong.
func Broken(refuse func(name, why string, change func([]byte) []byte)) {
	is := func(raw []byte, err error) func([]byte) []byte {
		return func([]byte) []byte { return must(raw, err) }
	}
	refuse("Tree", "version 2", is(can.Marshal(&tree.Tree{Version: 2, Entries: object.SumText("entries")})))
	add := func(why string, change func(e *tree.Entry)) {
		content := object.SumText("file 0")
		e := tree.Entry{Name: []byte("file 0"), Kind: tree.File, Content: &content}
		change(&e)
		refuse("TreeEntry", why, is(can.Marshal(&e)))
	}
	name := func(b []byte) func(*tree.Entry) { return func(e *tree.Entry) { e.Name = b } }
	link := func(target []byte, size uint64) func(*tree.Entry) {
		return func(e *tree.Entry) { e.Kind, e.Content, e.Target, e.Size = tree.Link, nil, target, size }
	}
	add("no name", name([]byte{}))
	add("a name with a slash", name([]byte("a/b")))
	add("a name with a zero byte", name([]byte("a\x00")))
	add("the name of the folder above", name([]byte("..")))
	add("a name of 1,025 bytes", name(bytes.Repeat([]byte("n"), tree.MaxName+1)))
	add("kind 4", func(e *tree.Entry) { e.Kind = 4 })
	add("an executable folder", func(e *tree.Entry) { e.Kind, e.Executable = tree.Folder, true })
	add("a file without content", func(e *tree.Entry) { e.Content = nil })
	add("a file with a target", func(e *tree.Entry) { e.Target = []byte("x") })
	add("a link with content", func(e *tree.Entry) { e.Kind, e.Target, e.Size = tree.Link, []byte("x"), 1 })
	add("a link without a target", link(nil, 0))
	add("a link of another size", link([]byte("x"), 2))
	add("a link to a zero byte", link([]byte("x\x00"), 2))
}
