package peer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
)

// Moved counts what a transfer moved.
type Moved struct {
	Parts int   `json:"parts"`
	Bytes int64 `json:"bytes"`
}

// Progress is told how much of a transfer is known to be needed, and how much was
// done, in bytes.
type Progress interface {
	Total(n int64)
	Add(n int64)
}

type silent struct{}

func (silent) Total(int64) {}
func (silent) Add(int64)   {}

// minShare is what one peer is asked for at a time at least, in bytes, when there are
// several.
const minShare = 4 << 20

// Pull fetches what is missing below root. Each part is checked and stored as it
// arrives, so that a pull that was cut off goes on where it ended; at the end nothing
// below root is missing. The peers share the work: one that fails, or gives what does
// not hold, is left out from then on, and dropped is told why.
func Pull(ctx context.Context, peers []*Client, root object.Hash, chain caps.Chain, progress Progress, dropped func(*Client, error)) (Moved, error) {
	p := &pull{root: root, chain: chain, peers: peers, progress: progress, dropped: dropped, kept: map[node.Key]bool{}}
	if progress == nil {
		p.progress = silent{}
	}
	if dropped == nil {
		p.dropped = func(*Client, error) {}
	}
	if len(peers) == 0 {
		return p.moved, errors.New("no peer to pull from")
	}
	p.n = peers[0].Node
	var errs []error
	for len(p.peers) > 0 {
		from := p.peers[0]
		err := p.by(ctx, from)
		if err == nil {
			return p.moved, nil
		}
		if ctx.Err() != nil {
			return p.moved, ctx.Err()
		}
		if len(peers) == 1 {
			return p.moved, fmt.Errorf("pull %s: %w", root.Short(), err)
		}
		errs = append(errs, fmt.Errorf("%s: %w", from, err))
		p.drop(from, err)
	}
	return p.moved, fmt.Errorf("pull %s: %w", root.Short(), errors.Join(errs...))
}

type pull struct {
	n        *node.Node
	root     object.Hash
	chain    caps.Chain
	progress Progress
	dropped  func(*Client, error)

	mu    sync.Mutex
	peers []*Client // who has not failed
	moved Moved
	kept  map[node.Key]bool // what was verified and stored
}

