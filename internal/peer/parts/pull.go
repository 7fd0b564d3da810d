package parts

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/transfer"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
)

// minShare is the least that one peer is asked for at a time, in bytes, if there are several.
const minShare = 4 << 20

// Pull fetches what is missing below root. Each part is checked and stored as it arrives, so that an interrupted pull
// continues where it ended; at the end nothing below root is missing. The peers share the work: a peer that fails, or
// sends something invalid, is left out from then on, and dropped is called with the reason.
func Pull(ctx context.Context, peers []*peer.Client, root object.Hash, chain caps.Chain, progress Progress, dropped func(*peer.Client, error)) (Moved, error) {
	p := newPull(peers, place{root: root}, chain, progress, dropped)
	err := p.run(ctx)
	return p.moved, err
}

func newPull(peers []*peer.Client, at place, chain caps.Chain, progress Progress, dropped func(*peer.Client, error)) *pull {
	p := &pull{at: at, top: transfer.Object(at.root), chain: chain, peers: peers, progress: progress, dropped: dropped, kept: map[transfer.Key]bool{}}
	if progress == nil {
		p.progress = silent{}
	}
	if dropped == nil {
		p.dropped = func(*peer.Client, error) {}
	}
	return p
}

// run pulls from the peers until everything in the list of one of them is here.
func (p *pull) run(ctx context.Context) error {
	several := len(p.peers) > 1
	if len(p.peers) == 0 {
		return errors.New("no peer to pull from")
	}
	p.n = p.peers[0].Repo
	var errs []error
	for len(p.peers) > 0 {
		from := p.peers[0]
		err := p.by(ctx, from)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !several {
			return fmt.Errorf("pull %s: %w", p.at.root.Short(), err)
		}
		errs = append(errs, fmt.Errorf("%s: %w", from, err))
		p.drop(from, err)
	}
	return fmt.Errorf("pull %s: %w", p.at.root.Short(), errors.Join(errs...))
}

type pull struct {
	n        *repo.Repo
	at       place
	top      transfer.Top // what stands there
	entry    tree.Entry   // at the path, once a peer has proved it
	chain    caps.Chain
	progress Progress
	dropped  func(*peer.Client, error)

	mu    sync.Mutex
	peers []*peer.Client // those that have not failed
	moved Moved
	kept  map[transfer.Key]bool // what was verified and stored
}

func (p *pull) drop(c *peer.Client, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, have := range p.peers {
		if have == c {
			p.peers = append(p.peers[:i:i], p.peers[i+1:]...)
			p.dropped(c, err)
			return
		}
	}
}

// by pulls by the list of one peer. If something is missing afterwards, stored parts may be damaged: then they are
// read.
func (p *pull) by(ctx context.Context, lister *peer.Client) error {
	items, err := p.list(ctx, lister)
	if err != nil {
		return err
	}
	for _, deep := range []bool{false, true} {
		if err = p.fetch(ctx, items, deep); err != nil {
			return err
		}
		if err = p.n.Transfer.Whole(ctx, p.top, func(k transfer.Key) bool { return p.kept[k] }); err == nil {
			return nil
		}
	}
	return err
}

// list asks what is below the place. For a path, the proof of its entry comes first.
func (p *pull) list(ctx context.Context, c *peer.Client) ([]transfer.Item, error) {
	res, err := c.Get(ctx, p.at.url(), p.chain)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var items []transfer.Item
	seen := map[transfer.Key]bool{}
	open := p.opening()
	err = readFrames(res.Body, func(f transfer.Part, done func()) error {
		defer done()
		if opens, err := open(f); opens || err != nil {
			return err
		}
		it, err := frameItem(f)
		if err != nil {
			return err
		}
		if len(items) >= maxParts {
			return fmt.Errorf("more than %d parts", maxParts)
		}
		if !seen[it.Key()] {
			items = append(items, it)
		}
		seen[it.Key()] = true
		return nil
	})
	if err == nil {
		_, err = open(transfer.Part{Kind: frameEnd})
	}
	return items, err
}

