package query

import (
	"github.com/mythos-project/mythos/dataset/quick"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// seenSignal is a candidate signal: the fields that most queries read, and its bytes.
type seenSignal struct {
	ID        object.Hash `can:"1,signal_id"`
	EpisodeID object.Hash `can:"2,episode_id"`
	Type      uint8       `can:"3,signal_type"`
	ValueKind uint8       `can:"4,value_kind"`
	Value     []byte      `can:"5,value_bytes"`

	raw []byte
}

// see reads the fields that most queries need from a signal that was checked against its id; false if the signal does
// not have the usual form.
func (s *seenSignal) see(raw []byte) bool {
	s.raw = raw
	have := 0
	quick.Fields(raw, func(num uint64, value []byte) bool {
		ok := false
		switch num {
		case 1:
			s.ID, ok = quick.Hash(value)
		case 2:
			s.EpisodeID, ok = quick.Hash(value)
		case 3:
			s.Type, ok = quick.Byte(value)
		case 4:
			s.ValueKind, ok = quick.Byte(value)
		case fieldValue:
			s.Value, ok = quick.Bytes(value)
		}
		if ok {
			have++
		}
		return ok && have < 5
	})
	return have == 5
}

// at is the value at a path of the signal.
func (s *seenSignal) at(segments []uint32) (ir.Scalar, bool, error) {
	switch {
	case len(segments) == 2 && segments[0] == fieldSigner && segments[1] == segHash:
		return s.signer()
	case len(segments) == 0 || segments[0] != fieldValue:
		return descend(s.raw, segments)
	case len(segments) > 1 && segments[1] != 0 && segments[1] != uint32(s.Type):
		return ir.Scalar{}, false, nil
	case len(segments) < 3:
		return signal.DecodeValue(s.ValueKind, s.Value)
	case len(segments) == 3 && segments[2] == segHash:
		return hashThere(s.Value)
	}
	return ir.Scalar{}, false, nil
}

// signer is the key id of the signer.
func (s *seenSignal) signer() (ir.Scalar, bool, error) {
	raw, err := can.Field(s.raw, fieldSigner)
	if err != nil {
		return ir.Scalar{}, false, err
	}
	var agent object.AgentID
	if err := can.Unmarshal(raw, &agent); err != nil {
		return ir.Scalar{}, false, err
	}
	return ir.HashScalar(agent.KeyID()), true, nil
}
