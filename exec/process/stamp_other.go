//go:build !linux

package process

import (
	"io/fs"
	"time"
)

// changed is when a file's bytes last changed, as far as every system reports it.
func changed(st fs.FileInfo) time.Time { return st.ModTime() }

// identity is not available in a portable way on this system.
func identity(fs.FileInfo) [2]uint64 { return [2]uint64{} }
