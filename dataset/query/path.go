package query

import (
	"github.com/mythos-project/mythos/dataset/quick"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Our own segments of a Signal path, and the fields that they follow.
const (
	segHash     = 0 // last: the hash of the value
	fieldSigner = 6
	fieldValue  = 5
)

// descend follows field numbers through nested structs to a scalar. Anything else there counts as a missing value. raw
// was checked against its id.
func descend(raw []byte, segments []uint32) (ir.Scalar, bool, error) {
	for i, num := range segments {
		if num == segHash && i == len(segments)-1 {
			return hashThere(raw)
		}
		if raw = quick.Field(raw, num); raw == nil {
			return ir.Scalar{}, false, nil
		}
	}
	return scalarOf(raw)
}

// hashThere is the segment 0: the hash of an encoded value, or the key id of an AgentID.
func hashThere(raw []byte) (ir.Scalar, bool, error) {
	return ir.HashScalar(object.Sum(raw)), len(raw) > 0, nil
}

// scalarKinds are the kinds by the first byte of an encoding.
var scalarKinds = map[byte]uint8{can.TagFalse: ir.KindBool, can.TagTrue: ir.KindBool, can.TagUint: ir.KindU64, can.TagInt: ir.KindI64,
	can.TagBytes: ir.KindBytes, can.TagText: ir.KindText, can.TagMap: ir.KindHash}

func scalarOf(raw []byte) (ir.Scalar, bool, error) {
	if len(raw) == 0 {
		return ir.Scalar{}, false, nil
	}
	kind, ok := scalarKinds[raw[0]]
	if !ok {
		return ir.Scalar{}, false, nil
	}
	v, err := ir.ParseScalar(kind, raw)
	if err != nil && kind == ir.KindHash {
		return ir.Scalar{}, false, nil // a struct other than Hash is not a scalar
	}
	return v, err == nil, err
}
