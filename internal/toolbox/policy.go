package toolbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/exec"
)

// PolicyChange is what of a tool's policy becomes otherwise; nil: it stays.
type PolicyChange struct {
	Price *uint64
}

func (c PolicyChange) apply(p *exec.Policy) {
	if c.Price != nil {
		p.Price = *c.Price
	}
}

// SetPolicy changes the policy of a registered tool. It returns the other names that stand for the tool.
func (to *Toolbox) SetPolicy(ctx context.Context, name string, c PolicyChange) (exec.Tool, []string, error) {
	t, err := to.Tools.Find(ctx, name)
	if err != nil {
		return t, nil, err
	}
	c.apply(&t.Policy)
	return to.Tools.Replace(ctx, t)
}

// keep has a tool that is registered anew under its name keep what SetPolicy alone says.
func (to *Toolbox) keep(ctx context.Context, t *exec.Tool, notes *[]string) error {
	was, err := to.Tools.Find(ctx, t.Name)
	if errors.Is(err, exec.ErrNoTool) {
		return nil
	}
	if t.Policy.Price = was.Policy.Price; was.Policy.Price > 0 {
		*notes = append(*notes, fmt.Sprintf("its price stays %d (mythos tool policy %s --price N changes it)", was.Policy.Price, t.Name))
	}
	return err
}
