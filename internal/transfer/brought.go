package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// ErrNotBrought means that a tree has a part that the pushing agent sent neither now nor before. The error is the same
// whether others have sent that part or nobody has, so a pusher learns nothing about what is stored.
var ErrNotBrought = errors.New("the push is not whole: not every part was sent, now or in the last days by the same agent")

// broughtKeys, the number of the span, the agent's key and the part's name record that an agent sent a part.
const broughtKeys = kv.Brought

// broughtSpan is how long it is at least remembered that an agent sent a part; twice that at most. Later the agent
// sends it again, and is charged again.
const broughtSpan = 7 * 24 * time.Hour

// Pusher is an agent that pushes under a capability. What it sends is charged to the capability and recorded as sent in
// one update, once it is durable: an interrupted push is charged for exactly what arrived. A Pusher is for one push.
type Pusher struct {
	n     *Transfer
	agent object.AgentID
	chain caps.Chain
	use   scope.Use // blob.write in the namespace

	now map[Key]bool // sent by this push
}

// Pusher returns a pusher for one push of an agent, under a blob.write capability that was authorized for the use.
func (tr *Transfer) Pusher(agent object.AgentID, chain caps.Chain, use scope.Use) *Pusher {
	return &Pusher{n: tr, agent: agent, chain: chain, use: use, now: map[Key]bool{}}
}

// Room refuses a push of more bytes than the capability allows. The error wraps caps.ErrQuota.
func (p *Pusher) Room(ctx context.Context, bytes uint64) error {
	left, err := p.n.Quotas.Left(ctx, p.chain)
	if err != nil {
		return err
	}
	if most, limited := left[scope.Bytes]; limited && bytes > most {
		return &caps.DeniedError{Check: caps.CheckQuota, Cap: p.chain[0].ID, Reason: fmt.Sprintf("%d bytes are announced, %d are left", bytes, most),
			Help: "ask for a capability with a larger max", Err: caps.ErrQuota}
	}
	return nil
}

// Has reports whether the agent sent a part before, and it is still stored.
func (p *Pusher) Has(ctx context.Context, it Item) (bool, error) {
	if mine, err := p.brought(ctx, it.Key()); err != nil || !mine {
		return false, err
	}
	return p.n.Has(ctx, it, false)
}

// brought reports whether the agent sent a part, in this push or before.
func (p *Pusher) brought(ctx context.Context, k Key) (bool, error) {
	if p.now[k] {
		return true, nil
	}
	span := int64(p.n.ID.Now()) / broughtSpan.Microseconds()
	for _, s := range []int64{span, span - 1} {
		if _, found, err := p.n.DB.Get(ctx, p.note(s, k)); err != nil || found {
			return found, err
		}
	}
	return false, nil
}

func (p *Pusher) note(span int64, k Key) string {
	return fmt.Sprintf("%s%010d/%s/%d%s", broughtKeys, span, p.agent.KeyHex(), k.Rank, k.ID)
}

// pay charges bytes without recording anything.
func (p *Pusher) pay(ctx context.Context, bytes uint64) error {
	use := p.use
	use.Size = bytes
	return p.charge(ctx, use, nil)
}

// maxNotes is how many parts one update records.
const maxNotes = 2048

// take charges durable parts, and records them as sent.
func (p *Pusher) take(ctx context.Context, parts []Item) error {
	span := int64(p.n.ID.Now()) / broughtSpan.Microseconds()
	for len(parts) > 0 {
		some := parts[:min(len(parts), maxNotes)]
		parts = parts[len(some):]
		notes, use := map[string][]byte{}, p.use
		for _, part := range some {
			notes[p.note(span, part.Key())] = []byte{}
			use.Size += part.Size
		}
		if err := p.charge(ctx, use, notes); err != nil {
			return err
		}
		for _, part := range some {
			p.now[part.Key()] = true
		}
	}
	return nil
}

// charge charges a use, and stores notes in the same update.
func (p *Pusher) charge(ctx context.Context, use scope.Use, notes map[string][]byte) error {
	return p.n.Auth.ChargeWith(ctx, p.chain, use, nil, notes)
}

// ownsBlob checks that the agent sent every part of a blob. The error wraps ErrNotBrought.
func (p *Pusher) ownsBlob(ctx context.Context, ref object.BlobRef) error {
	err := p.owns(ctx, Key{0, ref.CID})
	if err != nil {
		return err
	}
	if ref.Chunks == 0 {
		nodes := ownNodes{p.n.Store.Nodes(ctx), func(k Key) (bool, error) { return p.brought(ctx, k) }}
		if raw, err := nodes.Node(ref.CID); err != nil || !tree.Is(raw) {
			return nil //nolint:nilerr // it is one byte string, or a list
		}
		return unbrought(ownsTree(nodes, ref.CID, func(ref object.BlobRef) error { return p.ownsBlob(ctx, ref) }))
	}
	tree, err := merkle.OpenChunks(p.n.Store.Nodes(ctx), ref.CID)
	if err == nil {
		err = tree.Nodes(func(cid object.Hash, _ []byte) error { return p.owns(ctx, Key{0, cid}) })
	}
	if err == nil {
		err = tree.Walk(0, tree.Len(), func(_ uint64, c merkle.Chunk) error { return p.owns(ctx, Key{0, c.Hash}) })
	}
	return unbrought(err)
}

func (p *Pusher) owns(ctx context.Context, k Key) error {
	mine, err := p.brought(ctx, k)
	if err == nil && !mine {
		err = ErrNotBrought
	}
	return err
}

// unbrought gives a missing part the same error as one that only others have sent.
func unbrought(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return ErrNotBrought
	}
	return err
}

// Whole checks that everything below root is stored and undamaged and was sent by the agent, and asks allow for each
// blob and object. Byte strings that this push sent were verified as they arrived. The error wraps ErrNotBrought.
func (p *Pusher) Whole(ctx context.Context, root object.Hash, allow func(Part) error) error {
	w := p.n.walker(ctx, nil, func(it Item, load func() ([]byte, error)) error {
		if err := p.owns(ctx, it.Key()); err != nil {
			return err
		}
		if it.Kind == partBytes && p.now[it.Key()] {
			return ctx.Err()
		}
		data, err := load()
		if err == nil && it.Key().Rank > 0 {
			err = allow(Part{it.Kind, it.ID, data})
		}
		return err
	})
	w.mine = func(k Key) (bool, error) { return p.brought(ctx, k) }
	return unbrought(w.any(root))
}

var errMost = errors.New("as many as one update takes")

// Over marks in put what can be removed: records that are too old to count.
func (tr *Transfer) Over(ctx context.Context, put map[string][]byte) error {
	const most = 100_000 // at a time
	oldest := int64(tr.ID.Now())/broughtSpan.Microseconds() - 1
	err := tr.DB.Scan(ctx, broughtKeys, fmt.Sprintf("%s%010d", broughtKeys, oldest), func(key string, _ []byte) error {
		if len(put) >= most {
			return errMost
		}
		put[key] = nil
		return nil
	})
	if errors.Is(err, errMost) {
		err = nil
	}
	return err
}