func (p *pull) drop(c *Client, err error) {
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

// by pulls by the list that one peer gives. Should something be missing afterwards,
// what is here may be damaged: then it is read.
func (p *pull) by(ctx context.Context, lister *Client) error {
	items, err := lister.list(ctx, p.root, p.chain)
	if err != nil {
		return err
	}
	for _, deep := range []bool{false, true} {
		if err = p.fetch(ctx, items, deep); err != nil {
			return err
		}
		if err = p.n.Whole(ctx, p.root, func(k node.Key) bool { return p.kept[k] }); err == nil {
			return nil
		}
	}
	return err
}

// list asks what is below root.
func (c *Client) list(ctx context.Context, root object.Hash, chain caps.Chain) ([]node.Item, error) {
	res, err := c.Get(ctx, "/v1/trees/"+root.String(), chain)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var items []node.Item
	seen := map[node.Key]bool{}
	err = readFrames(res.Body, func(f node.Part, done func()) error {
		defer done()
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
	return items, err
}

// fetch brings what is missing: nodes and bytes first, then the blobs made of them,
// then objects.
func (p *pull) fetch(ctx context.Context, items []node.Item, deep bool) error {
	var missing [3][]node.Item
	total := uint64(0)
	for _, it := range items {
		have, err := p.n.Has(ctx, it, deep)
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
func (p *pull) share(ctx context.Context, items []node.Item) error {
	p.mu.Lock()
	peers := p.peers
	p.mu.Unlock()
	shares := divide(items, len(peers))
	var lastErr error
	for len(shares) > 0 {
		if len(peers) == 0 {
			return lastErr
		}
		left := make(chan []node.Item, len(shares))
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

// divide makes shares of items: one for a single peer, several for more.
func divide(items []node.Item, peers int) (shares [][]node.Item) {
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
	var share []node.Item
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

// take fetches a share from one peer: those parts, and no others.
func (p *pull) take(ctx context.Context, c *Client, share []node.Item) error {
	wanted, keys := map[node.Key]bool{}, make([]node.Key, len(share))
	for i, it := range share {
		keys[i] = it.Key()
		wanted[keys[i]] = true
	}
	res, err := c.signed(ctx, http.MethodPost, "/v1/trees/"+p.root.String(), p.chain, encodeKeys(keys), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	keep := p.n.Keeper(ctx)
	err = readFrames(res.Body, func(f node.Part, done func()) error {
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

// Push sends what the peer does not have of the tree below root, which must be whole
// here. The peer keeps it under a ref and says so when nothing is missing there.
func (c *Client) Push(ctx context.Context, root object.Hash, chain caps.Chain, progress Progress) (Pushed, error) {
	var done Pushed
	if progress == nil {
		progress = silent{}
	}
	if err := c.Node.Sendable(ctx, root); err != nil {
		return done, err
	}
	wanted, total, err := c.missing(ctx, root, chain)
	if err != nil {
		return done, fmt.Errorf("push %s: %w", root.Short(), err)
	}
	progress.Total(int64(total))
	keys := make([]node.Key, 0, len(wanted))
	for k := range wanted {
		keys = append(keys, k)
	}
	list := encodeKeys(keys)
	body := streamed(func(w *bufio.Writer) error {
		if err := writeFrame(w, node.Part{Kind: frameIDs, ID: root, Data: list}); err != nil {
			return err
		}
		err := c.Node.Send(ctx, root, func(k node.Key) bool { return wanted[k] }, func(p node.Part) error {
			progress.Add(int64(len(p.Data)))
			return writeFrame(w, p)
		})
		if err != nil {
			return err
		}
		return writeEnd(w, root)
	})
	defer body.Close()
	path := "/v1/trees/" + root.String() + "?" + queryBytes + "=" + strconv.FormatUint(total, 10)
	res, err := c.signed(ctx, http.MethodPut, path, chain, list, body)
	if err != nil {
		return done, fmt.Errorf("push %s: %w", root.Short(), err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&done); err != nil {
		return done, fmt.Errorf("push %s: %w", root.Short(), err)
	}
	if err := store.CheckRefName(done.Ref); err != nil {
		return done, fmt.Errorf("push %s: the peer's answer: %w", root.Short(), err)
	}
	return done, nil
}

// missing asks which parts of a tree the peer does not have, and adds up their sizes.
func (c *Client) missing(ctx context.Context, root object.Hash, chain caps.Chain) (map[node.Key]bool, uint64, error) {
	sizes := map[node.Key]uint64{}
	body := streamed(func(w *bufio.Writer) error {
		err := c.Node.Items(ctx, root, func(it node.Item) error {
			sizes[it.Key()] = it.Size
			return writeFrame(w, itemFrame(it))
		})
		if err != nil {
			return err
		}
		return writeEnd(w, root)
	})
	defer body.Close()
	res, err := c.signed(ctx, http.MethodPost, "/v1/trees/"+root.String()+"/missing", chain, nil, body)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, keySize*maxParts+1))
	if err != nil {
		return nil, 0, err
	}
	wanted, err := decodeKeys(raw)
	if err != nil {
		return nil, 0, err
	}
	total := uint64(0)
	for k := range wanted {
		size, ours := sizes[k]
		if !ours {
			return nil, 0, fmt.Errorf("the peer asks for %s, which is not part of it", k.ID.Short())
		}
		total += size
	}
	return wanted, total, nil
}

// Fetch writes a range of a blob's stored bytes: only the chunks that it touches move,
// each with the proof that it stands there. The length may be [ToEnd]. Moved counts
// proofs, too.
func (c *Client) Fetch(ctx context.Context, cid object.Hash, offset, length uint64, chain caps.Chain, w io.Writer) (Moved, error) {
	sp := span{offset, length}
	var got Moved
	res, err := c.Get(ctx, "/v1/blobs/"+cid.String()+sp.query(), chain)
	if err != nil {
		return got, err
	}
	defer res.Body.Close()
	f := &fetch{cid: cid, span: sp, out: w}
	err = readFrames(res.Body, func(p node.Part, _ func()) error {
		got.Parts++
		got.Bytes += int64(len(p.Data))
		return f.part(p)
	})
	if err == nil && !f.whole && length > 0 {
		err = errors.New("the peer sent less than the range")
	}
	if err != nil {
		return got, fmt.Errorf("fetch %s: %w", cid.Short(), err)
	}
	return got, nil
}

// fetch checks the parts of a range as they come, and writes it.
type fetch struct {
	cid   object.Hash
	span  span
	out   io.Writer
	proof []byte
	tree  *merkle.Tree
	next  uint64 // the chunk that comes next
	last  uint64
	whole bool
}

func (f *fetch) part(p node.Part) error {
	switch {
	case f.whole || f.span.length == 0:
		return errors.New("the peer sent more than the range")
	case p.Kind == frameProof && f.proof == nil:
		return f.prove(p.Data)
	case p.Kind == "bytes" && f.proof != nil:
		return f.chunk(p.Data)
	case p.Kind == "bytes" && f.tree == nil:
		return f.only(p.Data)
	}
	return fmt.Errorf("unexpected part of kind %q", p.Kind)
}

// only is a blob that is one byte string.
func (f *fetch) only(data []byte) error {
	if object.Sum(data) != f.cid {
		return fmt.Errorf("%w: the bytes are not the blob's", merkle.ErrProof)
	}
	from, to, err := f.span.within(uint64(len(data)))
	if err != nil {
		return err
	}
	f.whole = true
	_, err = f.out.Write(data[from:to])
	return err
}

// prove takes a proof; the first one tells how large chunks are, by nodes that hash to
// the cid.
func (f *fetch) prove(raw []byte) error {
	f.proof = raw
	if f.tree != nil {
		return nil
	}
	var p merkle.ChunkProof
	if err := can.Unmarshal(raw, &p); err != nil {
		return err
	}
	nodes := pathNodes{}
	for _, n := range p.Nodes {
		nodes[object.Sum(n)] = n
	}
	tree, err := merkle.OpenChunks(nodes, f.cid)
	if err != nil {
		return err
	}
	f.tree = tree
	from, to, err := f.span.within(tree.Size())
	if err != nil {
		return err
	}
	if from == to {
		return errors.New("the peer sent more than the range")
	}
	step := uint64(tree.ChunkSize())
	f.span, f.next, f.last = span{from, to - from}, from/step, (to-1)/step
	return nil
}

// chunk is the one that the proof before it is about.
func (f *fetch) chunk(data []byte) error {
	if err := merkle.VerifyChunk(f.cid, f.next, f.proof, data); err != nil {
		return fmt.Errorf("chunk %d: %w", f.next, err)
	}
	start := f.next * uint64(f.tree.ChunkSize())
	from, to := uint64(0), uint64(len(data))
	if f.span.offset > start {
		from = f.span.offset - start
	}
	if end := f.span.offset + f.span.length; end < start+to {
		to = end - start
	}
	f.proof, f.whole = nil, f.next == f.last
	f.next++
	_, err := f.out.Write(data[from:to])
	return err
}

// pathNodes are the nodes of a proof, by their hashes.
type pathNodes map[object.Hash][]byte

// Node implements merkle.NodeReader.
func (m pathNodes) Node(cid object.Hash) ([]byte, error) {
	if raw, ok := m[cid]; ok {
		return raw, nil
	}
	return nil, fmt.Errorf("%w: node %s is missing", merkle.ErrProof, cid.Short())
}
