package query

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/dataset/pages"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Env evaluates predicates over one episode after the other. It loads only the data that the predicate reads. One
// goroutine uses it.
type Env struct {
	ctx     context.Context
	src     Evidence
	visible *Visible
	ahead   readAhead

	id       object.Hash
	at       int // position in the data read ahead; -1: nothing was read ahead
	raw      []byte
	signals  []seenSignal
	receipts []*ledger.Receipt
	loaded   struct{ signals, receipts bool }
	values   []ir.Scalar // result of Lookup, valid until its next call
}

var _ ir.Env = (*Env)(nil)

// NewEnv evaluates over the data of src; visible may be nil.
func NewEnv(src Evidence, visible *Visible) *Env {
	return &Env{src: src, visible: visible}
}

// readAhead is the data read for several episodes at once.
type readAhead struct {
	ids      []object.Hash
	columns  []valueColumn          // what pages had
	raw      []byte                 // of the episodes, one after the other
	episodes []struct{ n, end int } // in raw, by position; end 0: it was not found
	signals  [][][]byte             // by position; nil: none were read
}

func (a *readAhead) episode(at int) []byte {
	x := a.episodes[at]
	return a.raw[x.end-x.n : x.end]
}

// ReadAhead takes up several episodes, for ResetTo, and reads what a predicate reads for all
// of them at once, where the source can and it pays. Of the fields at paths it believes the pages of
// the source; without paths it reads the evidence.
func (e *Env) ReadAhead(ctx context.Context, ids []object.Hash, what Reads, paths []ir.Path) {
	e.ctx = ctx
	a := &e.ahead
	a.ids, a.columns, a.raw, a.episodes, a.signals = ids, a.columns[:0], a.raw[:0], a.episodes[:0], nil
	if !ascending(ids) {
		return
	}
	if what&ReadsEpisode != 0 {
		e.episodesAhead(what, paths)
	}
	if what&ReadsSignals != 0 {
		e.signalsAhead(paths)
	}
}

func (e *Env) episodesAhead(what Reads, paths []ir.Path) {
	a := &e.ahead
	var paged *pages.Reading
	if what&ReadsReceipts == 0 { // whoever reads receipts reads all of the episode
		paged = e.readPages(ir.RootEpisode, paths)
	}
	r, ok := e.src.(EpisodeRanger)
	if !ok || paged != nil && paged.Few() {
		return
	}
	a.episodes = append(a.episodes, make([]struct{ n, end int }, len(a.ids))...)
	ok = r.EpisodesOf(e.ctx, a.ids, func(at int, raw []byte) { // what is not found is read on its own
		a.raw = append(a.raw, raw...)
		a.episodes[at] = struct{ n, end int }{len(raw), len(a.raw)}
	})
	if ok && paged != nil {
		e.keepPages(paged, ir.RootEpisode)
	}
}

func (e *Env) signalsAhead(paths []ir.Path) {
	paged := e.readPages(ir.RootSignal, paths)
	r, ok := e.src.(SignalRanger)
	if !ok || paged != nil && paged.Few() {
		return
	}
	found, ok := r.SignalsOf(e.ctx, e.ahead.ids)
	if !ok {
		return
	}
	if e.ahead.signals = found; paged != nil {
		e.keepPages(paged, ir.RootSignal)
	}
}

// ascending reports whether ids ascend strictly.
func ascending(ids []object.Hash) bool {
	for i := 1; i < len(ids); i++ {
		if ids[i-1].Compare(ids[i]) >= 0 {
			return false
		}
	}
	return true
}

// ResetTo moves e to the episode at a position of the data read ahead.
func (e *Env) ResetTo(at int) {
	e.Reset(e.ctx, e.ahead.ids[at])
	if e.at = at; at < len(e.ahead.episodes) {
		if e.ahead.episodes[at].end > 0 {
			e.raw = e.ahead.episode(at)
		}
	}
}

// Reset moves e to another episode.
func (e *Env) Reset(ctx context.Context, id object.Hash) {
	e.ctx, e.at = ctx, -1
	e.id, e.raw, e.signals, e.receipts = id, nil, e.signals[:0], e.receipts[:0]
	e.loaded.signals, e.loaded.receipts = false, false
}

// Const implements ir.Env: a query has no constants.
func (e *Env) Const(uint32) (ir.Scalar, bool) { return ir.Scalar{}, false }

// Lookup implements ir.Env.
func (e *Env) Lookup(root uint8, segments []uint32) ([]ir.Scalar, error) {
	if values, ok := e.column(root, segments); ok {
		return values, nil
	}
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

func (e *Env) load() (err error) {
	if e.raw == nil {
		e.raw, err = e.src.Episode(e.ctx, e.id)
	}
	return err
}

// Stratum is the canonical key of the episode's bucket; the key for a missing value is the empty byte string.
func (e *Env) Stratum(segments []uint32) ([]byte, error) {
	values, err := e.Lookup(ir.RootEpisode, segments)
	if err != nil {
		return nil, err
	}
	if len(values) == 0 {
		return can.AppendBytes(nil, nil), nil
	}
	return values[0].Encode()
}

// lookupSignals returns the value at the path of each visible signal.
func (e *Env) lookupSignals(segments []uint32) ([]ir.Scalar, error) {
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

func (e *Env) loadSignals() error {
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
		if err := s.read(raw); err != nil {
			return err
		}
		if s.EpisodeID != e.id || !e.visible.Has(s.ID) {
			e.signals = e.signals[:n]
		}
	}
	e.loaded.signals = true
	return nil
}

func (e *Env) loadReceipts() error {
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
func (e *Env) HasTool(tool object.Hash) (bool, error) {
	return e.anyReceipt(func(r *ledger.Receipt) bool { return r.ToolID == tool })
}

// HasStatus implements ir.Env.
func (e *Env) HasStatus(status uint64) (bool, error) {
	return e.anyReceipt(func(r *ledger.Receipt) bool { return uint64(r.Status) == status })
}

// Failed implements ir.Env.
func (e *Env) Failed() (bool, error) {
	return e.anyReceipt(func(r *ledger.Receipt) bool { return r.Status >= ir.FailedFrom })
}

// anyReceipt loads all receipts first: a missing one is an error even if an earlier one decides.
func (e *Env) anyReceipt(is func(*ledger.Receipt) bool) (bool, error) {
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
