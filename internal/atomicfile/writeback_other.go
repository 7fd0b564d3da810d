//go:build !linux

package atomicfile

import "os"

// startWriting has no counterpart here; the sync does all the work.
func startWriting(*os.File, int64) {}

// forget has none either.
func forget(*os.File) {}
