package keyfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
)

// The domains of trust besides those of scopes.
const (
	ForAll    = "*"      // everything
	ForPacket = "packet" // signs packets
	ForLedger = "ledger" // signs ledger entries
	ForAttest = "attest" // signs attestations
	ForPolicy = "policy" // signs issuance policies

	// ForOperator lets an agent settle unknown outcomes and divergences of effects.
	ForOperator = "operator"

	// ForApprove is the prefix of the domains approve/ROLE: approvals of calls count. Such a domain must be named
	// explicitly: ForAll does not include it.
	ForApprove = "approve/"
)

// Domains lists what an agent may be trusted for, besides approve/ROLE.
func Domains() []string {
	var list []string
	for kind := range len(scope.KindNames()) {
		if d := scope.Domain(uint8(kind + 1)); !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	return append(list, ForPacket, ForLedger, ForAttest, ForPolicy, ForOperator, ForAll)
}

// ErrTrust means that a trust file, or an entry, breaks a rule.
var ErrTrust = errors.New("invalid trust")

// ErrUnknownName means that no entry has that name.
var ErrUnknownName = errors.New("no trusted agent of that name")

// Entry is one agent of the trust file.
type Entry struct {
	Name   string        // 1 to 64 letters, digits, dots, dashes, underscores
	Key    string        // public key, 64 hex digits
	For    []string      // some of Domains; none: the agent has a name, but is trusted for nothing
	From   object.Time   // trusted from then on; 0: from the beginning
	Until  object.Time   // trusted before then; 0: without end
	MaxAge time.Duration // of its revocation lists; 0: any

	// Ended is when the trust was taken away; the zero time: it was not. Its Entries are those of the ledger when an
	// end was decided, even the end in Until.
	Ended End
	Past  []Grant // what it was trusted for earlier
}

// Agent is the agent that the entry is about; its hint is the name.
func (e *Entry) Agent() (object.AgentID, error) {
	agent, err := object.ParseKey(e.Key)
	agent.Hint = e.Name
	return agent, err
}

// Trust says who is trusted for what: the content of trust.yaml. The zero Trust trusts nobody. While others read it, it
// may be changed only with Replace.
type Trust struct {
	mu      sync.RWMutex // guards the slice, not its elements
	entries []Entry      // valid ones
}

// Replace takes over the entries of another Trust, which must not be changed afterwards. It is safe while others read.
func (t *Trust) Replace(by *Trust) {
	next := by.all()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries = next
}

func (t *Trust) all() []Entry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.entries
}

// Entries returns all entries in the order of the file.
func (t *Trust) Entries() []Entry { return slices.Clone(t.all()) }

// ByName finds an entry.
func (t *Trust) ByName(name string) (Entry, bool) {
	return t.find(func(e *Entry) bool { return e.Name == name })
}

// ByAgent finds an agent's entry, even if the agent is no longer trusted.
func (t *Trust) ByAgent(agent object.AgentID) (Entry, bool) {
	if agent.Check() != nil {
		return Entry{}, false
	}
	key := agent.KeyHex()
	return t.find(func(e *Entry) bool { return e.Key == key })
}

func (t *Trust) find(match func(e *Entry) bool) (Entry, bool) {
	for _, e := range t.all() {
		if match(&e) {
			return e, true
		}
	}
	return Entry{}, false
}

// Trusted reports whether an agent is trusted for a domain now.
func (t *Trust) Trusted(agent object.AgentID, domain string, now object.Time) bool {
	e, ok := t.ByAgent(agent)
	return ok && domain != "" && e.covers(domain, now)
}

// HasRole reports whether approvals of an agent count for a role now.
func (t *Trust) HasRole(agent object.AgentID, role string, now object.Time) bool {
	e, ok := t.ByAgent(agent)
	return ok && e.covers(ForApprove+role, now)
}

// In reports whether now lies within the time of the entry's trust, and the trust was not taken away.
func (e *Entry) In(now object.Time) bool { return now >= e.From && !e.Over(now) }

// Names reports whether the entry names the domain itself, not by "*".
func (e *Entry) Names(domain string) bool { return slices.Contains(e.For, domain) }

func (e *Entry) covers(domain string, now object.Time) bool {
	return e.In(now) && gives(e.For, domain)
}

// gives reports whether a list of domains includes one, by its name or by ForAll.
func gives(list []string, domain string) bool {
	return slices.Contains(list, domain) || slices.Contains(list, ForAll) && !strings.HasPrefix(domain, ForApprove)
}

// TrustedIssuer reports whether an agent may issue root capabilities of a kind now.
func (t *Trust) TrustedIssuer(agent object.AgentID, kind uint8, now object.Time) bool {
	return t.Trusted(agent, scope.Domain(kind), now)
}

// Issuers is TrustedIssuer at one time, as a caps.Verifier needs it.
func (t *Trust) Issuers(now object.Time) func(object.AgentID, uint8) bool {
	return func(agent object.AgentID, kind uint8) bool { return t.TrustedIssuer(agent, kind, now) }
}

// MaxAge returns how old an agent's revocation list may be; 0: any age. It is a caps.Verifier's MaxAge.
func (t *Trust) MaxAge(agent object.AgentID) time.Duration {
	e, _ := t.ByAgent(agent)
	return e.MaxAge
}

// Agents returns the agents that are trusted for anything now, by name.
func (t *Trust) Agents(now object.Time) []object.AgentID {
	return t.agents(func(e *Entry) bool { return len(e.For) > 0 && e.In(now) })
}

