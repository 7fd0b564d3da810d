//go:build !unix

package repo

import "io/fs"

// GiveBack does nothing: there is no root.
func GiveBack(string) error { return nil }

// foreign and device know nothing here: owners and file systems have no numbers.
func foreign(fs.FileInfo) string { return "" }

func device(fs.FileInfo) uint64 { return 0 }
