// Package episodes reads, redacts and imports episodes.
package episodes

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/imported"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/authority"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/toolbox"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Episodes reads, redacts and imports episodes.
type Episodes struct {
	ID      *identity.Identity
	Store   *store.Store
	Gate    *exec.Gate
	Source  *dataset.StoreSource
	Toolbox *toolbox.Toolbox
	Auth    *authority.Authority
	Rules   string // the setting redact: a file of rules by which everything that leaves must be redacted; empty: none
}

// Each calls fn for every stored episode, ascending by id.
func (ep *Episodes) Each(ctx context.Context, fn func(*object.EpisodeRef, []byte) error) error {
	return ep.Store.Objects(ctx, dataset.KindEpisode, func(o store.Object) error {
		e, err := object.Decode[object.EpisodeRef](o.Raw)
		if err != nil {
			return fmt.Errorf("episode %s: %w", o.ID.Short(), err)
		}
		return fn(e, o.Raw)
	})
}

// CallOf returns the receipt of the tool call that an episode of `mythos call` is about: the last one that is not of a
// built-in tool. For an imported episode it is the last receipt, which has the request and the response.
func (ep *Episodes) CallOf(ctx context.Context, e *object.EpisodeRef) (*ledger.Receipt, error) {
	for _, id := range slices.Backward(e.TraceRef.ReceiptIDs) {
		r, err := ep.Source.Receipt(ctx, id)
		if err != nil {
			return nil, err
		}
		if r.ToolID == imported.Tool {
			return r, nil
		}
		if _, builtin := ep.Gate.BuiltinName(r.ToolID); !builtin {
			return r, nil
		}
	}
	return nil, fmt.Errorf("episode %s calls no tool: %w", e.EpisodeID.Short(), store.ErrNotFound)
}

// RequestOf returns the hash of the request of an episode's call; for an episode that has no call or is not stored, its
// own id.
func (ep *Episodes) RequestOf(ctx context.Context, episode object.Hash) (object.Hash, error) {
	raw, err := ep.Source.Episode(ctx, episode)
	var r *ledger.Receipt
	if err == nil {
		var e *object.EpisodeRef
		if e, err = object.Decode[object.EpisodeRef](raw); err == nil {
			r, err = ep.CallOf(ctx, e)
		}
	}
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, ledger.ErrNotFound) {
		return episode, nil
	}
	if err != nil {
		return object.Hash{}, fmt.Errorf("episode %s: %w", episode.Short(), err)
	}
	return r.RequestHash, nil
}

// Sample is one episode as tools see it: the request, the response, and its signals.
type Sample struct {
	Episode  object.Hash    `json:"episode"`
	Tool     string         `json:"tool"`
	Status   uint16         `json:"status"`
	Request  string         `json:"request_text"`
	Response string         `json:"response_text"`
	Signals  []SampleSignal `json:"signals"`
}

// SampleSignal is a signal of a Sample.
type SampleSignal struct {
	Type  string `json:"type"` // reward, label or constraint
	Kind  string `json:"kind"` // i64, u64, bytes, text or hash
	Value any    `json:"value"`
}

// Sample gathers what tools see of an episode. Request and response must have been captured.
func (ep *Episodes) Sample(ctx context.Context, id object.Hash) (*Sample, error) {
	src := ep.Source
	raw, err := src.Episode(ctx, id)
	if err != nil {
		return nil, err
	}
	e, err := object.Decode[object.EpisodeRef](raw)
	if err != nil {
		return nil, err
	}
	r, err := ep.CallOf(ctx, e)
	if err != nil {
		return nil, err
	}
	request, err := ep.Store.Bytes(ctx, r.RequestHash)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("episode %s: its request was not captured: %w", id.Short(), err)
	}
	if err != nil {
		return nil, err
	}
	response, err := ep.Store.Bytes(ctx, r.ResponseHash)
	if err != nil {
		return nil, err
	}
	s := &Sample{Episode: id, Tool: ep.Toolbox.Name(ctx, r.ToolID), Status: r.Status, Request: string(request), Response: string(response), Signals: []SampleSignal{}}
	raws, err := src.Signals(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, raw := range raws {
		g, _, err := signal.Open(raw)
		if err != nil {
			return nil, err
		}
		v, known, err := g.Value()
		if err != nil {
			return nil, err
		}
		if known {
			s.Signals = append(s.Signals, sampleSignal(g.SignalType, v))
		}
	}
	return s, nil
}

func sampleSignal(kind uint8, v ir.Scalar) SampleSignal {
	s := SampleSignal{Type: signal.TypeName(kind)}
	switch v.Kind() {
	case ir.KindI64:
		s.Kind, s.Value = "i64", v.Int()
	case ir.KindU64:
		s.Kind, s.Value = "u64", v.Uint()
	case ir.KindText:
		s.Kind, s.Value = "text", v.Data()
	case ir.KindBytes:
		s.Kind, s.Value = "bytes", v.String()
	default:
		s.Kind, s.Value = "hash", v.String()
	}
	return s
}
