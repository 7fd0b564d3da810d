package golden

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/mythos-project/mythos/internal/conform/golden/input"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/internal/peer/parts"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/packet"
)

// requestIn is a signed request as it arrives, without TLS.
type requestIn struct {
	Method  string            `json:"method"`
	Target  string            `json:"target"`  // path with query
	Headers map[string]string `json:"headers"` // without "Mythos-"
	To      string            `json:"to_key"`  // who is asked
	At      int64             `json:"at_us"`   // the receiver's time
}

// requestOf says who asks, and under which capability.
func requestOf(in json.RawMessage) (any, error) {
	var v requestIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	to, err := object.ParseKey(v.To)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequest(v.Method, "http://peer"+v.Target, http.NoBody)
	if err != nil {
		return nil, err
	}
	for name, value := range v.Headers {
		r.Header.Set("Mythos-"+name, value)
	}
	agent, chain, err := auth.Proved(r, to, object.Time(v.At))
	if err != nil {
		return refusal{Refused: "unauthorized"}, nil
	}
	out := map[string]any{"agent_key": agent.KeyHex()}
	if len(chain) > 0 {
		out["cap_id"] = chain[0].ID
	}
	return out, nil
}

type frameOut struct {
	Kind string      `json:"kind"`
	ID   object.Hash `json:"id"`
	Data input.Hex   `json:"data"`
}

// framesOf reads a stream of frames to the one that ends it.
func framesOf(in json.RawMessage) (any, error) {
	var v bytesIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	frames := []frameOut{}
	err := parts.Frames(bytes.NewReader(v.Bytes), func(f packet.Frame) error {
		frames = append(frames, frameOut{f.Kind, f.ID, bytes.Clone(f.Data)})
		return nil
	})
	if err != nil {
		return refusal{Refused: "frame"}, nil
	}
	return map[string][]frameOut{"frames": frames}, nil
}
