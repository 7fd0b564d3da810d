package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// describe summarizes a verdict: "+" appends the event's entry, "!N" a mark with reason N.
func describe(v ledger.Verdict) string {
	words := []string{[...]string{0: "nothing", ledger.Invoke: "invoke", ledger.Replay: "replay", ledger.Record: "record", ledger.Refuse: "refuse"}[v.Action]}
	if v.Append {
		words[0] += "+"
	}
	var unknown *ledger.UnknownOutcomeError
	for _, x := range []struct {
		word string
		err  error
	}{{"busy", ledger.ErrBusy}, {"conflict", ledger.ErrIdempotencyConflict}, {"nondeterministic", ledger.ErrNonDeterministic},
		{"divergent", ledger.ErrDivergent}, {"unknown", ledger.ErrUnknownOutcome}, {"abandoned", ledger.ErrAbandoned},
		{"unregistered", ledger.ErrNotRegistered}, {"unverifiable", ledger.ErrUnverifiable}, {"unresolvable", ledger.ErrNotResolvable}} {
		if errors.Is(v.Err, x.err) {
			words = append(words, x.word)
		}
	}
	if errors.As(v.Err, &unknown) && unknown.Probe {
		words = append(words, "probe")
	}
	if v.Reason != 0 {
		words = append(words, fmt.Sprintf("!%d", v.Reason))
	}
	return strings.Join(words, " ")
}

var (
	alice, bob = agent(1), agent(2)
	tool       = object.SumText("tool:echo")
	idem       = ledger.IdemID(tool, []byte("k"))
)

func agent(seed byte) object.AgentID {
	return sign.FromSeed([32]byte(bytes.Repeat([]byte{seed}, 32)), "agent").Agent()
}

const leaseEnd object.Time = 100

func hashOf(s string) object.Hash { return object.SumText(s) }

func register(owner object.AgentID, at, until object.Time) ledger.Entry {
	return ledger.Entry{Kind: ledger.EntryRegister, Register: &ledger.EffectRegister{IdemID: idem, ToolID: tool, IdempotencyKey: []byte("k"),
		RequestHash: hashOf("q"), Owner: owner, TimeObserved: at, LeaseExpiresAt: until}}
}

func commitOf(request, response, receipt string, status uint16) *ledger.EffectCommit {
	return &ledger.EffectCommit{IdemID: idem, ToolID: tool, RequestHash: hashOf(request), ResponseHash: hashOf(response),
		ReceiptID: hashOf(receipt), Status: status}
}

// committed is a receipt and its commit.
func committed(request, response, receipt string, status uint16) []ledger.Entry {
	c := commitOf(request, response, receipt, status)
	r := &ledger.Receipt{ReceiptID: c.ReceiptID, ToolID: tool, RequestHash: c.RequestHash, ResponseHash: c.ResponseHash,
		IdempotencyKey: []byte("k"), Status: status}
	return []ledger.Entry{{Kind: ledger.EntryReceipt, Receipt: r, Raw: []byte(receipt)}, {Kind: ledger.EntryCommit, Commit: c}}
}

func mark(reason uint8, evidence ...string) ledger.Entry {
	m := &ledger.DivergenceMark{IdemID: idem, ToolID: tool, Reason: reason}
	for _, e := range evidence {
		m.Evidence = append(m.Evidence, hashOf(e))
	}
	slices.SortFunc(m.Evidence, object.Hash.Compare)
	return ledger.Entry{Kind: ledger.EntryDivergence, Mark: m}
}

func resolution(decision uint8, evidence ...string) ledger.Entry {
	r := &ledger.Resolution{IdemID: idem, Decision: decision, Signer: alice, TimeObserved: leaseEnd + 150}
	for _, e := range evidence {
		r.Evidence = append(r.Evidence, hashOf(e))
	}
	return ledger.Entry{Kind: ledger.EntryResolution, Resolution: r}
}

func history(parts ...any) []ledger.Entry {
	var list []ledger.Entry
	for _, p := range parts {
		switch p := p.(type) {
		case ledger.Entry:
			list = append(list, p)
		case []ledger.Entry:
			list = append(list, p...)
		}
	}
	for i := range list {
		list[i].Seq = uint64(i)
	}
	return list
}

