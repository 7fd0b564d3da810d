// Package hookcmd has the commands that a harness runs before and after the calls of its tools.
package hookcmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/cli/mcpcmd"
	"github.com/mythos-project/mythos/internal/hook"
	"github.com/mythos-project/mythos/internal/remedy"
)

// The exit statuses that every harness knows.
const (
	blocks = 2 // block the call
	warns  = 1 // tell a person; after a call, blocks would hide its result
)

// New is `mythos hook`.
func New(f *cmdutil.Factory) *cobra.Command {
	verbs := make([]*cobra.Command, 0, 5)
	for _, name := range hook.Names() {
		h, _ := hook.For(name)
		verbs = append(verbs, newHarness(f, h))
	}
	c := cmdutil.Noun("hook", "Tools that a harness runs itself: checked before, recorded after", append(verbs, newConfig(f))...)
	help := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 && !f.IO.OutTTY {
			return clierr.Usagef("%s: name the harness", c.CommandPath()).With("see `mythos hook --help`") // help would let a call pass
		}
		return help(c, args)
	}
	return f.Returns(c, results)
}

func newHarness(f *cmdutil.Factory, h *hook.Harness) *cobra.Command {
	var agent string
	c := &cobra.Command{
		Use: h.Name + " [--agent A]", Short: "Answer one event of " + h.Title + ", from standard input",
		Long: "For the harness's configuration, which `mythos hook config " + h.Name + "` prints. Before a call, the hook requires and charges a capability\n" +
			"for the tool " + h.Name + ".NAME (mythos tool add " + h.Name + ".NAME --declared), and registers the call. After the call, it records the outcome\n" +
			"that the harness declares. For an allowed call it prints {}: the harness still asks its user if it would. In any other case, errors\n" +
			"included, exit status 2 before a call refuses it, and after a call the status is 1. docs/hooks.md says what this cannot promise.",
		Example: "  mythos hook " + h.Name + " --agent scout < event.json", Args: cmdutil.Args(0, 0),
		PersistentPreRunE: func(c *cobra.Command, args []string) error {
			f.ErrorStatus = blocks
			return c.Root().PersistentPreRunE(c, args)
		},
		RunE: func(c *cobra.Command, _ []string) error { return answer(c.Context(), f, h, agent) },
	}
	c.Flags().StringVar(&agent, "agent", "", "make the calls as this agent, a name from mythos agent add, under its capabilities alone; by default as you")
	return c
}

// patience is how long the hook may take: less than a harness waits, because some let a call pass if the hook takes too
// long.
const patience = 40 * time.Second

// answer answers an event. Any fault refuses the call.
func answer(ctx context.Context, f *cmdutil.Factory, h *hook.Harness, agent string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error: %v: this is a fault of mythos, report it", r)
		}
		if err != nil && f.ErrorStatus == blocks {
			err = deny(f, h, err)
		}
	}()
	raw, err := read(ctx, f.IO.In)
	if err != nil {
		return err
	}
	e, err := h.Parse(raw)
	if e.After {
		f.ErrorStatus = warns
	}
	if err != nil {
		return clierr.New(clierr.Invalid, "%w", err)
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	s, err := mcpcmd.SessionOf(ctx, n, agent)
	if err != nil {
		return err
	}
	if err := through(ctx, f, hook.New(h, s), e); err != nil {
		return err
	}
	_, err = io.WriteString(f.IO.Out, "{}\n")
	return err
}

func through(ctx context.Context, f *cmdutil.Factory, k *hook.Hook, e *hook.Event) error {
	if e.After {
		_, err := k.After(ctx, e)
		return err
	}
	call, err := k.Before(ctx, e)
	if err == nil {
		return nil
	}
	why := clierr.New(f.CodeOf(err), "Refused: %w.\nNothing happened.", err).On(call.Tool.Name)
	var refused *exec.RefusedError
	switch {
	case errors.Is(err, exec.ErrNoTool), errors.Is(err, hook.ErrNotDeclared):
		why.Hint = "a person can register it: mythos tool add " + remedy.ShellWord(call.Tool.Name) + " --declared"
	case errors.Is(err, hook.ErrAskedBefore):
	case errors.As(err, &refused):
		r := k.Session.Explain(call, err)
		why = clierr.New(why.Code, "%s\n%s", r.Text, r.Outcome).On(call.Tool.Name)
		if r.Remedy != "" {
			why.Hint = "a person can allow it: " + r.Remedy
		}
	default: // nobody could be asked
		return why
	}
	return &refusal{why}
}

// refusal is an answer of the gate, not a fault.
type refusal struct{ of *clierr.Error }

func (r *refusal) Error() string { return r.of.Error() }

// Unwrap gives the error that is printed.
func (r *refusal) Unwrap() error { return r.of }

// deny tells a harness that reads standard output why a call is refused.
func deny(f *cmdutil.Factory, h *hook.Harness, err error) error {
	text := err.Error()
	if e, ok := clierr.As(err); ok && e.Hint != "" {
		text += "\n" + e.Hint
	}
	denial := h.Denial(text)
	if denial == nil {
		return err
	}
	werr := writeJSON(f.IO.Out, denial, "")
	var refused *refusal
	if errors.As(err, &refused) && werr == nil {
		return nil
	}
	return errors.Join(err, werr)
}

func writeJSON(w io.Writer, v any, indent string) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	return enc.Encode(v)
}

// read reads an event. It does not wait for a harness that never ends its output.
func read(ctx context.Context, r io.Reader) ([]byte, error) {
	type input struct {
		raw []byte
		err error
	}
	done := make(chan input, 1)
	go func() {
		raw, err := io.ReadAll(io.LimitReader(r, hook.MaxEvent+1))
		done <- input{raw, err}
	}()
	select {
	case in := <-done:
		return in.raw, in.err
	case <-ctx.Done():
		return nil, fmt.Errorf("the event on standard input has no end: %w", ctx.Err())
	}
}
