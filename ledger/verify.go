package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mythos-project/mythos/object"
)

// Report is what Verify found; it found everything in order when its error is nil.
type Report struct {
	Entries      uint64   `json:"entries"`
	Effects      uint64   `json:"effects"`
	Divergent    uint64   `json:"divergent"`
	Pending      uint64   `json:"pending"`
	Unverifiable uint64   `json:"unverifiable"` // marks by agents that are not known here
	Root         [32]byte `json:"-"`
}

// Verify reads the whole ledger and recomputes everything: the hash of each entry
// against the log, the root from the leaves, each signature, each history against
// the log. It stops at the first thing that is wrong, which the error names.
func (l *Ledger) Verify(ctx context.Context) (Report, error) {
	var rep Report
	size, err := l.Size(ctx)
	if err != nil {
		return rep, err
	}
	seqs, err := l.verifyLog(ctx, size, &rep)
	if err != nil {
		return rep, err
	}
	if rep.Entries != size {
		return rep, fmt.Errorf("%w: the log says %d entries, %d are there", ErrEntry, size, rep.Entries)
	}
	return rep, l.verifyHistories(ctx, seqs, &rep)
}

// verifyLog walks the leaves. It returns the number of entries that must stand in
// some history.
func (l *Ledger) verifyLog(ctx context.Context, size uint64, rep *Report) (keyed uint64, err error) {
	frontier := map[int64]tlog.Hash{}
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			h, ok := frontier[index]
			if !ok {
				return nil, fmt.Errorf("%w: hash %d", ErrEntry, index)
			}
			out[i] = h
		}
		return out, nil
	})
	known := map[object.AgentID]bool{l.signer.Agent().Bare(): true}
	agents := append([]object.AgentID{l.signer.Agent()}, l.Known...)
	err = l.Log(ctx, Filter{}, func(e Entry) error {
		if e.Seq != rep.Entries || e.Seq >= size {
			return fmt.Errorf("%w: entry %d stands where entry %d should", ErrEntry, e.Seq, rep.Entries)
		}
		for _, a := range signers(e) {
			if !known[a.Bare()] {
				known[a.Bare()] = true
				agents = append(agents, a)
			}
		}
		if err := e.Verify(agents...); errors.Is(err, ErrUnverifiable) && e.Mark != nil {
			rep.Unverifiable++
		} else if err != nil {
			return err
		}
		if _, ok := e.IdemID(); ok && e.Receipt == nil {
			keyed++
		}
		rep.Entries++
		return l.verifyHashes(ctx, e, frontier, reader)
	})
	if err != nil || size == 0 {
		return keyed, err
	}
	root, err := tlog.TreeHash(int64(size), hashReader(ctx, l.kv))
	rep.Root = root
	return keyed, err
}

// verifyHashes compares the stored hashes that an entry added with what its bytes
// give, and keeps those that later entries build on.
func (l *Ledger) verifyHashes(ctx context.Context, e Entry, frontier map[int64]tlog.Hash, reader tlog.HashReader) error {
	added, err := tlog.StoredHashes(int64(e.Seq), leaf(e.Kind, e.Raw), reader)
	if err != nil {
		return err
	}
	at := tlog.StoredHashCount(int64(e.Seq))
	for i, h := range added {
		stored, err := storedHash(ctx, l.kv, at+int64(i))
		if err != nil {
			return err
		}
		if !bytes.Equal(stored[:], h[:]) {
			return fmt.Errorf("entry %d: %w: it is not what was logged", e.Seq, ErrEntry)
		}
		frontier[at+int64(i)] = h
	}
	if len(frontier) > 1<<12 {
		prune(frontier, e.Seq+1)
	}
	return nil
}

// prune keeps the hashes of complete subtrees on the right edge of a log of n entries.
func prune(frontier map[int64]tlog.Hash, n uint64) {
	keep := map[int64]bool{}
	for level, rest := 0, n; rest > 0; level, rest = level+1, rest>>1 {
		for back := uint64(1); back <= 2 && back <= rest; back++ {
			keep[tlog.StoredHashIndex(level, int64(rest-back))] = true
		}
	}
	for index := range frontier {
		if !keep[index] {
			delete(frontier, index)
		}
	}
}

// verifyHistories reads each effect's history and checks that together they hold
// every keyed entry of the log.
func (l *Ledger) verifyHistories(ctx context.Context, keyed uint64, rep *Report) error {
	now := l.now()
	var held uint64
	err := l.Effects(ctx, func(s State) error {
		rep.Effects++
		for i, e := range s.History {
			if e.Receipt == nil {
				held++
			}
			if i > 0 && s.History[i-1].Seq >= e.Seq {
				return fmt.Errorf("effect %s: %w: its history is out of order", s.IdemID.Short(), ErrEntry)
			}
		}
		switch s.At(now) {
		case StatusDivergent:
			rep.Divergent++
		case StatusPending, StatusUnknown:
			rep.Pending++
		}
		return nil
	})
	if err == nil && held != keyed {
		err = fmt.Errorf("%w: the log has %d entries of effects with keys, the histories hold %d", ErrEntry, keyed, held)
	}
	return err
}
