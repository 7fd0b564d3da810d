package kvledger

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
)

// Report is the result of Verify. If the error is nil, everything is in order.
type Report struct {
	Entries      uint64   `json:"entries"`
	Receipts     uint64   `json:"receipts"`
	Effects      uint64   `json:"effects"`
	Divergent    uint64   `json:"divergent"`
	Pending      uint64   `json:"pending"`
	Unverifiable uint64   `json:"unverifiable"` // commits and marks by agents that are unknown here
	Root         [32]byte `json:"-"`            // of the log, recomputed from its leaves
}

// verifyPage is how many entries, or effects, are held in memory at a time.
const verifyPage = 2048

// Verify reads the whole ledger and recomputes everything: the log's hashes and root from the leaves, each signature
// once, on all processors, the indexes of receipts and effects, and each effect's history by the state machine
// ([Audit]). It holds two pages of entries at a time. It stops at the first fault and names it in the error. It does
// not check entries that are appended meanwhile.
func (l *Ledger) Verify(ctx context.Context) (Report, error) {
	end, stored, err := l.log.EdgeStored(ctx)
	if err != nil {
		return Report{}, err
	}
	v := &verifier{l: l, size: end.Size, now: l.now(),
		keys: ledger.NewKeyring(append([]object.AgentID{l.self.Agent()}, l.Known...)...), tiles: l.log.Hashes(ctx)}
	for v.edge.Size < v.size {
		if err := v.page(ctx); err != nil {
			return v.report(), err
		}
	}
	if v.size > 0 && !bytes.Equal(v.edge.Append(nil), stored) {
		return v.report(), fmt.Errorf("%w: the end of the log is not what its %d entries give", ledger.ErrEntry, v.size)
	}
	if err := v.tail(ctx); err != nil {
		return v.report(), err
	}
	if err := v.receiptIndex(ctx); err != nil {
		return v.report(), err
	}
	err = v.historyIndex(ctx)
	return v.report(), err
}

// verifier is one run of Verify.
type verifier struct {
	l      *Ledger
	size   uint64
	now    object.Time
	keys   *ledger.Keyring
	edge   mlog.Frontier    // of the verified part
	tiles  *mlog.HashReader // the stored tiles of that part
	recent window
	tools  sync.Map // ids of tools that were found in the list of tools

	receipts, keyed, held       atomic.Uint64 // distinct receipts; entries that must be, and are, in histories
	effects, divergent, pending atomic.Uint64
	unverifiable                atomic.Uint64
}

func (v *verifier) report() Report {
	return Report{Entries: v.edge.Size, Receipts: v.receipts.Load(), Effects: v.effects.Load(), Divergent: v.divergent.Load(),
		Pending: v.pending.Load(), Unverifiable: v.unverifiable.Load(), Root: v.edge.Root()}
}

// page verifies the next entries: first those that name their signer; then, with all agents of the page known, the
// commits and marks, and the histories that end here.
func (v *verifier) page(ctx context.Context) error {
	first := v.edge.Size
	end := min(first+verifyPage, v.size)
	leaves, places := make([][]byte, 0, end-first), make([]mlog.Place, 0, end-first)
	err := v.l.log.AllLeaves(ctx, first, end, func(p mlog.Place, leaf []byte) error {
		leaves, places = append(leaves, bytes.Clone(leaf)), append(places, p)
		return nil
	})
	if err != nil {
		return err
	}
	entries := make([]ledger.Entry, len(leaves))
	hashes := make([]tlog.Hash, len(leaves))
	err = par.Each(ctx, len(leaves), 0, func(ctx context.Context, i int) (err error) {
		hashes[i] = tlog.RecordHash(leaves[i])
		if entries[i], err = ledger.ParseLeaf(first+uint64(i), leaves[i]); err != nil {
			return err
		}
		return v.named(ctx, entries[i], places[i])
	})
	if err != nil {
		return err
	}
	if err := v.grow(hashes); err != nil {
		return err
	}
	err = par.Each(ctx, len(entries), 0, func(_ context.Context, i int) error { return v.unnamed(entries[i]) })
	if err != nil {
		return err
	}
	v.recent.slide(entries, places)
	return v.histories(ctx, entries)
}

// named verifies an entry that names its signer, and a receipt's place in the index.
func (v *verifier) named(ctx context.Context, e ledger.Entry, at mlog.Place) error {
	_, _, signer := e.Signature()
	if signer == nil {
		return nil
	}
	if err := e.VerifyWith(v.keys, nil); err != nil {
		return err
	}
	v.keys.ID(*signer)
	if err := v.toolListed(ctx, e); err != nil {
		return err
	}
	if e.Receipt == nil {
		return nil
	}
	p, err := v.l.receiptPlace(ctx, e.Receipt.ReceiptID)
	if err != nil {
		return fmt.Errorf("entry %d: %w: index: %w", e.Seq, ledger.ErrEntry, err)
	}
	if p == at {
		v.receipts.Add(1)
		return nil
	}
	raw, err := v.l.receiptAt(ctx, e.Receipt.ReceiptID, p)
	if err == nil && (p.Seq >= e.Seq || !bytes.Equal(raw, e.Raw)) {
		err = fmt.Errorf("entry %d: %w: the index has its receipt at %d", e.Seq, ledger.ErrEntry, p.Seq)
	}
	return err
}

// unnamed verifies a commit or mark by the key id it carries.
func (v *verifier) unnamed(e ledger.Entry) error {
	if _, ok := e.IdemID(); ok && e.Receipt == nil {
		v.keyed.Add(1)
	}
	_, sig, signer := e.Signature()
	switch {
	case signer != nil:
		return nil
	case sig.KeyID != nil:
		if agent, ok := v.keys.Agent(*sig.KeyID); ok {
			return e.VerifyWith(v.keys, []object.AgentID{agent})
		}
	}
	return nil // its history shows the possible signers
}

// grow adds leaves to the verified part, and compares the completed subtrees with the tiles.
func (v *verifier) grow(leaves []tlog.Hash) error {
	for _, leaf := range leaves {
		seq := v.edge.Size
		completed := v.edge.Add(leaf)
		has, err := v.tiles.Has(v.edge.Size, completed)
		if err != nil {
			return err
		}
		if !has {
			return fmt.Errorf("entry %d: %w: it is not what was logged", seq, ledger.ErrEntry)
		}
	}
	return nil
}

// tail checks that nothing is stored behind the end of the log.
func (v *verifier) tail(ctx context.Context) error {
	next := v.size
	err := v.l.log.Segments(ctx, v.size, 0, func(s mlog.Segment) error {
		if s.First < v.size {
			return fmt.Errorf("%w: the log says %d entries, entry %d is there", ledger.ErrEntry, v.size, v.size)
		}
		next = s.End()
		return nil
	})
	if err != nil {
		return err
	}
	size, err := v.l.Size(ctx)
	if err == nil && next > size {
		err = fmt.Errorf("%w: the log says %d entries, entry %d is there", ledger.ErrEntry, size, next-1)
	}
	return err
}
