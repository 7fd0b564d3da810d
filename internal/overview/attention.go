package overview

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/hold"
	"github.com/mythos-project/mythos/internal/history"
	"github.com/mythos-project/mythos/internal/remedy"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Levels of urgency.
const (
	Critical = "critical" // the ledger may not be reliable
	Warning  = "warning"  // an effect waits for a person's decision
	Notice   = "notice"   // something failed, was refused, has run out or soon will
)

var urgencies = []string{Critical, Warning, Notice}

// Attention is something that a person should look at.
type Attention struct {
	Urgency string `json:"urgency"` // critical, warning or notice
	What    string `json:"what"`
	Advice  string `json:"advice,omitempty"` // what to consider
	Do      string `json:"do"`               // a command that helps
}

func (g *gatherer) attend(urgency, do, advice, format string, args ...any) {
	g.list = append(g.list, Attention{urgency, fmt.Sprintf(format, args...), advice, do})
}

// byUrgency returns what needs attention, most urgent first.
func (g *gatherer) byUrgency() []Attention {
	slices.SortStableFunc(g.list, func(a, b Attention) int {
		return slices.Index(urgencies, a.Urgency) - slices.Index(urgencies, b.Urgency)
	})
	return append([]Attention{}, g.list...)
}

func (g *gatherer) ledger(ctx context.Context) error {
	sum, err := g.n.History.Summarize(ctx)
	if err != nil {
		return err
	}
	s := g.s
	s.Entries, s.Effects, s.Sound = sum.Entries, sum.Effects, sum.Problem == ""
	s.Checked = sum.Checked
	if !s.Sound {
		g.attend(Critical, "mythos ledger verify --checkpoint FILE", "was a backup restored, or another copy put here? Compare it with a checkpoint that is kept elsewhere", "%s", sum.Problem)
	}
	for _, e := range sum.Open {
		if err := g.open(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// maxNamed is how many things of a sort are listed individually.
const maxNamed = 10

// open counts an effect that is not settled, and says what to do about it.
func (g *gatherer) open(ctx context.Context, e ledger.State) error {
	s, id := g.s, e.IdemID.Short()
	name, key, tool := "effect "+id, "", object.Hash{}
	if len(e.History) > 0 && e.History[0].Register != nil {
		r := e.History[0].Register
		tool, key = r.ToolID, ledger.KeyText(r.IdempotencyKey)
		name = fmt.Sprintf("%s with key %q", g.n.Toolbox.Name(ctx, tool), key)
	}
	named := s.Unknown+s.Divergent < maxNamed
	switch e.At(g.n.Now()) {
	case ledger.StatusPending:
		s.Pending++
	case ledger.StatusUnknown:
		s.Unknown++
		switch {
		case !named:
		case tool == hold.FreezeTool || tool == hold.ThawTool:
			g.attend(Notice, "mythos ledger resolve "+id+" --decision abandon", "repeat it, or note that it is over", "%s began and ended early: nothing was frozen or thawed", name)
		default:
			advice, do, err := g.unknown(ctx, tool, id)
			if err != nil {
				return err
			}
			if g.n.Toolbox.Declared(ctx, tool) {
				g.attend(Notice, do, "it may be under way, or its user said no; "+advice, "%s: its harness was allowed to run it and has reported no outcome", name)
				return nil
			}
			g.attend(Warning, do, advice, "%s: nobody knows whether it happened", name)
		}
	case ledger.StatusDivergent:
		if s.Divergent++; named {
			advice, do := divergent(e, id)
			g.attend(Warning, do, advice, "%s: its history contradicts itself", name)
		}
	case ledger.StatusUnverifiable:
		if s.Unknown++; named {
			g.attend(Critical, "mythos trust add KEY --name NAME --for ledger", "find out whose key it is before you trust it", "%s: it was committed by a key that nobody here knows", name)
		}
	}
	return nil
}

// unknown advises about an attempt without an outcome, depending on what is known of its tool.
func (g *gatherer) unknown(ctx context.Context, tool object.Hash, id string) (advice, do string, err error) {
	if tool.IsZero() {
		return "look at what is recorded", "mythos ledger show " + id, nil
	}
	if g.n.Gate.RetrySafe(tool) {
		return "the same command goes on with it", "mythos ledger show " + id, nil
	}
	t, err := g.n.Tools.Get(ctx, tool)
	switch {
	case errors.Is(err, exec.ErrNoTool):
	case exec.SkipDangling(err) != nil:
		return "", "", err
	case err == nil && t.Policy.RetrySafe:
		return "the tool is safe to repeat: the next call with that key and request runs it again", "mythos ledger show " + id, nil
	case err == nil && t.Policy.Probe != nil:
		return "the tool has a probe: the next call with that key asks it first", "mythos ledger show " + id, nil
	}
	return "find out. If it did not happen, let it run again; if it did: --decision abandon", "mythos ledger resolve " + id + " --decision retry", nil
}

// divergent advises about a history that contradicts itself. If one outcome is recorded and the rest are other
// requests, the recorded one holds.
func divergent(e ledger.State, id string) (advice, do string) {
	outcomes := map[object.Hash]bool{}
	for _, entry := range e.History {
		if c := entry.Commit; c != nil && !entry.Unverified {
			outcomes[c.ReceiptID] = true
		}
	}
	if len(outcomes) == 1 {
		for receipt := range outcomes {
			return "the key was used for another request. If the recorded outcome holds, accept it; the other needs a key of its own",
				"mythos ledger resolve " + id + " --decision accept --evidence " + receipt.Short()
		}
	}
	return "look at the outcomes, then accept the one that holds, or abandon them all: mythos ledger resolve", "mythos ledger show " + id
}

const (
	recently  = 24 * time.Hour
	maxLooked = 20_000 // events in that time
)

// trouble counts the calls of a tool that failed or were refused in the last day.
type trouble struct {
	tool, outcome string
	count         uint64
	last          object.Time
	by            string
}

// words says how often, and with what result.
func (t *trouble) words() string {
	calls, were := fmt.Sprintf("%d calls", t.count), "were "
	if t.count == 1 {
		calls, were = "1 call", "was "
	}
	if t.outcome == Failed {
		were = ""
	}
	return fmt.Sprintf("%s of %s %s%s", calls, t.tool, were, t.outcome)
}

// recent finds recent failures and refusals that were not made good since.
func (g *gatherer) recent(ctx context.Context) error {
	found, good, looked := map[[2]string]*trouble{}, map[object.Hash]bool{}, 0
	for h, err := range g.n.History.Events(ctx, history.Options{Since: g.n.Now().Add(-recently)}) {
		if err != nil {
			return err
		}
		if looked++; looked > maxLooked {
			break
		}
		outcome := Outcome(h)
		if h.IdemID != nil && (outcome == OK || outcome == Decided) {
			good[*h.IdemID] = true
		}
		if (outcome != Failed && outcome != Refused) || h.Status == exec.StatusApproval || (h.IdemID != nil && good[*h.IdemID]) {
			continue
		}
		t := found[[2]string{h.Tool, outcome}]
		if t == nil {
			t = &trouble{tool: h.Tool, outcome: outcome, last: h.Time, by: g.caller(ctx, h)}
			found[[2]string{h.Tool, outcome}] = t
		}
		t.count++
	}
	list := slices.SortedFunc(maps.Values(found), func(a, b *trouble) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.tool, b.tool), cmp.Compare(a.outcome, b.outcome))
	})
	for _, t := range list[:min(len(list), maxNamed)] {
		advice := "the log says why, and by whom"
		if t.outcome == Refused {
			advice = "an agent without a capability, or with one that is used up or was revoked"
		}
		g.attend(Notice, "mythos log --tool "+t.tool+" --status "+t.outcome+" --since 1d", advice, "%s since yesterday, the last by %s", t.words(), t.by)
	}
	return nil
}

