package issuer

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/mythos-project/mythos/caps"
)

// How many refusals leave a receipt: so many at once, and then one in each interval. A requester can always make
// another key, so no limit per key would help.
const (
	refusedBurst = 60
	refusedEvery = time.Minute
)

// refusals bounds the refusals of one kind.
type refusals struct {
	mu     sync.Mutex
	left   *rate.Limiter
	missed uint64 // since the last one that left a receipt
}

// take reports whether a refusal may leave a receipt, and how many before it did not.
func (r *refusals) take(now time.Time) (missed uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left == nil {
		r.left = rate.NewLimiter(rate.Every(refusedEvery), refusedBurst)
	}
	if !r.left.AllowN(now, 1) {
		r.missed++
		return 0, false
	}
	missed, r.missed = r.missed, 0
	return missed, true
}

// refused leaves a receipt of why a request is denied. Strangers do not use up the allowance of those who have proved
// their identity.
func (a *asking) refused(ctx context.Context, why error) {
	of := &a.s.strangers
	if a.known {
		of = &a.s.others
	}
	missed, ok := of.take(a.s.Auth.ID.Now().Std())
	if !ok {
		return
	}
	var token *caps.ShownToken
	if a.token != nil {
		token = &a.token.ShownToken
	}
	what := a.policy.RefusedTo(a.Agent, a.q.Scope, token)
	what.Missed = missed
	if a.token != nil {
		what.TokenID = &a.token.ID
	}
	if err := a.s.Auth.Refuse(ctx, what, why); err != nil {
		a.s.door.Log().Error("the refusal left no receipt", "agent", a.Agent, "error", err)
	}
}