// EverFor returns the agents that are or were trusted for a domain, by name.
func (t *Trust) EverFor(domain string) []object.AgentID {
	return t.agents(func(e *Entry) bool {
		return e.Names(domain) || e.Names(ForAll) || slices.ContainsFunc(e.Past, func(g Grant) bool { return g.names(domain) })
	})
}

// AgentsFor returns the agents that are trusted for a domain now, by name.
func (t *Trust) AgentsFor(domain string, now object.Time) []object.AgentID {
	return t.agents(func(e *Entry) bool { return e.covers(domain, now) })
}

// Everyone returns all agents that the file names, whatever they are or were trusted for: the keys that can be named
// for a signature.
func (t *Trust) Everyone() []object.AgentID { return t.agents(func(*Entry) bool { return true }) }

func (t *Trust) agents(match func(e *Entry) bool) []object.AgentID {
	var agents []object.AgentID
	for _, e := range t.all() {
		if agent, err := e.Agent(); err == nil && match(&e) {
			agents = append(agents, agent)
		}
	}
	slices.SortFunc(agents, func(a, b object.AgentID) int { return strings.Compare(a.Hint, b.Hint) })
	return agents
}

// Add adds an agent. Its name and its key must be new. An invalid entry is an error that wraps ErrTrust.
func (t *Trust) Add(e Entry) error {
	agent, err := e.Agent()
	if err != nil {
		return fmt.Errorf("%w: %q: %w", ErrTrust, e.Name, err)
	}
	e.Key = agent.KeyHex() // one spelling
	if err := e.check(); err != nil {
		return err
	}
	if _, there := t.ByName(e.Name); there {
		return fmt.Errorf("%w: the name %q is taken", ErrTrust, e.Name)
	}
	if same, there := t.ByAgent(agent); there {
		return fmt.Errorf("%w: key %s is there already, as %q", ErrTrust, e.Key, same.Name)
	}
	e.For = ordered(e.For)
	t.entries = append(t.entries, e)
	return nil
}

// Without removes a domain from an entry that has it by "*" or by name. The entry then names the remaining domains, and
// what the agent signed before in this domain still counts.
func (t *Trust) Without(name, domain string, end End) error {
	i := slices.IndexFunc(t.entries, func(e Entry) bool { return e.Name == name })
	if i < 0 {
		return fmt.Errorf("%w: %q", ErrUnknownName, name)
	}
	e := t.entries[i]
	if e.Names(ForAll) {
		e.For = slices.DeleteFunc(Domains(), func(d string) bool { return d == ForAll })
	}
	e.For = slices.DeleteFunc(slices.Clone(e.For), func(d string) bool { return d == domain })
	e.Past = append(slices.Clone(e.Past), Grant{[]string{domain}, end})
	if err := e.check(); err != nil {
		return err
	}
	t.entries[i] = e
	return nil
}

// Rotate gives the name to a new key, for the same domains. The old key is called oldName and trusted until the given
// end, unless it ended before. The new key is valid from any time: it did not exist before, and correcting a wrong
// clock later must not lock its owner out.
func (t *Trust) Rotate(name, oldName string, key object.AgentID, until End) error {
	i := slices.IndexFunc(t.entries, func(e Entry) bool { return e.Name == name })
	if i < 0 {
		return fmt.Errorf("%w: %q", ErrUnknownName, name)
	}
	if _, taken := t.ByName(oldName); taken {
		return fmt.Errorf("%w: the name %q is taken", ErrTrust, oldName)
	}
	old := t.entries[i]
	next := Entry{Name: name, Key: key.KeyHex(), For: old.For, MaxAge: old.MaxAge}
	old.Name, old.Ended.Entries = oldName, until.Entries
	if old.Until == 0 || old.Until > until.At {
		old.Until = until.At
	}
	if old.From >= old.Until { // it began while the clock was ahead
		old.From = 0
	}
	if err := old.check(); err != nil {
		return err
	}
	t.entries[i] = old
	return t.Add(next)
}

// Forget removes an agent, its name, and the trust in all that it signed. The error is ErrUnknownName if there is no
// such entry.
func (t *Trust) Forget(name string) error {
	before := len(t.entries)
	t.entries = slices.DeleteFunc(t.entries, func(e Entry) bool { return e.Name == name })
	if len(t.entries) == before {
		return fmt.Errorf("%w: %q", ErrUnknownName, name)
	}
	return nil
}

func (e *Entry) check() error {
	if !validName().MatchString(e.Name) {
		return fmt.Errorf("%w: the name %q is not 1 to 64 letters, digits, dots, dashes and underscores", ErrTrust, e.Name)
	}
	named := e.For
	for _, g := range e.Past {
		named = append(slices.Clone(named), g.For...)
	}
	for _, d := range named {
		if role, approves := strings.CutPrefix(d, ForApprove); approves {
			if err := scope.CheckRole(role); err != nil {
				return fmt.Errorf("%w: %s: domain %q: %w", ErrTrust, e.Name, d, err)
			}
		} else if !slices.Contains(Domains(), d) {
			return fmt.Errorf("%w: %s: domain %q is not known (%s and %sROLE are)", ErrTrust, e.Name, d, strings.Join(Domains(), ", "), ForApprove)
		}
	}
	if e.Until != 0 && e.From >= e.Until {
		return fmt.Errorf("%w: %s: from %s is not before until %s", ErrTrust, e.Name, e.From, e.Until)
	}
	if e.MaxAge < 0 {
		return fmt.Errorf("%w: %s: max_age is negative", ErrTrust, e.Name)
	}
	return nil
}