// caps counts the capabilities that this agent holds, and names those that expire soon or are used up.
func (g *gatherer) caps(ctx context.Context) error {
	n, s, now := g.n, g.s, g.n.Now()
	used := 0
	return n.Auth.Each(ctx, func(l caps.Link) error {
		if !l.Cap.Subject.Same(n.Self()) || now >= l.Cap.ExpiresAt {
			return nil
		}
		s.Caps++
		scope := ScopeText(ctx, n, l.Cap.Scope)
		again := remedy.Issue("self", scope, "30d")
		if spent, err := g.spent(ctx, l); err != nil || spent {
			if used++; spent && used <= maxNamed && long(l) {
				g.attend(Notice, again, "issue another, if more is meant to be done", "capability %s (%s) is used up", l.ID.Short(), scope)
			}
			return err
		}
		if left := l.Cap.ExpiresAt.Std().Sub(now.Std()); left < expiringSoon {
			s.Expiring++
			if long(l) && s.Expiring <= maxNamed {
				g.attend(Notice, again, "issue another in time", "capability %s (%s) expires in %s", l.ID.Short(), scope, left.Round(time.Minute))
			}
		}
		return nil
	})
}

// long reports whether a capability is meant to last: one for minutes or hours is meant to expire.
func long(l caps.Link) bool { return l.Cap.ExpiresAt >= l.Cap.NotBefore.Add(2*expiringSoon) }

// spent reports whether a capability is used up.
func (g *gatherer) spent(ctx context.Context, l caps.Link) (bool, error) {
	chain, err := g.n.Auth.Chain(ctx, l.ID)
	if err != nil {
		return false, ctx.Err() // its parent is not stored: it counts for nothing
	}
	left, err := g.n.Quotas.Left(ctx, chain)
	for _, amount := range left {
		if amount == 0 {
			return true, err
		}
	}
	return false, err
}
