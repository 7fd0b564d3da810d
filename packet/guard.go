package packet

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Keys of Meta.extensions that make up the replay guard.
const (
	ExtensionNonce   = "mythos.nonce"   // 16 bytes
	ExtensionExpires = "mythos.expires" // canonical Time
)

// Guard is the replay guard of a bundle that is submitted.
type Guard struct {
	Author  object.AgentID // without hint
	Nonce   [16]byte
	Expires object.Time
}

// Key is what a receiver remembers until the guard expires. It covers only author and nonce: another signature or
// another encryption does not make a packet new.
func (g Guard) Key() object.Hash {
	id := g.Author.KeyID()
	return object.Sum(append(id.Sum[:], g.Nonce[:]...))
}

// GuardOf reads the replay guard of a bundle's canonical bytes. Errors wrap
// [ErrGuard].
func GuardOf(payload []byte) (Guard, error) {
	field, err := can.Field(payload, 1)
	if err != nil {
		return Guard{}, fmt.Errorf("%w: %w", ErrGuard, err)
	}
	meta, err := object.Decode[object.Meta](field)
	if err != nil {
		return Guard{}, fmt.Errorf("%w: meta: %w", ErrGuard, err)
	}
	g := Guard{Author: meta.Author.Bare()}
	if nonce := meta.Extensions[ExtensionNonce]; copy(g.Nonce[:], nonce) != len(nonce) || len(nonce) != len(g.Nonce) {
		return Guard{}, fmt.Errorf("%w: a nonce of %d bytes, it has %d", ErrGuard, len(nonce), len(g.Nonce))
	}
	r := can.NewReader(meta.Extensions[ExtensionExpires])
	at, err := r.Int()
	if err == nil {
		err = r.End()
	}
	if err != nil {
		return Guard{}, fmt.Errorf("%w: expiry: %w", ErrGuard, err)
	}
	g.Expires = object.Time(at)
	return g, nil
}

// Seen remembers a guard's key at least until the given time. fresh is false if it already remembers the key; of two
// concurrent calls only one gets true.
type Seen func(ctx context.Context, key object.Hash, until object.Time) (fresh bool, err error)
