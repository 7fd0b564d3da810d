package exec

import (
	"context"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/approval"
)

// asked sorts the chains by whether they require people's approval.
func (a *attempt) asked(chains []caps.Chain, err error) ([]caps.Chain, error) {
	if err != nil {
		return nil, err
	}
	a.ofPeople()
	return a.people.Sort(chains)
}

func (a *attempt) ofPeople() {
	e := &a.effect
	a.people = approval.Case{Approvals: a.gate.Approvals, Far: a.gate.Elsewhere(e.Tool), Probe: a.about != nil,
		Wish: approval.Wish{Tool: e.Tool, Request: e.Request, RequestHash: a.requestHash, Key: e.Key, Made: e.Manner.Made}}
	if len(a.target.evidence) > 0 {
		a.people.Module = &a.target.evidence[0]
	}
}

// named gives a call without a key a key, if people may have to approve the call.
func (a *attempt) named(ctx context.Context) error {
	key, err := a.people.Name(ctx)
	if key != nil {
		a.effect.Key, a.effect.Manner.Made = key, true
	}
	return err
}
