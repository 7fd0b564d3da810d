package keyfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// ErrTakesAway means that a change would take away trust that an agent has.
var ErrTakesAway = errors.New("it would take trust away")

// End is when and where trust ended.
type End struct {
	At      object.Time
	Entries *uint64 // of the ledger here when the end was decided; nil: unknown
}

// Grant is earlier trust that has ended.
type Grant struct {
	For []string
	End
}

// names reports whether the grant was for a domain, by name or by "*".
func (g *Grant) names(domain string) bool {
	return gives(g.For, domain)
}

// before reports whether something was signed before the end. Whatever the ledger held when the end was decided was
// signed before it; whatever came after an end that took effect at once was not. Otherwise the time that the signer
// gives counts, unless the ledger shows that the entry comes after the end, as later reports, which may be nil.
func (e End) before(m ledger.Moment, atOnce bool, later func(object.Time) bool) bool {
	if m.Placed && e.Entries != nil {
		if m.Seq < *e.Entries {
			return true
		}
		if atOnce {
			return false
		}
	}
	return m.Time < e.At && !(m.Placed && later != nil && later(e.At))
}

// Over reports whether the entry's trust has ended: it was taken away, or its time is over.
func (e *Entry) Over(now object.Time) bool {
	return e.Ended.At != 0 || (e.Until != 0 && now >= e.Until)
}

// Counted reports whether what the agent signed at a moment counts, whatever it is trusted for: its trust still lasts,
// or the moment lies before its end. For an agent whose trust was taken away, only what has a place in the ledger
// counts: it could date anything else as it likes.
func (e *Entry) Counted(m ledger.Moment, now object.Time, later func(object.Time) bool) bool {
	switch {
	case e.Ended.At != 0:
		return m.Placed && e.Ended.before(m, true, later)
	case e.Over(now):
		return m.Time >= e.From && End{e.Until, e.Ended.Entries}.before(m, false, later)
	}
	return e.In(now)
}

// Held reports whether an agent was trusted for a domain when it signed something. later reports whether an entry at
// that moment's place comes after a time.
func (t *Trust) Held(agent object.AgentID, domain string, m ledger.Moment, now object.Time, later func(object.Time) bool) bool {
	e, ok := t.ByAgent(agent)
	if !ok || domain == "" {
		return false
	}
	if gives(e.For, domain) && e.Counted(m, now, later) {
		return true
	}
	return slices.ContainsFunc(e.Past, func(g Grant) bool { return g.names(domain) && g.before(m, false, later) })
}

// Extend gives an agent with an entry more trust: further domains, or a longer time. Existing trust remains;
// ErrTakesAway refuses a change that would reduce it. An entry whose trust has ended starts again, and keeps what it
// was trusted for as a past grant.
func (t *Trust) Extend(e Entry, now object.Time) error {
	i := slices.IndexFunc(t.entries, func(old Entry) bool { return old.Name == e.Name })
	if i < 0 {
		return fmt.Errorf("%w: %q", ErrUnknownName, e.Name)
	}
	old := t.entries[i]
	next := old
	if old.Over(now) {
		next.Past = append(slices.Clone(old.Past), Grant{old.For, old.end()})
		next.Ended, next.From, next.Until, next.For = End{}, e.From, e.Until, e.For
	} else {
		if err := e.narrows(&old); err != nil {
			return err
		}
		next.For = append(slices.Clone(old.For), e.For...)
		if e.Until != 0 {
			next.Until = e.Until
		}
		if e.From != 0 {
			next.From = e.From
		}
	}
	if e.MaxAge != 0 {
		next.MaxAge = e.MaxAge
	}
	next.For = ordered(next.For)
	if err := next.check(); err != nil {
		return err
	}
	t.entries[i] = next
	return nil
}

// narrows refuses an entry that would grant less than the existing one.
func (e *Entry) narrows(old *Entry) error {
	switch {
	case e.Until != 0 && (old.Until == 0 || e.Until < old.Until):
		return fmt.Errorf("%w: %s is trusted %s, not only until %s", ErrTakesAway, old.Name, old.term(), e.Until)
	case e.From > old.From:
		return fmt.Errorf("%w: %s is trusted %s, not only from %s", ErrTakesAway, old.Name, old.term(), e.From)
	case e.MaxAge != 0 && (old.MaxAge == 0 || e.MaxAge < old.MaxAge):
		return fmt.Errorf("%w: older revocation lists of %s are taken now", ErrTakesAway, old.Name)
	}
	return nil
}

// term returns the time of the trust, for people.
func (e *Entry) term() string {
	if e.Until == 0 {
		return "without end"
	}
	return "until " + e.Until.String()
}

// end returns when the trust of an entry that is over ended.
func (e *Entry) end() End {
	if e.Ended.At != 0 {
		return e.Ended
	}
	return End{e.Until, e.Ended.Entries}
}

// End takes an agent's trust away. Its name remains, and what it signed before still counts. The error is
// ErrUnknownName if there is no such entry.
func (t *Trust) End(name string, end End) error {
	i := slices.IndexFunc(t.entries, func(e Entry) bool { return e.Name == name })
	if i < 0 {
		return fmt.Errorf("%w: %q", ErrUnknownName, name)
	}
	if e := &t.entries[i]; e.Ended.At == 0 {
		if e.Until != 0 && e.Until < end.At { // its time had already ended
			end.At = e.Until
		}
		e.Ended = end
	}
	return nil
}

// makeRoom renames an entry of this name whose trust has ended.
func (t *Trust) makeRoom(name string, now object.Time) {
	i := slices.IndexFunc(t.entries, func(e Entry) bool { return e.Name == name })
	if i < 0 || !t.entries[i].Over(now) {
		return
	}
	for n := 1; ; n++ {
		kept := name + "." + strconv.Itoa(n)
		if _, taken := t.ByName(kept); !taken && validName().MatchString(kept) {
			t.entries[i].Name = kept
			return
		}
	}
}

// Replacing adds an agent under a name that may belong to an agent whose trust has ended; that entry is kept as NAME.1
// or the next free number.
func (t *Trust) Replacing(e Entry, now object.Time) error {
	if agent, err := e.Agent(); err == nil {
		if _, there := t.ByAgent(agent); !there && len(e.Name) < 60 {
			t.makeRoom(e.Name, now)
		}
	}
	return t.Add(e)
}

// ordered returns a list of domains in their usual order, without duplicates.
func ordered(domains []string) []string {
	all := Domains()
	list := slices.Clone(domains)
	place := func(d string) int {
		if i := slices.Index(all, d); i >= 0 {
			return i
		}
		return len(all) // approve/ROLE
	}
	slices.SortFunc(list, func(a, b string) int { return cmp.Or(place(a)-place(b), strings.Compare(a, b)) })
	return slices.Compact(list)
}
