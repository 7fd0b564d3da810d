package kvledger

import (
	"context"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
)

// Checkpoint returns a signed statement of the log's size and root in the C2SP checkpoint format. A copy kept elsewhere
// reveals any later rewriting.
func (l *Ledger) Checkpoint(ctx context.Context) ([]byte, error) {
	return l.log.Checkpoint(ctx, l.self)
}

// CheckConsistent compares the log with an older checkpoint: the log must still
// begin with exactly what the checkpoint covers.
func (a *archive) CheckConsistent(ctx context.Context, old mlog.Checkpoint) error {
	return a.log.CheckConsistent(ctx, old)
}

// Merkle is the log below.
func (a *archive) Merkle() *mlog.Log { return a.log }

// Ready returns why nothing may be recorded, if anything stands against it (mlog.Log.Guard).
func (a *archive) Ready(ctx context.Context) error {
	if a.log.Guard == nil {
		return nil
	}
	return a.log.Guard(ctx)
}

// RecordEpoch records the receipt with which an epoch begins, whatever the guard says.
func (a *archive) RecordEpoch(ctx context.Context, r *ledger.Receipt, raw []byte, riders ...ledger.Rider) error {
	ok, err := a.log.Append(ctx, &mlog.Append{Leaves: [][]byte{ledger.Leaf(ledger.EntryReceipt, raw)},
		Postings: []mlog.Posting{{Key: receiptKey(r.ReceiptID), To: 1}}, Riders: riders, Unguarded: true})
	if err == nil && !ok {
		err = ledger.ErrBusy
	}
	return err
}

// Prover makes proofs about the log's present state.
func (a *archive) Prover(ctx context.Context) mlog.Prover { return a.log.Prover(ctx) }

// ProofText returns the proof that the entry at seq is in the log of a checkpoint by this
// ledger or an agent that it knows, in the C2SP tlog-proof format.
func (l *Ledger) ProofText(ctx context.Context, checkpoint []byte, seq uint64) ([]byte, error) {
	return l.Prover(ctx).Text(checkpoint, seq, append([]object.AgentID{l.self.Agent()}, l.Known...)...)
}

// WitnessRequest returns the request for a witness that has cosigned the log's first old entries (0: none yet); see
// [mlog.Log.WitnessRequest].
func (l *Ledger) WitnessRequest(ctx context.Context, old uint64) ([]byte, error) {
	return l.log.WitnessRequest(ctx, l.self, old)
}
