package task

import (
	"context"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/spawn"
	"github.com/mythos-project/mythos/object"
)

// runUse returns the use that running the task of a submission needs, as for a worker of this repository's pool.
func runUse(bundle []byte) (scope.Use, error) {
	b, err := object.Decode[ir.Bundle](bundle)
	if err != nil {
		return scope.Use{}, err
	}
	if len(b.Tasks.Tasks) == 0 {
		return scope.Use{}, vm.ErrNoTask
	}
	budget := b.Tasks.Tasks[0].Budget
	return scope.Use{Kind: scope.KindComputeSpawn, Pool: spawn.LocalPool, Workers: 1, CPUus: budget.CPUus, IO: uint64(budget.IOCount)}, nil
}

// AddCharged is Add, and charges running the submission to a compute.spawn capability of its author that travels with
// it, in the same update. refund gives that back if the task is not accepted after all. Without a capability that
// covers the task's budget the error wraps caps.ErrDenied or caps.ErrQuota.
func (ta *Tasks) AddCharged(ctx context.Context, t Task, packet []byte, got *packets.Received) (refund func(context.Context) error, err error) {
	use, err := runUse(got.Bundle)
	if err != nil {
		return nil, err
	}
	check, put, err := newTask(t, packet)
	if err != nil {
		return nil, err
	}
	err = &caps.DeniedError{Check: caps.CheckActive, Reason: "the packet carries no compute.spawn capability of its author, see `mythos cap issue --to " +
		got.Author.KeyHex() + " --scope compute.spawn:local,workers=100,io=1000` where it is to run"}
	for _, chain := range got.Caps {
		if chain[0].Cap.Scope.Kind != scope.KindComputeSpawn || !chain[0].Cap.Subject.Same(got.Author) {
			continue
		}
		if err = ta.Verifier.Authorize(chain, got.Author, use, ta.ID.Now()); err != nil {
			continue
		}
		if err = ta.Auth.ChargeWith(ctx, chain, use, check, put); err == nil {
			return func(ctx context.Context) error { return ta.Quotas.Refund(ctx, chain, use) }, nil
		}
	}
	return nil, err
}

// RunCap returns the compute.spawn capability held here that a peer has issued and that covers running the bundle
// there; nil: there is none.
func (ta *Tasks) RunCap(ctx context.Context, bundle []byte, by func() (object.AgentID, error)) (caps.Chain, error) {
	held, err := ta.Auth.Held(ctx, scope.KindComputeSpawn)
	if err != nil || len(held) == 0 {
		return nil, err
	}
	use, err := runUse(bundle)
	if err != nil {
		return nil, err
	}
	peer, err := by()
	if err != nil {
		return nil, err
	}
	theirs := caps.Verifier{Trusted: func(a object.AgentID, _ uint8) bool { return a.Same(peer) }, Revoked: ta.Verifier.Revoked}
	for _, chain := range held {
		if theirs.Authorize(chain, ta.ID.Self(), use, ta.ID.Now()) == nil {
			return chain, nil
		}
	}
	return nil, nil
}
