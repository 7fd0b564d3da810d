package datasets

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/object"
)

// scored is one signal in a scorer's response.
type scored struct {
	Type  string          `json:"type"`
	Kind  string          `json:"kind"`
	Value json.RawMessage `json:"value"`
}

// scorerRequest is the request to a scorer.
type scorerRequest struct {
	Episode  object.Hash `json:"episode"`
	Request  string      `json:"request_text"`
	Response string      `json:"response_text"`
}

// Score runs a scorer over one episode, as a keyed effect without an episode of its own, and signs the signals of its
// answer.
func (d *Datasets) Score(ctx context.Context, tool exec.Tool, episode object.Hash, chains []caps.Chain) ([][]byte, *calls.Called, error) {
	s, err := d.Episodes.Sample(ctx, episode)
	if err != nil {
		return nil, nil, err
	}
	request, err := json.Marshal(scorerRequest{episode, s.Request, s.Response})
	if err != nil {
		return nil, nil, err
	}
	called, err := d.Caller.Call(ctx, calls.Spec{Tool: tool, Request: request, Key: episode.Sum[:], Caps: chains})
	if err != nil {
		return nil, nil, err
	}
	if called.Status >= 300 {
		return nil, called, fmt.Errorf("scorer %s: status %d on episode %s", tool.Name, called.Status, episode.Short())
	}
	receipt, err := d.Source.Receipt(ctx, called.ReceiptID)
	if err != nil {
		return nil, called, err
	}
	signals, err := d.signSignals(episode, called.Body, receipt.TimeObserved)
	return signals, called, err
}

// signSignals signs what a scorer answered. The time is that of the receipt, so
// that scoring again gives the same signals.
func (d *Datasets) signSignals(episode object.Hash, body []byte, at object.Time) ([][]byte, error) {
	var list []scored
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("scorer's response: %w", err)
	}
	var raws [][]byte
	for _, s := range list {
		kind, err := signal.ParseType(s.Type)
		if err != nil {
			return nil, fmt.Errorf("scorer's response: %w", err)
		}
		v, err := scalarFrom(s)
		if err != nil {
			return nil, err
		}
		_, raw, err := signal.New(d.ID.Key, episode, kind, v, at)
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
