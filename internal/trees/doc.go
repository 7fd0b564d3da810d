// Package trees moves folders and tar archives into the store as trees, and out of it.
//
// [Put] stores a folder, and reads only what changed since the last time: a cache says what each file was, and counts
// only while the file's size, times and inode are the same, and while the tree that it was made with is in the store.
// [PutTar] stores a tar archive, and [WriteTar] writes one, always with the same bytes for the same tree. [Unpack]
// makes a folder: it writes nothing outside the target, makes no device and follows no link, whatever the tree
// contains.
//
// What a tree cannot represent, such as a socket or a device, is refused with an error that names it.
package trees

import "errors"

var (
	// ErrKind means that something is not a file, folder or symbolic link.
	ErrKind = errors.New("neither a file nor a folder nor a symbolic link")
	// ErrChanging means that a file changed while it was read.
	ErrChanging = errors.New("changed while it was read")
	// ErrPatterns means that a file with patterns of what to leave out cannot be read as one.
	ErrPatterns = errors.New("not a file of patterns")
	// ErrArchive means that a tar archive contains something that a tree cannot represent.
	ErrArchive = errors.New("the archive cannot be a tree")
)
