package kvledger

import (
	"context"

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
