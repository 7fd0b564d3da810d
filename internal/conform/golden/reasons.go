package golden

import (
	"errors"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/intoto"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/packet"
)

// reasons names the refusals of the specification. An error may wrap several: the
// first in this order is the name.
var reasons = []struct {
	err  error
	name string
}{
	// packets, by step (spec/wire.md#receiving)
	{packet.ErrFraming, "framing"}, {packet.ErrCodebook, "codebook"}, {packet.ErrDecode, "payload"}, {packet.ErrSignature, "packet signature"},
	{packet.ErrUntrusted, "untrusted"}, {packet.ErrPayload, "bundle"}, {packet.ErrGuard, "guard"}, {packet.ErrExpired, "expired"}, {packet.ErrReplay, "replay"},
	// the ledger (spec/ledger.md)
	{ledger.ErrIdempotencyConflict, "IdempotencyConflict"}, {ledger.ErrNonDeterministic, "NonDeterministicEffect"}, {ledger.ErrDivergent, "divergent"},
	{ledger.ErrBusy, "busy"}, {ledger.ErrUnknownOutcome, "unknown outcome"}, {ledger.ErrAbandoned, "abandoned"},
	{ledger.ErrNotRegistered, "not registered"}, {ledger.ErrNotResolvable, "not resolvable"}, {ledger.ErrNotOperator, "not an operator"}, {ledger.ErrAttempt, "not the latest attempt"},
	{mlog.ErrCheckpoint, "checkpoint"}, {intoto.ErrEnvelope, "envelope"},
	{ledger.ErrUnverifiable, "unverifiable"},
	// programs, proofs, ids, texts
	{ir.ErrInvalid, "invalid bundle"}, {ir.ErrExpr, "expression"}, {merkle.ErrProof, "proof"}, {merkle.ErrNode, "node"}, {merkle.ErrIndex, "index"},
	{object.ErrID, "id"}, {sign.ErrSignature, "signature"}, {caps.ErrText, "capability text"},
	// the codec (spec/can.md#refusals)
	{can.ErrTruncated, "truncated"}, {can.ErrTrailing, "trailing bytes"}, {can.ErrVarint, "integer"}, {can.ErrTag, "tag"}, {can.ErrUTF8, "UTF-8"},
	{can.ErrOrder, "order"}, {can.ErrDuplicate, "duplicate key"}, {can.ErrLength, "length"}, {can.ErrDepth, "depth"}, {can.ErrType, "type"},
	{can.ErrRange, "range"}, {can.ErrMissing, "missing field"}, {can.ErrInvalid, "field rule"},
}

// refused turns an error of the protocol into the result in vectors. It returns any other error unchanged.
func refused(err error) (any, error) {
	var denied *caps.DeniedError
	if errors.As(err, &denied) {
		link := denied.Link
		return refusal{Refused: denied.Check, Link: &link}, nil
	}
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			out := refusal{Refused: r.name}
			var coded *can.Error
			if errors.As(err, &coded) {
				offset := coded.Offset
				out.Offset, out.Path = &offset, coded.Path
			}
			return out, nil
		}
	}
	return nil, err
}
