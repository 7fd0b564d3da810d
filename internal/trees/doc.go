// Package trees moves folders and tar archives into the store as trees, and out of it.
//
// A folder goes in by [Put], which reads what changed since the last time: a cache says what
// each file was, and counts only while the file's size, times and inode are the same, and
// while the tree that it was made with is in the store. A tar archive goes in by [PutTar]
// and out by [WriteTar], which gives the same bytes for the same tree. [Unpack] makes a folder: nothing leaves
// the target, no device is made and no link followed, whatever the tree holds.
//
// What a tree cannot say, such as a socket or a device, is refused by name.
package trees

import "errors"

var (
	// ErrKind means that something is no file, folder or symbolic link.
	ErrKind = errors.New("neither a file nor a folder nor a symbolic link")
	// ErrChanging means that a file changed while it was read.
	ErrChanging = errors.New("changed while it was read")
	// ErrArchive means that a tar archive holds what no tree can.
	ErrArchive = errors.New("the archive cannot be a tree")
)
