package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/probed"
	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
)

// probed settles an unknown outcome by the finding of a probe.
func (s *Service) probed(w http.ResponseWriter, r *http.Request) {
	a, err := s.settle(w, r)
	s.answer(w, r, a, err)
}

func (s *Service) settle(w http.ResponseWriter, r *http.Request) (*wire.Answer, error) {
	c, err := s.capable(r)
	if err == nil {
		c.idem, err = peer.PathHash(r, "id")
	}
	if err != nil {
		return nil, err
	}
	leave, err := s.door.Enter(r, c.agent)
	if err != nil {
		return nil, err
	}
	defer leave()
	q, err := body[wire.Probed](s, w, r)
	if err != nil {
		return nil, err
	}
	if len(q.Ask.Key) == 0 || ledger.IdemID(q.Ask.ToolID, q.Ask.Key) != c.idem {
		return nil, fmt.Errorf("%w: tool and key are not those of effect %s", object.ErrInvalid, c.idem.Short())
	}
	if _, _, err := s.authority(r.Context(), c, &q.Ask); err != nil {
		return nil, err
	}
	ctx := context.WithoutCancel(r.Context())
	found, receipt, err := s.finding(ctx, c, q)
	if err != nil {
		return nil, err
	}
	if !*found.Happened {
		return s.again(ctx, c, q, receipt)
	}
	return s.happened(ctx, c, q, found, receipt)
}

// finding returns the answer of a probe whose receipt is stored here and is about this very attempt.
func (s *Service) finding(ctx context.Context, c caller, q *wire.Probed) (p probed.Answer, receipt object.Hash, err error) {
	e, err := ledger.ParseEntry(ledger.EntryReceipt, q.Receipt)
	if err == nil {
		err = kvledger.Elsewhere{Ledger: s.Ledger}.Verify(e, c.agent)
	}
	if err != nil {
		return p, receipt, err
	}
	rec := e.Receipt
	tool, err := s.Tools.Get(ctx, q.Ask.ToolID)
	unknown := errors.Is(err, exec.ErrNoTool)
	if err != nil && !unknown {
		return p, receipt, err
	}
	switch _, err = s.Ledger.ReceiptSeq(ctx, rec.ReceiptID); {
	case errors.Is(err, ledger.ErrNotFound):
		err = fmt.Errorf("%w: the receipt of the probe is not recorded here", object.ErrInvalid)
	case err != nil:
	case rec.ToolID == q.Ask.ToolID || !unknown && (tool.Policy.Probe == nil || *tool.Policy.Probe != rec.ToolID):
		err = fmt.Errorf("%w: tool %s is not the probe of tool %s here", object.ErrInvalid, rec.ToolID.Short(), q.Ask.ToolID.Short())
	case rec.Status != exec.StatusOK:
		err = fmt.Errorf("%w: the probe could not tell: status %d", object.ErrInvalid, rec.Status)
	case rec.RequestHash != object.Sum(q.Ask.Request) || rec.ResponseHash != object.Sum(q.Answer):
		err = fmt.Errorf("%w: the receipt of the probe is of another request or answer", object.ErrInvalid)
	case !slices.Contains(rec.Evidence, ledger.DoubtID(c.idem, q.About)):
		err = fmt.Errorf("%w: the probe was asked about another attempt", object.ErrInvalid)
	}
	if err != nil {
		return p, receipt, err
	}
	if p, err = probed.Parse(q.Answer); err != nil {
		err = fmt.Errorf("%w: the probe could not tell: %w", object.ErrInvalid, err)
	}
	return p, rec.ReceiptID, err
}

// again lets an effect that did not happen run again. The ledger makes the decision, which names the receipt of the
// probe.
func (s *Service) again(ctx context.Context, c caller, q *wire.Probed, receipt object.Hash) (*wire.Answer, error) {
	if q.Record != nil {
		return nil, fmt.Errorf("%w: what did not happen left nothing", object.ErrInvalid)
	}
	if seq, done, err := s.decided(ctx, c.idem, receipt); err != nil || done {
		return recorded(seq), err
	}
	_, put, err := s.Responses.BytesUpdate(ctx, q.Answer)
	if err == nil && put != nil {
		_, err = s.KV.Update(ctx, nil, put)
	}
	if err == nil {
		err = s.Ledger.Resolve(ctx, c.idem, ledger.ResolveRetry, q.About, []object.Hash{receipt}, "the probe found that it did not happen")
	}
	if err != nil {
		return nil, err
	}
	s.hub.wake(c.idem, nil)
	seq, _, err := s.decided(ctx, c.idem, receipt)
	return recorded(seq), err
}

// decided returns the position of the decision that has a receipt as its evidence.
func (s *Service) decided(ctx context.Context, idem, receipt object.Hash) (seq uint64, done bool, err error) {
	st, err := s.Ledger.Read(ctx, idem)
	if err != nil {
		return 0, false, err
	}
	i := slices.IndexFunc(st.History, func(e ledger.Entry) bool {
		return e.Resolution != nil && e.Resolution.Signer.Same(s.Self) && slices.Contains(e.Resolution.Evidence, receipt)
	})
	if i < 0 {
		return 0, false, nil
	}
	return st.History[i].Seq, true, nil
}

// happened records the outcome that a probe found, signed by the caller, whoever made the attempt [wire-155].
func (s *Service) happened(ctx context.Context, c caller, q *wire.Probed, found probed.Answer, receipt object.Hash) (*wire.Answer, error) {
	if q.Record == nil || q.Record.Commit == nil || q.Record.About == nil || *q.Record.About != q.About {
		return nil, fmt.Errorf("%w: what happened has a commit about the attempt", object.ErrInvalid)
	}
	e := &ending{s: s, c: c, q: q.Record}
	if err := e.open(); err != nil {
		return nil, err
	}
	r := e.receipt.Receipt
	if r.Status != found.Status || !bytes.Equal(q.Record.Response, found.Body) || !slices.Contains(r.Evidence, receipt) {
		return nil, fmt.Errorf("%w: the commit says something else than the probe", object.ErrInvalid)
	}
	a, err := e.record(ctx)
	if a == nil || a.Seq == nil {
		return a, err
	}
	return a, errors.Join(err, s.prove(ctx, a, q.Record.Since))
}
