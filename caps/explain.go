package caps

import (
	"fmt"
	"strings"
	"time"

	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
)

// Explain says in plain English what the holder of a chain may do, until when, and who granted it, one line each. It
// verifies nothing: use [Verifier.Verify] for that. Text from inside the capabilities is quoted where a terminal could
// misread it.
func Explain(chain Chain, now object.Time) string {
	if len(chain) == 0 {
		return "No capability: nothing is allowed.\n"
	}
	var b strings.Builder
	leaf := &chain[0].Cap
	fmt.Fprintf(&b, "%s may %s.\n", upper(leaf.Subject.Name()), leaf.Scope.Words())
	fmt.Fprintf(&b, "%s\n", chain.term(now))
	if leaf.Delegable && len(chain) < MaxDepth {
		b.WriteString("It may be handed on, whole or in part.\n")
	} else {
		b.WriteString("It may not be handed on.\n")
	}
	if leaf.Revocable() {
		b.WriteString("Every use needs a current revocation list of " + leaf.Issuer.Name() + ".\n")
	}
	for i := len(chain) - 1; i >= 0; i-- {
		branch := ""
		if depth := len(chain) - 1 - i; depth > 0 {
			branch = strings.Repeat("  ", depth-1) + "└ "
		}
		fmt.Fprintf(&b, "%s%s\n", branch, chain.step(i))
	}
	return b.String()
}

// term describes the time in which all links are valid, relative to now.
func (c Chain) term(now object.Time) string {
	from, until := c.window()
	switch {
	case from >= until:
		return "Never: its links are not valid at any one time."
	case now >= until:
		return fmt.Sprintf("It expired at %s, %s ago.", until, span(until, now))
	case now < from:
		return fmt.Sprintf("From %s (in %s) until %s.", from, span(now, from), until)
	}
	return fmt.Sprintf("Until %s, for another %s.", until, span(now, until))
}

// window is the intersection of the windows of all links.
func (c Chain) window() (from, until object.Time) {
	from, until = c[0].Cap.NotBefore, c[0].Cap.ExpiresAt
	for _, l := range c[1:] {
		from, until = max(from, l.Cap.NotBefore), min(until, l.Cap.ExpiresAt)
	}
	return from, until
}

// span writes the time from a to b ≥ a in whole days, hours, minutes or seconds: the largest unit that fits ten times.
func span(a, b object.Time) string {
	us := uint64(b) - uint64(a)
	for _, u := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if whole := uint64(u / time.Microsecond); us >= 10*whole {
			return units.FormatMicros(us - us%whole)
		}
	}
	return units.FormatMicros(us)
}

func (c Chain) step(i int) string {
	l := &c[i].Cap
	how := "handed on by"
	switch {
	case l.AttenuationParent == nil:
		how = "issued by"
	case i+1 < len(c) && l.Issuer.Same(c[i+1].Cap.Issuer):
		how = "issued again by"
	}
	return fmt.Sprintf("%s: %s %s to %s: %s", c[i].ID.Short(), how, l.Issuer.Name(), l.Subject.Name(), l.Scope)
}

func upper(s string) string {
	if rest, ok := strings.CutPrefix(s, "agent "); ok && !strings.HasPrefix(rest, "(") { // not the name of an agent
		return "Agent " + rest
	}
	return s
}
