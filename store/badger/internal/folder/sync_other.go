//go:build !linux

package folder

import "os"

// Datasync makes the data written to f durable.
func Datasync(f *os.File) error { return f.Sync() }
