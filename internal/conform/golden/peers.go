package golden

import (
	"bytes"
	"encoding/json"

	"github.com/mythos-project/mythos/internal/conform/golden/input"
	"github.com/mythos-project/mythos/internal/peer/parts"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/packet"
)

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
