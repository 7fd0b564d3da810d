package dataset

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// episodeEnv evaluates over one episode after the other, loading of each what the
// predicate asks for.
type episodeEnv struct {
	ctx     context.Context
	src     Source
	visible *idSet // nil: every signal is seen
	ahead   readAhead

	id       object.Hash
	at       int // position in what was read ahead; -1: nothing was
	raw      []byte
	signals  []seenSignal
	receipts []*ledger.Receipt
	loaded   struct{ signals, receipts bool }
	values   []ir.Scalar // what Lookup returns, valid until its next call
}

var _ ir.Env = (*episodeEnv)(nil)

// readAhead is what was read for several episodes at once.
type readAhead struct {
	raw      []byte                 // of the episodes, one after the other
	episodes []struct{ n, end int } // in raw, by position; end 0: it was not found
	signals  [][][]byte             // by position; nil: none were read
}

// readAhead reads for several episodes at once, where the source can and it pays.
func (e *episodeEnv) readAhead(ids []object.Hash, episodes, signals bool) {
	a := &e.ahead
	a.raw, a.episodes, a.signals = a.raw[:0], a.episodes[:0], nil
	if !strictlyAfter(object.Hash{}, ids) {
		return
	}
	if r, ok := e.src.(EpisodeRanger); ok && episodes {
		a.episodes = append(a.episodes, make([]struct{ n, end int }, len(ids))...)
		r.EpisodesOf(e.ctx, ids, func(at int, raw []byte) { // what is not found is read on its own
			a.raw = append(a.raw, raw...)
			a.episodes[at] = struct{ n, end int }{len(raw), len(a.raw)}
		})
	}
	if r, ok := e.src.(SignalRanger); ok && signals {
		if found, ok := r.SignalsOf(e.ctx, ids); ok {
			a.signals = found
		}
	}
}

// resetAt is reset for the episode at a position of what was read ahead.
func (e *episodeEnv) resetAt(id object.Hash, at int) {
	e.reset(id)
	if e.at = at; at < len(e.ahead.episodes) {
		if x := e.ahead.episodes[at]; x.end > 0 {
			e.raw = e.ahead.raw[x.end-x.n : x.end]
		}
	}
}

// reset makes e stand on another episode.
func (e *episodeEnv) reset(id object.Hash) {
	e.at = -1
	e.id, e.raw, e.signals, e.receipts = id, nil, e.signals[:0], e.receipts[:0]
	e.loaded.signals, e.loaded.receipts = false, false
}

// Const implements ir.Env: a query has no constants.
func (e *episodeEnv) Const(uint32) (ir.Scalar, bool) { return ir.Scalar{}, false }

// Lookup implements ir.Env.
func (e *episodeEnv) Lookup(root uint8, segments []uint32) ([]ir.Scalar, error) {
	e.values = e.values[:0]
	if root == ir.RootSignal {
		return e.lookupSignals(segments)
	}
	if err := e.load(); err != nil {
		return nil, err
	}
	v, ok, err := descend(e.raw, segments)
	if ok {
		e.values = append(e.values, v)
	}
	return e.values, err
}

func (e *episodeEnv) load() (err error) {
	if e.raw == nil {
		e.raw, err = e.src.Episode(e.ctx, e.id)
	}
	return err
}

// stratum is the canonical key of the episode's bucket; a missing key is the empty
// byte string.
func (e *episodeEnv) stratum(segments []uint32) ([]byte, error) {
	values, err := e.Lookup(ir.RootEpisode, segments)
	if err != nil {
		return nil, err
	}
	if len(values) == 0 {
		return can.AppendBytes(nil, nil), nil
	}
	return values[0].Encode()
}

// lookupSignals gives the value at the path of each signal that is seen.
func (e *episodeEnv) lookupSignals(segments []uint32) ([]ir.Scalar, error) {
	if err := e.loadSignals(); err != nil {
		return nil, err
	}
	for i := range e.signals {
		s := &e.signals[i]
		v, ok, err := s.at(segments)
		if err != nil {
			return nil, fmt.Errorf("signal %s: %w", s.ID.Short(), err)
		}
		if ok {
			e.values = append(e.values, v)
		}
	}
	return e.values, nil
}

func (e *episodeEnv) loadSignals() error {
	if e.loaded.signals {
		return nil
	}
	var raws [][]byte
	if e.at >= 0 && e.ahead.signals != nil {
		raws = e.ahead.signals[e.at]
	} else {
		var err error
		if raws, err = e.src.Signals(e.ctx, e.id); err != nil {
			return err
		}
	}
	for _, raw := range raws {
		n := len(e.signals)
		e.signals = append(e.signals, seenSignal{})
		s := &e.signals[n]
		if !s.see(raw) { // its field rules were checked with its signature
			if err := can.Unmarshal(raw, s); err != nil {
				return fmt.Errorf("signal: %w", err)
			}
		}
		if s.EpisodeID != e.id || !e.visible.has(s.ID) {
			e.signals = e.signals[:n]
		}
	}
	e.loaded.signals = true
	return nil
}

func (e *episodeEnv) loadReceipts() error {
	if e.loaded.receipts {
		return nil
	}
	if err := e.load(); err != nil {
		return err
	}
	var episode object.EpisodeRef
	if err := can.Unmarshal(e.raw, &episode); err != nil {
		return err
	}
	for _, id := range episode.TraceRef.ReceiptIDs {
		r, err := e.src.Receipt(e.ctx, id)
		if err != nil {
			return fmt.Errorf("receipt %s: %w", id.Short(), err)
		}
		e.receipts = append(e.receipts, r)
	}
	e.loaded.receipts = true
	return nil
}

// HasTool implements ir.Env.
func (e *episodeEnv) HasTool(tool object.Hash) (bool, error) {
	return e.anyReceipt(func(r *ledger.Receipt) bool { return r.ToolID == tool })
}

// HasStatus implements ir.Env.
func (e *episodeEnv) HasStatus(status uint64) (bool, error) {
	return e.anyReceipt(func(r *ledger.Receipt) bool { return uint64(r.Status) == status })
}

// Failed implements ir.Env.
func (e *episodeEnv) Failed() (bool, error) {
	return e.anyReceipt(func(r *ledger.Receipt) bool { return r.Status >= ir.FailedFrom })
}

// anyReceipt loads all receipts first: one that is missing is an error even when an
// earlier one decides.
func (e *episodeEnv) anyReceipt(is func(*ledger.Receipt) bool) (bool, error) {
	if err := e.loadReceipts(); err != nil {
		return false, err
	}
	for _, r := range e.receipts {
		if is(r) {
			return true, nil
		}
	}
	return false, nil
}