// row is one state of the machine and its answer to every event. Attempts are by alice (who registered first) and bob,
// under Block, Retry and Probe.
type row struct {
	name       string
	history    []ledger.Entry
	now        object.Time
	status     ledger.Status
	alice, bob [3]string // the same request
	other      string    // any attempt with another request
	same       string    // a commit of the receipt "r1"
	fresh      string    // a commit of another receipt with r1's response "a"
	response   string    // a commit of another response
	request    string    // a commit for another request
	mark       string
	retry      string
	abandon    string
	accept     string // of receipt "r1"
}

func all(s string) [3]string { return [3]string{s, s, s} }

const (
	refused  = "refuse unresolvable"
	recorded = "record+"
)

func table() []row {
	reg, reg2 := register(alice, 0, leaseEnd), register(bob, leaseEnd, 2*leaseEnd)
	one, failed, two := committed("q", "a", "r1", 200), committed("q", "a", "r1", 502), committed("q", "b", "r2", 200)
	unknown := one[1]
	unknown.Unverified = true
	return []row{
		{"never seen", nil, 0, ledger.StatusNone, all("invoke+"), all("invoke+"), "invoke+",
			"refuse unregistered", "refuse unregistered", "refuse unregistered", "refuse unregistered", recorded, refused, refused, refused},
		{"live lease", history(reg), leaseEnd - 1, ledger.StatusPending, [3]string{"refuse busy", "invoke+", "refuse busy"}, all("refuse busy"), "refuse conflict !1",
			recorded, recorded, recorded, "refuse+ conflict !1", recorded, refused, refused, refused},
		{"expired lease", history(reg), leaseEnd, ledger.StatusUnknown, [3]string{"refuse unknown", "invoke+", "refuse unknown probe"},
			[3]string{"refuse unknown", "invoke+", "refuse unknown probe"}, "refuse conflict !1",
			recorded, recorded, recorded, "refuse+ conflict !1", recorded, recorded, recorded, refused},
		{"takeover", history(reg, reg2), leaseEnd, ledger.StatusPending, all("refuse busy"), [3]string{"refuse busy", "invoke+", "refuse busy"}, "refuse conflict !1",
			recorded, recorded, recorded, "refuse+ conflict !1", recorded, refused, refused, refused},
		{"committed", history(reg, one), 0, ledger.StatusCommitted, all("replay"), all("replay"), "refuse conflict !1",
			"replay", "refuse+ divergent !3", "refuse+ nondeterministic !2", "refuse+ conflict !1", recorded, refused, refused, refused},
		{"failed attempt, committed", history(reg, failed), 0, ledger.StatusCommitted, all("replay"), all("replay"), "refuse conflict !1",
			"replay", "refuse+ divergent !3", "refuse+ nondeterministic !2", "refuse+ conflict !1", recorded, refused, refused, refused},
		{"late commit after a takeover", history(reg, reg2, one), leaseEnd, ledger.StatusCommitted, all("replay"), all("replay"), "refuse conflict !1",
			"replay", "refuse+ divergent !3", "refuse+ nondeterministic !2", "refuse+ conflict !1", recorded, refused, refused, refused},
		{"request conflict under way", history(reg, mark(1, "q", "x")), 0, ledger.StatusDivergent, all("refuse divergent"), all("refuse divergent"), "refuse conflict",
			"record+ divergent", "record+ divergent", "record+ divergent", "refuse+ conflict", "replay", recorded, recorded, refused},
		{"response conflict", history(reg, one, two, mark(2, "a", "b")), 0, ledger.StatusDivergent, all("refuse divergent"), all("refuse divergent"), "refuse conflict",
			"replay divergent", "refuse+ divergent", "refuse+ nondeterministic", "refuse+ conflict", "replay", recorded, recorded, recorded},
		{"multiple commits", history(reg, one, committed("q", "a", "r3", 200), mark(3, "r1", "r3")), 0, ledger.StatusDivergent, all("refuse divergent"), all("refuse divergent"), "refuse conflict",
			"replay divergent", "refuse+ divergent", "refuse+ nondeterministic", "refuse+ conflict", "replay", recorded, recorded, recorded},
		{"released", history(reg, resolution(ledger.ResolveRetry)), 300, ledger.StatusReleased, all("invoke+"), all("invoke+"), "refuse conflict !1",
			recorded, recorded, recorded, "refuse+ conflict !1", recorded, refused, refused, refused},
		{"released after a commit", history(reg, one, two, mark(2, "a", "b"), resolution(ledger.ResolveRetry)), 300, ledger.StatusReleased, all("invoke+"), all("invoke+"), "refuse conflict !1",
			"replay", recorded, recorded, "refuse+ conflict !1", recorded, refused, refused, refused},
		{"abandoned", history(reg, resolution(ledger.ResolveAbandon)), 300, ledger.StatusAbandoned, all("refuse abandoned"), all("refuse abandoned"), "refuse conflict",
			"record+ abandoned", "record+ abandoned", "record+ abandoned", "refuse+ conflict", recorded, refused, refused, refused},
		{"abandoned with commits", history(reg, one, two, mark(2, "a", "b"), resolution(ledger.ResolveAbandon)), 300, ledger.StatusAbandoned, all("refuse abandoned"), all("refuse abandoned"), "refuse conflict",
			"replay abandoned", "refuse+ divergent", "refuse+ nondeterministic", "refuse+ conflict", "replay", refused, refused, recorded},
		{"accepted", history(reg, one, two, mark(2, "a", "b"), resolution(ledger.ResolveAccept, "r1")), 300, ledger.StatusCommitted, all("replay"), all("replay"), "refuse conflict !1",
			"replay", "refuse+ divergent !3", "refuse+ nondeterministic !2", "refuse+ conflict !1", recorded, refused, refused, refused},
		{"unverifiable commit", history(reg, one[0], unknown), 0, ledger.StatusUnverifiable, all("refuse unverifiable"), all("refuse unverifiable"), "refuse unverifiable",
			"replay unverifiable", "refuse+ divergent !3", "refuse+ nondeterministic !2", "refuse+ conflict !1", recorded, refused, refused, refused},
	}
}

