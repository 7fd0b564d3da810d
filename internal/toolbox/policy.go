package toolbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/natural"
)

// PolicyChange says what to change of a tool's policy; nil: unchanged.
type PolicyChange struct {
	Price                         *uint64
	KeyFrom                       *string // empty: no argument is a key
	RetrySafe, Cancellable, Reads *bool
}

// ErrPolicy means that a policy contradicts itself, or does not suit its tool.
var ErrPolicy = errors.New("it cannot be the tool's policy")

func set[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}

// apply changes a tool's policy.
func (c PolicyChange) apply(t *exec.Tool) error {
	p := &t.Policy
	set(&p.Price, c.Price)
	set(&p.KeyFrom, c.KeyFrom)
	set(&p.RetrySafe, c.RetrySafe)
	set(&p.Cancellable, c.Cancellable)
	set(&p.Reads, c.Reads)
	if p.KeyFrom != "" {
		if err := natural.Check(p.KeyFrom); err != nil {
			return fmt.Errorf("%w: %w", ErrPolicy, err)
		}
	}
	switch {
	case p.Reads && p.KeyFrom != "":
		return fmt.Errorf("%w: a read needs no key", ErrPolicy)
	case p.RetrySafe && p.Probe != nil:
		return fmt.Errorf("%w: a tool that is safe to repeat needs no probe", ErrPolicy)
	case t.Module.Kind == exec.KindDeclared && (p.RetrySafe || p.Cancellable || p.Reads):
		return fmt.Errorf("%w: how a declared tool runs is for its harness to say", ErrPolicy)
	}
	return nil
}

// SetPolicy changes the policy of a registered tool, even while others change another part of it. It returns the other
// names of the tool.
func (to *Toolbox) SetPolicy(ctx context.Context, name string, c PolicyChange) (exec.Tool, []string, error) {
	t, others, err := to.Tools.Amend(ctx, name, c.apply)
	if errors.Is(err, ErrPolicy) {
		err = fmt.Errorf("tool %s: %w", t.Name, err)
	}
	return t, others, err
}

// keep copies to a tool that is registered again under its name what only SetPolicy can set.
func (to *Toolbox) keep(ctx context.Context, t *exec.Tool, notes *[]string) error {
	was, err := to.Tools.Find(ctx, t.Name)
	if errors.Is(err, exec.ErrNoTool) {
		return nil
	}
	if err != nil {
		return err
	}
	p := &t.Policy
	p.Price, p.KeyFrom, p.Cancellable, p.Reads = was.Policy.Price, was.Policy.KeyFrom, was.Policy.Cancellable, was.Policy.Reads
	if p.Price > 0 || p.KeyFrom != "" || p.Cancellable || p.Reads {
		*notes = append(*notes, "its policy stays as it was: `mythos tool policy "+t.Name+"` shows it")
	}
	return nil
}