// opening reads the first frame of an answer for a path, and continues with the entry that it proves.
func (p *pull) opening() func(transfer.Part) (bool, error) {
	opened := len(p.at.path) == 0
	return func(f transfer.Part) (bool, error) {
		if opened {
			return false, nil
		}
		e, err := p.at.opening(f)
		if err == nil {
			opened = true
			p.mu.Lock()
			p.entry, p.top = e, transfer.Below(e)
			p.mu.Unlock()
		}
		return true, err
	}
}

// fetch fetches what is missing: nodes and bytes first, then the blobs made of them, then objects.
func (p *pull) fetch(ctx context.Context, items []transfer.Item, deep bool) error {
	var missing [3][]transfer.Item
	total := uint64(0)
	for _, it := range items {
		have, err := p.n.Transfer.Has(ctx, it, deep)
		if err != nil {
			return err
		}
		if !have {
			rank := it.Key().Rank
			missing[rank] = append(missing[rank], it)
			total += it.Size
		}
	}
	p.progress.Total(int64(total))
	for _, rank := range missing {
		if err := p.share(ctx, rank); err != nil {
			return err
		}
	}
	return nil
}

// share divides items among the peers that have not failed.
func (p *pull) share(ctx context.Context, items []transfer.Item) error {
	p.mu.Lock()
	peers := p.peers
	p.mu.Unlock()
	shares := divide(items, len(peers))
	var lastErr error
	for len(shares) > 0 {
		if len(peers) == 0 {
			return lastErr
		}
		left := make(chan []transfer.Item, len(shares))
		for _, s := range shares {
			left <- s
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		for _, c := range peers {
			wg.Go(func() {
				for ctx.Err() == nil {
					select {
					case s := <-left:
						if err := p.take(ctx, c, s); err != nil {
							left <- s
							mu.Lock()
							lastErr = fmt.Errorf("%s: %w", c, err)
							mu.Unlock()
							if len(peers) > 1 {
								p.drop(c, err)
							}
							return
						}
					default:
						return
					}
				}
			})
		}
		wg.Wait()
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(left) > 0 && len(peers) == 1 {
			return lastErr
		}
		shares = shares[:0]
		for len(left) > 0 {
			shares = append(shares, <-left)
		}
		p.mu.Lock()
		peers = p.peers
		p.mu.Unlock()
	}
	return nil
}

// divide splits items into shares: one for a single peer, several for more.
func divide(items []transfer.Item, peers int) (shares [][]transfer.Item) {
	if len(items) == 0 {
		return nil
	}
	total := uint64(0)
	for _, it := range items {
		total += it.Size + 32
	}
	most := total
	if peers > 1 {
		most = max(minShare, total/uint64(8*peers))
	}
	var share []transfer.Item
	size := uint64(0)
	for _, it := range items {
		if share = append(share, it); size+it.Size+32 > most {
			shares, share, size = append(shares, share), nil, 0
			continue
		}
		size += it.Size + 32
	}
	if len(share) > 0 {
		shares = append(shares, share)
	}
	return shares
}

// take fetches a share from one peer: exactly those parts.
func (p *pull) take(ctx context.Context, c *peer.Client, share []transfer.Item) error {
	wanted, keys := map[transfer.Key]bool{}, make([]transfer.Key, len(share))
	for i, it := range share {
		keys[i] = it.Key()
		wanted[keys[i]] = true
	}
	res, err := c.Post(ctx, p.at.url(), p.chain, encodeKeys(keys))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	keep := p.n.Transfer.Intake(ctx)
	open := p.opening()
	err = readFrames(res.Body, func(f transfer.Part, done func()) error {
		if opens, err := open(f); opens || err != nil {
			done()
			return err
		}
		if !wanted[f.Key()] {
			return fmt.Errorf("part %s was not asked for", f.ID.Short())
		}
		delete(wanted, f.Key())
		p.mu.Lock()
		p.moved.Parts++
		p.moved.Bytes += int64(len(f.Data))
		p.mu.Unlock()
		p.progress.Add(int64(len(f.Data)))
		return keep.Add(f, done)
	})
	if err = errors.Join(err, keep.Flush()); err == nil && len(wanted) > 0 {
		err = fmt.Errorf("%d of %d parts were not given", len(wanted), len(share))
	}
	if err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, k := range keys {
			p.kept[k] = true
		}
	}
	return err
}
