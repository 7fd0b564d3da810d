// Package flock locks open files across processes, advisorily: who does not ask for the
// lock is not held up by it. A lock belongs to the open file; closing it, or the end of the
// process, frees it. On Unix it is flock(2), on Windows LockFileEx over one byte far behind
// the end of any file, so that reads and writes stay free there, too.
package flock

import "os"

// Exclusive waits until no other open file holds the lock, and takes it.
func Exclusive(f *os.File) error {
	_, err := lock(f, true, true)
	return err
}

// Shared waits until no other open file holds the lock exclusively, and takes it beside
// others who share it.
func Shared(f *os.File) error {
	_, err := lock(f, false, true)
	return err
}

// TryExclusive is Exclusive without waiting; false: another open file holds it.
func TryExclusive(f *os.File) (bool, error) { return lock(f, true, false) }

// TryShared is Shared without waiting; false: another open file holds it exclusively.
func TryShared(f *os.File) (bool, error) { return lock(f, false, false) }

// Unlock frees the lock.
func Unlock(f *os.File) error { return unlock(f) }
