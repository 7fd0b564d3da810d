package pin

import (
	"context"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/definition"
)

// Claimed counts the tools that according to the server only read, and the others that according to it may be repeated.
func Claimed(tools []definition.Tool) (reads, repeats int) {
	for _, d := range tools {
		switch h := definition.HintsOf(d.Text); {
		case h.Reads:
			reads++
		case h.Repeats:
			repeats++
		}
	}
	return reads, repeats
}

// policy returns the policy of a new or changed tool. A changed tool keeps its policy, except what its server claimed
// and no longer claims.
func (s *Server) policy(ctx context.Context, c Change, of exec.Policy) (exec.Policy, error) {
	now := definition.HintsOf(c.now.Text)
	if c.was != nil {
		of = c.was.Policy
		if c.was.Module.Definition != nil {
			text, err := s.Texts.Bytes(ctx, *c.was.Module.Definition)
			if err != nil {
				return of, err
			}
			was := definition.HintsOf(text)
			of.Reads = of.Reads && (now.Reads || !was.Reads)
			of.RetrySafe = of.RetrySafe && (now.Repeats || !was.Repeats)
		}
	}
	return of, nil
}

// AcceptHints accepts what the server claims about its registered tools.
func (s *Server) AcceptHints(ctx context.Context, tools []definition.Tool) error {
	var list []exec.Tool
	for _, d := range tools {
		t, err := s.Find(ctx, d.Name)
		if err != nil {
			return err
		}
		h, p := definition.HintsOf(d.Text), t.Policy
		p.Reads = p.Reads || h.Reads && p.KeyFrom == ""
		p.RetrySafe = p.RetrySafe || h.Repeats && p.Probe == nil
		if p.Reads != t.Policy.Reads || p.RetrySafe != t.Policy.RetrySafe {
			t.Policy = p
			list = append(list, t)
		}
	}
	return s.Tools.AddAll(ctx, list)
}
