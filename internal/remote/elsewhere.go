package remote

import (
	"context"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/ledger"
)

// Post sends a retry-safe request to the machine of a ledger, until it is answered.
func Post(ctx context.Context, l *Ledger, path string, body []byte) ([]byte, error) {
	return l.post(ctx, path, nil, body, persistence{most: l.Patience})
}

// Prove proves to the holder of a capability that a receipt is in a ledger.
func Prove(ctx context.Context, l *Ledger, chain caps.Chain, seq uint64, receipt []byte) error {
	return l.pins.prove(ctx, chain, entry{seq: seq, kind: ledger.EntryReceipt, raw: receipt})
}
