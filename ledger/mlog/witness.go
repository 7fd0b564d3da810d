package mlog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/kv"
)

// Witness cosigns the checkpoints of other agents' logs, of each log only what
// begins with what it has cosigned before. It remembers the last one of each log
// in its store, under "l/w/" and the log's key id.
type Witness struct {
	kv     kv.KV
	signer sign.Signer
	now    func() object.Time
}

const witnessed = kv.Witnessed

// NewWitness returns the witness that signs as signer and remembers in kv.
func NewWitness(kv kv.KV, signer sign.Signer, now func() object.Time) *Witness {
	return &Witness{kv, signer, now}
}

// StaleError means that a request does not start from the checkpoint that the
// witness has cosigned last.
type StaleError struct {
	Has  uint64 // entries of the last one; 0: none
	From uint64 // what the request starts from
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("the witness has cosigned %d entries of this log, the request starts from %d", e.Has, e.From)
}

// WitnessRequest returns what a witness needs that has cosigned the log's first
// old entries (0: none yet): the body of a C2SP tlog-witness add-checkpoint
// request, which is old, the consistency proof and a fresh checkpoint by s.
func (l *Log) WitnessRequest(ctx context.Context, s sign.Signer, old uint64) ([]byte, error) {
	checkpoint, err := l.Checkpoint(ctx, s)
	if err != nil {
		return nil, err
	}
	c, err := OpenCheckpoint(checkpoint, s.Agent())
	if err != nil {
		return nil, err
	}
	proof, err := l.Prover(ctx).Consistency(old, c.Size)
	if err != nil {
		return nil, err
	}
	return append(hashLines(fmt.Sprintf("old %d", old), proof), checkpoint...), nil
}

// parseWitnessRequest takes a request apart; a bare checkpoint starts from 0.
func parseWitnessRequest(text []byte) (old uint64, proof []object.Hash, checkpoint []byte, err error) {
	digits, ok := strings.CutPrefix(string(text), "old ")
	if !ok {
		return 0, nil, text, nil
	}
	head, rest, ok := strings.Cut(digits, "\n\n")
	lines := strings.Split(head, "\n")
	if old, err = strconv.ParseUint(lines[0], 10, 62); !ok || err != nil || strconv.FormatUint(old, 10) != lines[0] || len(lines) > 1+maxProof {
		return 0, nil, nil, fmt.Errorf("%w: malformed request", ErrCheckpoint)
	}
	proof, err = parseHashLines(lines[1:])
	return old, proof, []byte(rest), err
}

// Last returns the checkpoint of a log that the witness has cosigned last, if any.
func (w *Witness) Last(ctx context.Context, log object.AgentID) (*Checkpoint, error) {
	_, c, err := w.last(ctx, log)
	return c, err
}

func (w *Witness) last(ctx context.Context, log object.AgentID) ([]byte, *Checkpoint, error) {
	text, found, err := w.kv.Get(ctx, witnessed+log.KeyID().String())
	if err != nil || !found {
		return nil, nil, err
	}
	c, err := OpenCheckpoint(text, log)
	return text, &c, err
}

// Cosign checks a request (see [Log.WitnessRequest]; a bare checkpoint will do
// as the first) of log and returns its checkpoint with the witness's cosignature
// added, which it has then durably remembered. Errors: ErrCheckpoint when it is not
// consistent with what was cosigned before, a *StaleError when that cannot be said.
func (w *Witness) Cosign(ctx context.Context, log object.AgentID, request []byte) ([]byte, error) {
	old, proof, checkpoint, err := parseWitnessRequest(request)
	if err != nil {
		return nil, err
	}
	text, last, err := w.last(ctx, log)
	if err != nil {
		return nil, err
	}
	if last != nil && last.Size != old {
		c, err := OpenCheckpoint(checkpoint, log)
		if err == nil && c.Size < last.Size {
			err = CheckConsistency(*last, c, nil)
		}
		return nil, errors.Join(err, &StaleError{last.Size, old})
	}
	if last == nil && old != 0 {
		return nil, &StaleError{0, old}
	}
	cosigned, err := Cosign(w.signer, log, checkpoint, last, proof, w.now())
	if err != nil {
		return nil, err
	}
	key := witnessed + log.KeyID().String()
	ok, err := w.kv.Update(ctx, map[string][]byte{key: text}, map[string][]byte{key: cosigned})
	if err == nil && !ok {
		err = fmt.Errorf("witness: another checkpoint of %s was cosigned meanwhile", Origin(log))
	}
	if err != nil {
		return nil, err
	}
	return cosigned, nil
}
