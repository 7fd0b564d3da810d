package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Episodes calls fn for every episode that is here, ascending by id.
func (n *Node) Episodes(ctx context.Context, fn func(*object.EpisodeRef, []byte) error) error {
	return n.Store.Objects(ctx, dataset.KindEpisode, func(o store.Object) error {
		e, err := object.Decode[object.EpisodeRef](o.Raw)
		if err != nil {
			return fmt.Errorf("episode %s: %w", o.ID.Short(), err)
		}
		return fn(e, o.Raw)
	})
}

// CallOf is the receipt of the tool call that an episode of `mythos call` is about:
// the last one that is not of a built-in tool; of an imported episode, the last one,
// which has what was asked and answered.
func (n *Node) CallOf(ctx context.Context, e *object.EpisodeRef) (*ledger.Receipt, error) {
	for _, id := range slices.Backward(e.TraceRef.ReceiptIDs) {
		r, err := n.Source().Receipt(ctx, id)
		if err != nil {
			return nil, err
		}
		if r.ToolID == dataset.ToolImport {
			return r, nil
		}
		if _, builtin := n.Gate.BuiltinName(r.ToolID); !builtin {
			return r, nil
		}
	}
	return nil, fmt.Errorf("episode %s calls no tool: %w", e.EpisodeID.Short(), store.ErrNotFound)
}

// RequestOf is the hash of what the call of an episode asked; of an episode without a
// call, or that is not here, its own id.
func (n *Node) RequestOf(ctx context.Context, episode object.Hash) (object.Hash, error) {
	raw, err := n.Source().Episode(ctx, episode)
	var r *ledger.Receipt
	if err == nil {
		var e *object.EpisodeRef
		if e, err = object.Decode[object.EpisodeRef](raw); err == nil {
			r, err = n.CallOf(ctx, e)
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

// Sample is one episode as tools see it: what was asked and answered, and what
// signals say about it.
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

var signalTypes = map[uint8]string{dataset.Reward: "reward", dataset.Label: "label", dataset.Constraint: "constraint"}

// Sample gathers what tools are shown of an episode. Request and response must
// have been captured.
func (n *Node) Sample(ctx context.Context, id object.Hash) (*Sample, error) {
	src := n.Source()
	raw, err := src.Episode(ctx, id)
	if err != nil {
		return nil, err
	}
	e, err := object.Decode[object.EpisodeRef](raw)
	if err != nil {
		return nil, err
	}
	r, err := n.CallOf(ctx, e)
	if err != nil {
		return nil, err
	}
	request, err := n.Store.Bytes(ctx, r.RequestHash)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("episode %s: its request was not captured: %w", id.Short(), err)
	}
	if err != nil {
		return nil, err
	}
	response, err := n.Store.Bytes(ctx, r.ResponseHash)
	if err != nil {
		return nil, err
	}
	s := &Sample{Episode: id, Tool: n.ToolName(ctx, r.ToolID), Status: r.Status, Request: string(request), Response: string(response), Signals: []SampleSignal{}}
	raws, err := src.Signals(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, raw := range raws {
		g, _, err := dataset.OpenSignal(raw)
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
	s := SampleSignal{Type: signalTypes[kind]}
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

// scored is one signal in a scorer's response.
type scored struct {
	Type  string          `json:"type"`
	Kind  string          `json:"kind"`
	Value json.RawMessage `json:"value"`
}

// scorerRequest is what a scorer is asked.
type scorerRequest struct {
	Episode  object.Hash `json:"episode"`
	Request  string      `json:"request_text"`
	Response string      `json:"response_text"`
}

// Score runs a scorer over one episode, as a keyed effect without an episode of
// its own, and signs the signals that it answers with.
func (n *Node) Score(ctx context.Context, tool exec.Tool, episode object.Hash, chains []caps.Chain) ([][]byte, *Called, error) {
	s, err := n.Sample(ctx, episode)
	if err != nil {
		return nil, nil, err
	}
	request, err := json.Marshal(scorerRequest{episode, s.Request, s.Response})
	if err != nil {
		return nil, nil, err
	}
	called, err := n.Call(ctx, CallSpec{Tool: tool, Request: request, Key: episode.Sum[:], Caps: chains})
	if err != nil {
		return nil, nil, err
	}
	if called.Status >= 300 {
		return nil, called, fmt.Errorf("scorer %s: status %d on episode %s", tool.Name, called.Status, episode.Short())
	}
	receipt, err := n.Source().Receipt(ctx, called.ReceiptID)
	if err != nil {
		return nil, called, err
	}
	signals, err := n.signSignals(episode, called.Body, receipt.TimeObserved)
	return signals, called, err
}

// signSignals signs what a scorer answered. The time is that of the receipt, so
// that scoring again gives the same signals.
func (n *Node) signSignals(episode object.Hash, body []byte, at object.Time) ([][]byte, error) {
	var list []scored
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("scorer's response: %w", err)
	}
	types := map[string]uint8{"reward": dataset.Reward, "label": dataset.Label, "constraint": dataset.Constraint}
	var raws [][]byte
	for _, s := range list {
		v, err := scalarFrom(s)
		if err != nil {
			return nil, err
		}
		_, raw, err := dataset.NewSignal(n.Key, episode, types[s.Type], v, at)
		if err != nil {
			return nil, err
		}
		raws = append(raws, raw)
	}
	return raws, nil
}

func scalarFrom(s scored) (v ir.Scalar, err error) {
	switch s.Kind {
	case "u64":
		var u uint64
		err = json.Unmarshal(s.Value, &u)
		v = ir.U64Scalar(u)
	case "i64":
		var i int64
		err = json.Unmarshal(s.Value, &i)
		v = ir.I64Scalar(i)
	case "text":
		var t string
		err = json.Unmarshal(s.Value, &t)
		v = ir.TextScalar(t)
	default:
		err = fmt.Errorf("value kind %q is not known (u64, i64, text)", s.Kind)
	}
	if err != nil {
		return v, fmt.Errorf("scorer's response: %w", err)
	}
	return v, nil
}
