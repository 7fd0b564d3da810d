package approval

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Case is the approval of one attempt at a call.
type Case struct {
	*Approvals      // nil: nobody can be asked here
	Wish            // of the attempt, whatever its chain
	Far        bool // another machine asks people and records the attempt
	Probe      bool // it is a probe, which needs no approval
	agreed     []object.Hash
	bound      []caps.Chain // chains that require approval
}

// Sort puts the chains first that require no approval, and leaves out those that require one if nobody can be asked.
func (c *Case) Sort(chains []caps.Chain) ([]caps.Chain, error) {
	ordered, free, err := Order(chains, !c.Probe && (c.Far || c.Approvals != nil))
	if err == nil {
		c.bound = ordered[free:]
	}
	return ordered, err
}

// Name gives a call without a key a key, if people may have to approve it: they approve one call. nil: it needs none.
func (c *Case) Name(ctx context.Context) (key []byte, err error) {
	switch {
	case len(c.Wish.Key) > 0 || len(c.bound) == 0:
		return nil, nil
	case c.Far:
		return nil, Keyless(c.bound[0])
	}
	if key, err = c.Approvals.Key(ctx, c.Wish, c.bound); err == nil && key == nil {
		key = []byte(rand.Text())
	}
	c.Wish.Key, c.Made = key, true
	return key, err
}

func (c *Case) under(chain caps.Chain) Wish {
	w := c.Wish
	w.Chain = chain
	return w
}

func (c *Case) binds(chain caps.Chain) bool {
	return slices.ContainsFunc(c.bound, func(b caps.Chain) bool { return b[0].ID == chain[0].ID })
}

// Riding is a charge to a chain that also uses up the approval, if the chain requires one.
func (c *Case) Riding(chain caps.Chain, charge Ride) Ride {
	if !c.binds(chain) {
		return charge
	}
	return c.Spending(c.under(chain), charge)
}

// Resumes sets the chain of an attempt that goes on to the one under which people agreed to it, if they did.
func (c *Case) Resumes(ctx context.Context, chain *caps.Chain) []ledger.Rider {
	if c.Far || c.Approvals == nil {
		return nil
	}
	for _, b := range c.bound {
		agreed, err := c.Agreed(ctx, c.under(b))
		if err != nil {
			return []ledger.Rider{{Ride: func(func(string) ([]byte, error)) (map[string][]byte, error) { return nil, err }}}
		}
		if len(agreed) > 0 {
			*chain = b
			return nil
		}
	}
	return nil
}

// Asked asks people if that is what an attempt lacks; nil: they have approved it meanwhile.
func (c *Case) Asked(ctx context.Context, err error) error {
	var lacks *LackingError
	if !errors.As(err, &lacks) {
		return err
	}
	return c.Ask(ctx, c.under(lacks.Chain))
}

// Back returns the approval that was used up for an attempt that did not start.
func (c *Case) Back(chain caps.Chain) []ledger.Rider {
	if c.Far || !c.binds(chain) {
		return nil
	}
	return []ledger.Rider{c.Returning(c.under(chain))}
}

// There stores the approval at the machine that recorded the attempt.
func (c *Case) There(ctx context.Context, raws [][]byte) (err error) {
	c.agreed, err = c.Keep(ctx, raws)
	return err
}

// Names are the hashes of the approval that a receipt names. If only the id of a chain is known, it is unknown whether
// the chain requires approval.
func (c *Case) Names(ctx context.Context, chain caps.Chain) ([]object.Hash, error) {
	if c.Far || c.Approvals == nil || len(c.Wish.Key) == 0 || chain[0].Raw != nil && !c.binds(chain) {
		return c.agreed, nil
	}
	return c.Evidence(ctx, c.under(chain))
}