func TestDecide(t *testing.T) {
	for _, r := range table() {
		s := ledger.Fold(idem, r.history)
		if got := s.At(r.now); got != r.status {
			t.Errorf("%s: it is %s, expected %s", r.name, got, r.status)
		}
		check := func(what, want string, ev ledger.Event, p ledger.Policy) {
			t.Helper()
			if got := describe(ledger.Decide(s, ev, r.now, p)); got != want {
				t.Errorf("%s, %s: %q, expected %q", r.name, what, got, want)
			}
		}
		for mode, m := range []ledger.RetryMode{ledger.Block, ledger.Retry, ledger.Probe} {
			p := ledger.Policy{Retry: m, Lease: time.Minute}
			for name, a := range map[string]ledger.Attempt{"alice": {Owner: alice}, "bob": {Owner: bob}} {
				want := r.alice[mode]
				if a.Owner == bob {
					want = r.bob[mode]
				}
				a.RequestHash = hashOf("q")
				check(fmt.Sprint(name, mode), want, ledger.Event{Attempt: &a}, p)
				other := a
				other.RequestHash = hashOf("x")
				check(fmt.Sprint(name, mode, " other request"), r.other, ledger.Event{Attempt: &other}, p)
				other.Keyless = true
				check("no key", "invoke", ledger.Event{Attempt: &other}, p)
			}
			check("same commit", r.same, ledger.Event{Commit: commitOf("q", "a", "r1", 200)}, p)
			check("another receipt", r.fresh, ledger.Event{Commit: commitOf("q", "a", "r9", 200)}, p)
			check("another response", r.response, ledger.Event{Commit: commitOf("q", "z", "r9", 200)}, p)
			check("another request's commit", r.request, ledger.Event{Commit: commitOf("x", "z", "r9", 200)}, p)
			check("mark", r.mark, ledger.Event{Mark: mark(3, "1", "2").Mark}, p)
			check("retry", r.retry, ledger.Event{Resolution: resolution(ledger.ResolveRetry).Resolution}, p)
			check("abandon", r.abandon, ledger.Event{Resolution: resolution(ledger.ResolveAbandon).Resolution}, p)
			check("accept", r.accept, ledger.Event{Resolution: resolution(ledger.ResolveAccept, "r1").Resolution}, p)
			check("accept the unknown", refused, ledger.Event{Resolution: resolution(ledger.ResolveAccept, "nobody's").Resolution}, p)
		}
		check("no event", "refuse", ledger.Event{}, ledger.Policy{})
	}
}

