package remote

import (
	"context"
	"slices"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Selector verifies what can be checked here of capabilities for effects that are recorded elsewhere: form, signatures,
// scope, window and holder. The ledger's machine decides whether their issuer is trusted and whether they were revoked.
func Selector() *caps.Verifier {
	return &caps.Verifier{Trusted: func(object.AgentID, uint8) bool { return true }, Unlisted: true}
}

// Use connects an executor to this ledger, before its first effect.
func (l *Ledger) Use(g *exec.Gate) {
	g.Ledger = l
	g.Verifier = &verifier{l, g.Verifier, Selector()}
	g.Quotas = &quotas{l, g.Quotas}
}

// far reports whether a use is charged elsewhere.
func (l *Ledger) far(use scope.Use) bool {
	return use.Kind == scope.KindToolCall && !l.Stays(use.Tool)
}

type verifier struct {
	l    *Ledger
	here exec.Verifier
	far  exec.Verifier
}

func (v *verifier) Verify(chain caps.Chain, holder object.AgentID, now object.Time) error {
	if len(chain) > 0 && v.l.elsewhere(chain) {
		return v.far.Verify(chain, holder, now)
	}
	return v.here.Verify(chain, holder, now)
}

func (v *verifier) Authorize(chain caps.Chain, holder object.AgentID, use scope.Use, now object.Time) error {
	if v.l.far(use) {
		return v.far.Authorize(chain, holder, use, now)
	}
	return v.here.Authorize(chain, holder, use, now)
}

// quotas charges the ledger's machine for effects without a key. Those with one are charged
// with their register, and what did not start is returned there with what says so.
type quotas struct {
	l *Ledger
	exec.Quotas
}

func (q *quotas) Charge(ctx context.Context, chain caps.Chain, use scope.Use) error {
	if !q.l.far(use) {
		return q.Quotas.Charge(ctx, chain, use)
	}
	body, err := can.Marshal(&wire.Ask{ToolID: use.Tool, Key: []byte{}, Request: notNil(use.Request), Caps: [][]byte{}, Price: use.Price})
	if err != nil {
		return err
	}
	a, err := q.l.answered(ctx, "/v1/charges", chain, body, persistence{once: true})
	if err != nil {
		return err
	}
	if a.Verdict == wire.Refused && a.Refusal != nil {
		return a.Refusal.Error(object.Hash{}, false, 0)
	}
	if a.Price != use.Price {
		q.l.Notef("the ledger's machine charged %d for the call: the price of tool %s is %d here", a.Price, use.Tool.Short(), use.Price)
	}
	q.l.mu.Lock()
	defer q.l.mu.Unlock()
	q.l.keyless[chain[0].ID] = chain
	return nil
}

func (q *quotas) Returning(chain caps.Chain, cost []scope.Amount, idem *object.Hash) (keys []string, ride quota.Ride, err error) {
	if q.l.elsewhere(chain) {
		return nil, uncounted, nil
	}
	return q.Quotas.Returning(chain, cost, idem)
}

// Settling does nothing: the ledger's machine reads in the receipt what was used.
func (q *quotas) Settling(chain caps.Chain, price, used uint64, idem *object.Hash) (keys []string, ride quota.Ride, err error) {
	if q.l.elsewhere(chain) {
		return nil, uncounted, nil
	}
	return q.Quotas.Settling(chain, price, used, idem)
}

// uncounted is written here for what is counted on the ledger's machine.
func uncounted(func(string) ([]byte, error)) (map[string][]byte, error) { return nil, nil }

// Return gives nothing back of what was charged elsewhere without a key, since nobody there can tell whether the tool
// started.
func (q *quotas) Return(ctx context.Context, chain caps.Chain, cost []scope.Amount) error {
	if q.l.elsewhere(chain) {
		return nil
	}
	return q.Quotas.Return(ctx, chain, cost)
}

// elsewhere reports whether a chain is for a tool whose effects the ledger's machine records.
func (l *Ledger) elsewhere(chain caps.Chain) bool {
	s, err := chain[0].Cap.Scope.Decode()
	return err == nil && slices.ContainsFunc(scope.Tools(s), func(tool object.Hash) bool { return !l.Stays(tool) })
}
