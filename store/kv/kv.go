// Package kv defines a repository's key-value store: the interface [KV], and the table [Spaces] of its key spaces. No
// other package defines a prefix.
//
// Keys are text. A space is all keys with one prefix; it ends before [End] of the prefix, because no key has the byte
// 0xff.
package kv

import (
	"context"
	"errors"
	"fmt"
)

// ErrCorrupt means that stored data is not what it should be.
var ErrCorrupt = errors.New("stored bytes do not match their hash")

// ErrReadOnly means that nothing can be written here.
var ErrReadOnly = errors.New("read-only")

// What stands against a write to a repository that goes elsewhere.
var (
	ErrMoved  = fmt.Errorf("the repository was moved, and what is left here is %w", ErrReadOnly)
	ErrMoving = errors.New("the repository is being moved")
	// ErrArriving means that not all of a repository is here yet.
	ErrArriving = errors.New("the repository is still being moved here")
)

// KV is a key-value store with compare-and-set updates. It is safe for concurrent use.
type KV interface {
	// Get returns the value of key as the caller's own copy.
	Get(ctx context.Context, key string) (value []byte, found bool, err error)
	// Scan calls fn for the keys in [from, to), ascending; value is valid during fn only.
	Scan(ctx context.Context, from, to string, fn func(key string, value []byte) error) error
	// Update applies all of put (a nil value deletes) if every key in check has exactly the given value (nil: is
	// absent), and reports whether it did. The change is durable when it returns. Concurrent callers share a sync.
	Update(ctx context.Context, check, put map[string][]byte) (ok bool, err error)
}

// Many is an optional ability of a KV: reading several keys in one go. The answer leaves out absent keys.
type Many interface {
	GetMany(ctx context.Context, keys []string) (map[string][]byte, error)
}

// Turns is an optional ability of a KV with many writing processes: queueing for a key that all of them change. A turn
// does not exclude others; it avoids updates that would be refused.
type Turns interface {
	// Turn waits for the turn at a key and reads the key (nil: absent). The holder loses a turn that it does not end
	// within seconds.
	Turn(ctx context.Context, key string) (value []byte, end func(), err error)
}

// Cutter is an optional ability of a KV: reporting interrupted updates in its files.
type Cutter interface {
	Cuts(ctx context.Context) ([]Cut, error)
}

// Cut is an update that was interrupted when its process or the machine ended. Its error text says that nothing is
// wrong.
type Cut struct {
	File  string
	At    int64 // offset at which it begins
	Bytes int64 // size that it would have had
}

func (c Cut) Error() string {
	return fmt.Sprintf("the update of %d bytes at byte %d was cut off when its process or the machine ended: it was never acknowledged, so that nothing is lost", c.Bytes, c.At)
}

// End sorts after the last key with a prefix.
func End(prefix string) string { return prefix + "\xff" }

// Scan calls fn for the keys with a prefix, ascending.
func Scan(ctx context.Context, db interface {
	Scan(ctx context.Context, from, to string, fn func(key string, value []byte) error) error
}, prefix string, fn func(key string, value []byte) error) error {
	return db.Scan(ctx, prefix, End(prefix), fn)
}

// GetOrNil returns the value of key; nil if there is no such key.
func GetOrNil(ctx context.Context, db interface {
	Get(ctx context.Context, key string) (value []byte, found bool, err error)
}, key string) ([]byte, error) {
	value, found, err := db.Get(ctx, key)
	if err != nil || !found {
		return nil, err
	}
	if value == nil {
		value = []byte{}
	}
	return value, nil
}

// GetMany reads several keys, in one go if the store can. The answer leaves out absent keys, and is not a snapshot.
func GetMany(ctx context.Context, db interface {
	Get(ctx context.Context, key string) (value []byte, found bool, err error)
}, keys []string) (map[string][]byte, error) {
	if m, ok := db.(Many); ok && len(keys) > 1 {
		return m.GetMany(ctx, keys)
	}
	values := make(map[string][]byte, len(keys))
	for _, key := range keys {
		value, err := GetOrNil(ctx, db, key)
		if err != nil {
			return nil, err
		}
		if value != nil {
			values[key] = value
		}
	}
	return values, nil
}
