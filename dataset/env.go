package dataset

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// episodeEnv evaluates over one episode, loading what the predicate asks for.
type episodeEnv struct {
	ctx      context.Context
	run      *selecting
	id       object.Hash
	raw      []byte
	episode  *object.EpisodeRef
	signals  []*Signal
	raws     [][]byte
	receipts []*ledger.Receipt
	loaded   struct{ signals, receipts bool }
}

var _ ir.Env = (*episodeEnv)(nil)

// Const implements ir.Env: a query has no constants.
func (e *episodeEnv) Const(uint32) (ir.Scalar, bool) { return ir.Scalar{}, false }

// Lookup implements ir.Env.
func (e *episodeEnv) Lookup(root uint8, segments []uint32) ([]ir.Scalar, error) {
	if root == ir.RootSignal {
		return e.lookupSignals(segments)
	}
	if err := e.load(); err != nil {
		return nil, err
	}
	v, ok, err := descend(e.raw, segments)
	if err != nil || !ok {
		return nil, err
	}
	return []ir.Scalar{v}, nil
}

func (e *episodeEnv) load() error {
	if e.raw != nil {
		return nil
	}
	raw, err := e.run.src.Episode(e.ctx, e.id)
	if err != nil {
		return err
	}
	if e.episode, err = object.Decode[object.EpisodeRef](raw); err != nil {
		return err
	}
	e.raw = raw
	return nil
}

// descend follows field numbers through nested structs to a scalar; anything else
// there is a missing value.
func descend(raw []byte, segments []uint32) (ir.Scalar, bool, error) {
	for _, num := range segments {
		if len(raw) == 0 || raw[0] != can.TagMap {
			return ir.Scalar{}, false, nil
		}
		field, err := can.Field(raw, uint64(num))
		if err != nil || field == nil {
			return ir.Scalar{}, false, err
		}
		raw = field
	}
	return scalarOf(raw)
}

func scalarOf(raw []byte) (ir.Scalar, bool, error) {
	if len(raw) == 0 {
		return ir.Scalar{}, false, nil
	}
	kind := uint8(0)
	switch raw[0] {
	case can.TagFalse, can.TagTrue:
		kind = ir.KindBool
	case can.TagUint:
		kind = ir.KindU64
	case can.TagInt:
		kind = ir.KindI64
	case can.TagBytes:
		kind = ir.KindBytes
	case can.TagText:
		kind = ir.KindText
	case can.TagMap:
		h, err := object.Decode[object.Hash](raw)
		if err != nil {
			return ir.Scalar{}, false, nil //nolint:nilerr // another struct: no scalar
		}
		return ir.HashScalar(*h), true, nil
	default:
		return ir.Scalar{}, false, nil
	}
	v, err := ir.ParseScalar(kind, raw)
	return v, err == nil, err
}

// lookupSignals gives the value at the path of each signal that is seen.
func (e *episodeEnv) lookupSignals(segments []uint32) ([]ir.Scalar, error) {
	if err := e.loadSignals(); err != nil {
		return nil, err
	}
	var values []ir.Scalar
	for i, s := range e.signals {
		v, ok, err := signalValue(s, e.raws[i], segments)
		if err != nil {
			return nil, err
		}
		if ok {
			values = append(values, v)
		}
	}
	return values, nil
}

func signalValue(s *Signal, raw []byte, segments []uint32) (ir.Scalar, bool, error) {
	if len(segments) == 0 || segments[0] != 5 {
		return descend(raw, segments)
	}
	if len(segments) > 2 || (len(segments) == 2 && segments[1] != uint32(s.SignalType)) {
		return ir.Scalar{}, false, nil
	}
	v, err := ir.ParseScalar(s.ValueKind, s.ValueBytes)
	return v, err == nil, err
}

func (e *episodeEnv) loadSignals() error {
	if e.loaded.signals {
		return nil
	}
	raws, err := e.run.src.Signals(e.ctx, e.id)
	if err != nil {
		return err
	}
	for _, raw := range raws {
		s, id, err := OpenSignal(raw)
		if err != nil {
			continue // only signals whose signature verifies are seen
		}
		if _, ok := e.run.visible[id]; !ok && e.run.visible != nil {
			continue
		}
		e.signals, e.raws = append(e.signals, s), append(e.raws, raw)
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
	for _, id := range e.episode.TraceRef.ReceiptIDs {
		r, err := e.run.src.Receipt(e.ctx, id)
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
