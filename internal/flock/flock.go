// Package flock locks open files across processes. The locks are advisory: they stop only those who ask for them. A
// lock belongs to the open file; closing the file or the end of the process releases it. On Unix it is flock(2); on
// Windows it is LockFileEx on one byte far beyond the end of any file, so that the lock does not block reads and
// writes.
package flock

import "os"

// Exclusive waits until no other open file holds the lock, and takes it.
func Exclusive(f *os.File) error {
	_, err := lock(f, true, true)
	return err
}

// Shared waits until no other open file holds the lock exclusively, and takes it together with others who share it.
func Shared(f *os.File) error {
	_, err := lock(f, false, true)
	return err
}

// TryExclusive is Exclusive without waiting; false: another open file holds it.
func TryExclusive(f *os.File) (bool, error) { return lock(f, true, false) }

// TryShared is Shared without waiting; false: another open file holds it exclusively.
func TryShared(f *os.File) (bool, error) { return lock(f, false, false) }

// Unlock releases the lock.
func Unlock(f *os.File) error { return unlock(f) }