// TestEvidenceAscends checks marks for every reason, whichever side comes first.
func TestEvidenceAscends(t *testing.T) {
	for i := range 16 {
		s := ledger.Fold(idem, history(register(alice, 0, leaseEnd)))
		v := ledger.Decide(s, ledger.Event{Attempt: &ledger.Attempt{Owner: bob, RequestHash: hashOf(fmt.Sprint(i))}}, 0, ledger.Policy{Lease: time.Minute})
		if len(v.Evidence) != 2 || v.Evidence[0].Compare(v.Evidence[1]) >= 0 {
			t.Fatalf("%v", v.Evidence)
		}
	}
}

// TestAudit accepts every history of the table, and refuses histories that no rule-following executor would have
// written.
func TestAudit(t *testing.T) {
	for _, r := range table() {
		if r.status == ledger.StatusUnverifiable {
			continue
		}
		if err := ledger.Audit(idem, r.history); err != nil {
			t.Errorf("%s: %v", r.name, err)
		}
	}
	reg, one, two := register(alice, 0, leaseEnd), committed("q", "a", "r1", 200), committed("q", "b", "r2", 200)
	fenced := func(n uint64, e ledger.Entry) ledger.Entry {
		r := *e.Register
		r.Fence = &n
		e.Register = &r
		return e
	}
	lied := committed("q", "a", "r1", 200)
	lied[1].Commit = commitOf("q", "a", "r1", 500)
	for name, h := range map[string][]ledger.Entry{
		"a live lease taken over":         history(reg, register(bob, leaseEnd-1, 2*leaseEnd)),
		"a lease that is over at once":    history(reg, register(bob, leaseEnd, leaseEnd)),
		"a register after the commit":     history(reg, one, register(bob, leaseEnd, 2*leaseEnd)),
		"a register after a mark":         history(reg, mark(1, "q", "x"), register(alice, 1, 2*leaseEnd)),
		"a gap in the fences":             history(fenced(1, reg), fenced(3, register(bob, leaseEnd, 2*leaseEnd))),
		"a repeated fence":                history(fenced(1, reg), fenced(1, register(bob, leaseEnd, 2*leaseEnd))),
		"a commit without a register":     history(one),
		"a commit without its receipt":    history(reg, one[1]),
		"a receipt without its commit":    history(reg, one[0]),
		"a commit unlike its receipt":     history(reg, lied),
		"a conflict that is not marked":   history(reg, one, two),
		"another mark than is called for": history(reg, one, two, mark(3, "a", "b")),
		"other evidence":                  history(reg, one, two, mark(2, "a", "c")),
		"the same commit twice":           history(reg, one, one),
		"two marks":                       history(reg, mark(1, "q", "x"), mark(1, "q", "y")),
		"a resolution of nothing":         history(reg, one, resolution(ledger.ResolveRetry)),
		"an acceptance of nothing":        history(reg, mark(1, "q", "x"), resolution(ledger.ResolveAccept, "r7")),
	} {
		if err := ledger.Audit(idem, h); !errors.Is(err, ledger.ErrEntry) {
			t.Errorf("%s passes: %v", name, err)
		}
	}
	twisted := history(reg, one)
	twisted[0].Seq = 9
	if ledger.Audit(idem, twisted) == nil || ledger.Audit(hashOf("another"), history(reg)) == nil {
		t.Error("entries out of order, or of another effect, pass")
	}
}
