package store

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store/kv"
)

// Pin protects a blob, an object or a Merkle tree from garbage collection.
type Pin struct {
	CID    object.Hash `can:"1,cid"`
	Until  object.Time `can:"2,until"` // 0: for ever
	Reason string      `can:"3,reason"`
}

// Structs describes the structs of this package.
var Structs = []object.Struct{object.Define[Pin]("Pin", object.Rule{})}

// Pin protects cid until a point in time; 0 means forever. It replaces an earlier pin.
func (p *pins) Pin(ctx context.Context, cid object.Hash, until object.Time, reason string) error {
	raw, err := can.Marshal(&Pin{cid, until, reason})
	if err != nil {
		return err
	}
	_, err = p.kv.Update(ctx, nil, map[string][]byte{kv.Pins + cid.String(): raw})
	return err
}

// ExtendPin protects cid until a point in time (0 means forever). It never shortens an existing pin.
func (p *pins) ExtendPin(ctx context.Context, cid object.Hash, until object.Time, reason string) error {
	raw, err := can.Marshal(&Pin{cid, until, reason})
	if err != nil {
		return err
	}
	key := kv.Pins + cid.String()
	for {
		kept, found, err := p.kv.Get(ctx, key)
		if err != nil {
			return err
		}
		if found {
			p, err := object.Decode[Pin](kept)
			if err != nil {
				return fmt.Errorf("%s: %w: %w", key, ErrCorrupt, err)
			}
			if p.Until == 0 || until != 0 && p.Until >= until {
				return nil
			}
		} else {
			kept = nil
		}
		ok, err := p.kv.Update(ctx, map[string][]byte{key: kept}, map[string][]byte{key: raw})
		if ok || err != nil {
			return err
		}
	}
}

// Unpin removes the pin. The error wraps ErrNotFound.
func (p *pins) Unpin(ctx context.Context, cid object.Hash) error {
	key := kv.Pins + cid.String()
	if _, found, err := p.kv.Get(ctx, key); err != nil {
		return err
	} else if !found {
		return fmt.Errorf("pin of %s: %w", cid, ErrNotFound)
	}
	_, err := p.kv.Update(MakingRoom(ctx), nil, map[string][]byte{key: nil})
	return err
}

// Pins calls fn for every pin, ascending by cid, expired ones included.
func (p *pins) Pins(ctx context.Context, fn func(Pin) error) error {
	return p.kv.Scan(ctx, kv.Pins, kv.End(kv.Pins), func(key string, raw []byte) error {
		p, err := object.Decode[Pin](raw)
		if err != nil {
			return fmt.Errorf("%s: %w: %w", key, ErrCorrupt, err)
		}
		return fn(*p)
	})
}
