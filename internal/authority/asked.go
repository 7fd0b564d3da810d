package authority

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store/kv"
)

// Asked is the request behind an issued capability, by an agent with proven identity. One Key is valid for one request.
type Asked struct {
	Key   object.Hash    // of the token, or the nonce
	Agent object.AgentID // who asks
	Body  object.Hash    // of the request's bytes
	Until object.Time    // how long the Key is remembered
}

// Given is the result of a request.
type Given struct {
	Link    caps.Link
	Receipt []byte // canonical Receipt, which names the proof in its evidence
	Proof   []byte // canonical IssuanceProof
	Seq     uint64 // place of the receipt in the ledger
}

// ErrAsked means that the key of a request was used for another request.
var ErrAsked = fmt.Errorf("%w: it was used for another request", caps.ErrDenied)

// answered is the value under kv.Asked and a Key.
type answered struct {
	Agent   object.AgentID `can:"1,agent"`
	Body    object.Hash    `can:"2,body"`
	Cap     object.Hash    `can:"3,cap"`
	Receipt object.Hash    `can:"4,receipt"`
	Until   object.Time    `can:"5,until"`
}

// Given returns the earlier result of a request; nil: none. The error wraps ErrAsked if another agent, or another
// request, used the key.
func (au *Authority) Given(ctx context.Context, q Asked) (*Given, error) {
	raw, err := kv.GetOrNil(ctx, au.DB, kv.Asked+q.Key.String())
	if err != nil || raw == nil {
		return nil, err
	}
	a, err := object.Decode[answered](raw)
	switch {
	case err != nil:
		return nil, err
	case !a.Agent.Same(q.Agent):
		return nil, fmt.Errorf("%w, by key %s", ErrAsked, a.Agent.KeyHex())
	case a.Body != q.Body:
		return nil, ErrAsked
	}
	chain, err := au.Chain(ctx, a.Cap)
	if err != nil {
		return nil, err
	}
	receipt, err := au.Ledger.Receipt(ctx, a.Receipt)
	if err != nil {
		return nil, err
	}
	r, _, err := ledger.OpenReceipt(receipt)
	if err != nil {
		return nil, err
	}
	proof, err := au.Store.Bytes(ctx, r.Evidence[0])
	if err != nil {
		return nil, err
	}
	return au.given(ctx, chain[0], a.Receipt, receipt, proof)
}

func (au *Authority) given(ctx context.Context, link caps.Link, id object.Hash, receipt, proof []byte) (*Given, error) {
	seq, err := au.Ledger.ReceiptSeq(ctx, id)
	return &Given{link, receipt, proof, seq}, err
}

// errTaken means that another process of the repository has used the key meanwhile.
var errTaken = errors.New("used meanwhile")

// IssueTo issues a capability for a request that the policy permits. One update has the capability, the proof, the
// receipt with its hash, and the use of the key: so each request is answered once, and nothing of a failed one is
// stored.
func (au *Authority) IssueTo(ctx context.Context, q Asked, d caps.Draft, proof []byte) (*Given, error) {
	key, link, err := au.sealed(ctx, d)
	if err != nil {
		return nil, err
	}
	why, put, err := au.Store.BytesUpdate(ctx, proof)
	if err != nil {
		return nil, err
	}
	at := kv.Asked + q.Key.String()
	with := func(receipt object.Hash) []ledger.Rider {
		return []ledger.Rider{putting(put), {Size: 1 << 9, Reads: []string{at}, Ride: func(get func(string) ([]byte, error)) (map[string][]byte, error) {
			if value, err := get(at); err != nil || value != nil {
				return nil, errors.Join(err, errTaken)
			}
			raw, err := can.Marshal(&answered{q.Agent, q.Body, link.ID, receipt, q.Until})
			return map[string][]byte{at: raw}, err
		}}}
	}
	id, receipt, err := au.issued(ctx, key, link, with, why)
	if errors.Is(err, errTaken) {
		return au.Given(ctx, q)
	}
	if err != nil {
		return nil, err
	}
	return au.given(ctx, link, id, receipt, proof)
}

// Refuse records a receipt for a denied request, and stores the receipt's content.
func (au *Authority) Refuse(ctx context.Context, what caps.Refused, why error) error {
	raw, err := can.Marshal(&what)
	if err == nil {
		_, err = au.Store.PutBytes(ctx, raw)
	}
	if err != nil {
		return err
	}
	err = au.Gate.Refuse(ctx, exec.Effect{Tool: exec.BuiltinID(effectIssue), Request: raw}, exec.StatusDenied, why)
	var refused *exec.RefusedError
	if errors.As(err, &refused) && !refused.ReceiptID.IsZero() {
		return nil
	}
	return err
}

// Over adds the keys of requests that can no longer be repeated to the removals.
func (au *Authority) Over(ctx context.Context, put map[string][]byte) error {
	now := au.ID.Now()
	return au.DB.Scan(ctx, kv.Asked, kv.End(kv.Asked), func(key string, raw []byte) error {
		a, err := object.Decode[answered](raw)
		if err == nil && a.Until < now {
			put[key] = nil
		}
		return err
	})
}
