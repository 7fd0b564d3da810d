package ledger

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"github.com/mythos-project/mythos/object"
)

// Report is what Verify found; it found everything in order when its error is nil.
type Report struct {
	Entries      uint64   `json:"entries"`
	Receipts     uint64   `json:"receipts"`
	Effects      uint64   `json:"effects"`
	Divergent    uint64   `json:"divergent"`
	Pending      uint64   `json:"pending"`
	Unverifiable uint64   `json:"unverifiable"` // commits and marks by agents that are not known here
	Root         [32]byte `json:"-"`            // of the log, recomputed from its leaves
}

// verifyPage is how many entries, or effects, are held in memory at a time.
const verifyPage = 2048

// Verify reads the whole ledger and recomputes everything: the log's hashes and
// root from the leaves, each signature once, on all processors, the index of
// receipts, and each effect's history by the state machine ([Audit]). It holds
// a page of entries at a time, and stops at the first thing that is wrong, which
// the error names. What is appended meanwhile is left to the next time.
func (l *Ledger) Verify(ctx context.Context) (Report, error) {
	size, err := l.Size(ctx)
	if err != nil {
		return Report{}, err
	}
	_, whole, err := l.kv.Get(ctx, toolsMark)
	if err != nil {
		return Report{}, err
	}
	v := &verifier{l: l, size: size, toolsWhole: whole, keys: newKeyring(append([]object.AgentID{l.self.agent}, l.Known...)...)}
	for v.edge.size < size {
		if err := v.page(ctx); err != nil {
			return v.report(), err
		}
	}
	if err := v.tail(ctx); err != nil {
		return v.report(), err
	}
	if err := v.receiptIndex(ctx); err != nil {
		return v.report(), err
	}
	err = v.histories(ctx)
	return v.report(), err
}

// verifier is one run of Verify.
type verifier struct {
	l    *Ledger
	size uint64
	keys *keyring
	edge frontier // of what was verified

	toolsWhole bool     // the list of tools is
	tools      sync.Map // whose place in it was looked at, by id

	receipts, keyed, held       atomic.Uint64 // distinct receipts; entries that must be, and are, in histories
	effects, divergent, pending atomic.Uint64
	unverifiable                atomic.Uint64
}

func (v *verifier) report() Report {
	return Report{Entries: v.edge.size, Receipts: v.receipts.Load(), Effects: v.effects.Load(), Divergent: v.divergent.Load(),
		Pending: v.pending.Load(), Unverifiable: v.unverifiable.Load(), Root: v.edge.root()}
}

// parallel calls fn(0..n-1) on all processors.
func parallel(ctx context.Context, n int, fn func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(n, runtime.GOMAXPROCS(0)) {
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := fn(ctx, i); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

// page verifies the next entries: first those that name their signer, then, with
// all agents of the page known, the commits and marks.
func (v *verifier) page(ctx context.Context) error {
	first := v.edge.size
	end := min(first+verifyPage, v.size)
	leaves, err := scanValues(ctx, v.l.kv, entryKey, first, end)
	if err != nil {
		return err
	}
	entries := make([]Entry, len(leaves))
	hashes := make([]tlog.Hash, len(leaves))
	err = parallel(ctx, len(leaves), func(ctx context.Context, i int) (err error) {
		hashes[i] = tlog.RecordHash(leaves[i])
		if entries[i], err = parseEntry(first+uint64(i), leaves[i]); err != nil {
			return err
		}
		return v.named(ctx, entries[i])
	})
	if err != nil {
		return err
	}
	if err := v.hashes(ctx, first, end, hashes); err != nil {
		return err
	}
	return parallel(ctx, len(entries), func(_ context.Context, i int) error { return v.unnamed(entries[i]) })
}

// scanValues reads the values of the consecutive keys of [first, end).
func scanValues(ctx context.Context, kv KV, key func(uint64) string, first, end uint64) ([][]byte, error) {
	values := make([][]byte, 0, end-first)
	err := kv.Scan(ctx, key(first), key(end), func(k string, value []byte) error {
		if want := key(first + uint64(len(values))); k != want {
			return fmt.Errorf("%w: %s is missing", ErrEntry, want)
		}
		values = append(values, bytes.Clone(value))
		return nil
	})
	if err == nil && uint64(len(values)) != end-first {
		err = fmt.Errorf("%w: %s is missing", ErrEntry, key(first+uint64(len(values))))
	}
	return values, err
}

// named verifies an entry that names its signer, and a receipt's place in the index.
func (v *verifier) named(ctx context.Context, e Entry) error {
	_, _, signer := e.signature()
	if signer == nil {
		return nil
	}
	if err := e.verify(v.keys, nil); err != nil {
		return err
	}
	v.keys.id(*signer)
	if err := v.toolListed(ctx, e); err != nil {
		return err
	}
	if e.Receipt == nil {
		return nil
	}
	seq, err := v.l.ReceiptSeq(ctx, e.Receipt.ReceiptID)
	if err != nil {
		return fmt.Errorf("entry %d: %w: index: %w", e.Seq, ErrEntry, err)
	}
	if seq == e.Seq {
		v.receipts.Add(1)
		return nil
	}
	raw, err := v.l.receiptAt(ctx, e.Receipt.ReceiptID, seq)
	if err == nil && (seq > e.Seq || !bytes.Equal(raw, e.Raw)) {
		err = fmt.Errorf("entry %d: %w: the index has its receipt at %d", e.Seq, ErrEntry, seq)
	}
	return err
}

// unnamed verifies a commit or mark by the key id it carries.
func (v *verifier) unnamed(e Entry) error {
	if _, ok := e.IdemID(); ok && e.Receipt == nil {
		v.keyed.Add(1)
	}
	_, sig, signer := e.signature()
	switch {
	case signer != nil:
		return nil
	case sig.KeyID != nil:
		if agent, ok := v.keys.agent(*sig.KeyID); ok {
			return e.verify(v.keys, []object.AgentID{agent})
		}
	}
	return nil // its history tells whose it can be
}

// hashes compares the stored hashes of [first, end) with what the leaves give.
func (v *verifier) hashes(ctx context.Context, first, end uint64, leaves []tlog.Hash) error {
	from, to := tlog.StoredHashCount(int64(first)), tlog.StoredHashCount(int64(end))
	stored, err := scanValues(ctx, v.l.kv, func(i uint64) string { return hashKey(int64(i)) }, uint64(from), uint64(to))
	if err != nil {
		return err
	}
	for i, leaf := range leaves {
		for _, h := range v.edge.add(leaf) {
			if len(stored) == 0 || !bytes.Equal(stored[0], h[:]) {
				return fmt.Errorf("entry %d: %w: it is not what was logged", first+uint64(i), ErrEntry)
			}
			stored = stored[1:]
		}
	}
	return nil
}

// tail checks that nothing stands behind the end of the log.
func (v *verifier) tail(ctx context.Context) error {
	next := v.size
	err := v.l.kv.Scan(ctx, entryKey(v.size), afterKeys(entryKeys), func(key string, _ []byte) error {
		seq, err := seqOfKey(key)
		next = seq + 1
		return err
	})
	if err != nil {
		return err
	}
	size, err := v.l.Size(ctx)
	if err == nil && next > size {
		err = fmt.Errorf("%w: the log says %d entries, entry %d is there", ErrEntry, size, next-1)
	}
	return err
}
