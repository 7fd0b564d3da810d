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

// Witness cosigns the checkpoints of other agents' logs. For each log it cosigns only a checkpoint that extends the
// last one it cosigned. It stores that one under "l/w/" and the log's key id.
type Witness struct {
	kv     kv.KV
	signer sign.Signer
	now    func() object.Time
}

const witnessed = kv.Witnessed

// NewWitness returns the witness that signs as signer and stores its state in kv.
func NewWitness(kv kv.KV, signer sign.Signer, now func() object.Time) *Witness {
	return &Witness{kv, signer, now}
}

// StaleError means that a request does not start from the last checkpoint that the witness cosigned.
type StaleError struct {
	Has  uint64 // size of that checkpoint; 0: none
	From uint64 // size at which the request starts
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("the witness has cosigned %d entries of this log, the request starts from %d", e.Has, e.From)
}

// WitnessRequest returns the request for a witness that has cosigned the log's first old entries (0: none yet): the
// body of a C2SP tlog-witness add-checkpoint request, with old, the consistency proof and a fresh checkpoint by s.
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

// parseWitnessRequest splits a request; a bare checkpoint starts from 0.
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

// Last returns the last checkpoint of a log that the witness cosigned, if any.
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

// Cosign checks a request about log (see [Log.WitnessRequest]; a bare checkpoint suffices for the first) and returns
// its checkpoint with the witness's cosignature, which it has then durably stored. Errors: ErrCheckpoint if the
// checkpoint is not consistent with the last one, a *StaleError if that cannot be decided.
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
