package gateway

import (
	"context"
	"fmt"
	"net/http"

	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
)

// prove adds the proof that an answer's entry is in the log, if the caller asked for one.
func (s *Service) prove(ctx context.Context, a *wire.Answer, since *uint64) (err error) {
	if since != nil {
		a.Proof, err = s.proof(ctx, *since, *a.Seq)
	}
	return err
}

// proof returns a fresh checkpoint, with the proofs that it extends one of since entries and that it covers the given
// entries. If the log is shorter than the caller's checkpoint there is nothing to prove, and the caller sees that.
func (s *Service) proof(ctx context.Context, since uint64, seqs ...uint64) (*wire.Proof, error) {
	text, err := s.Ledger.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	c, err := mlog.OpenCheckpoint(text, s.Self)
	if err != nil {
		return nil, err
	}
	log := s.Ledger.Prover(ctx)
	p := &wire.Proof{Checkpoint: text, Consistency: []object.Hash{}, Places: []wire.Place{}}
	if since > 0 && since < c.Size {
		if p.Consistency, err = log.Consistency(since, c.Size); err != nil {
			return nil, err
		}
	}
	for _, seq := range seqs {
		hashes, err := log.Inclusion(c.Size, seq)
		if err != nil {
			return nil, err
		}
		p.Places = append(p.Places, wire.Place{Seq: seq, Hashes: hashes})
	}
	return p, nil
}

// proofs answers for recorded entries: a caller that records many at a time has them proven together.
func (s *Service) proofs(w http.ResponseWriter, r *http.Request) {
	c, err := s.capable(r)
	if err != nil {
		s.door.Refuse(w, r, err)
		return
	}
	leave, err := s.door.Enter(r, c.agent)
	if err != nil {
		s.door.Refuse(w, r, err)
		return
	}
	defer leave()
	q, err := body[wire.Prove](s, w, r)
	if err == nil && len(q.Seqs) > wire.MaxSeqs {
		err = fmt.Errorf("%w: more than %d entries", object.ErrInvalid, wire.MaxSeqs)
	}
	var p *wire.Proof
	if err == nil {
		p, err = s.proof(r.Context(), q.Since, q.Seqs...)
	}
	s.answer(w, r, &wire.Answer{Verdict: wire.Recorded, Proof: p}, err)
}
