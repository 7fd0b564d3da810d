package model

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

func agent(name string) object.AgentID {
	return sign.FromSeed(object.SumText("key of "+name).Sum, name).Agent()
}

var ruleAgents = []object.AgentID{agent("vera"), agent("victor"), agent("wanda")}

func ptr[T any](v T) *T { return &v }

// drawPolicy draws a valid policy over a small world, so that two policies often overlap.
func drawPolicy(t *rapid.T, name string) *PolicyDef {
	p := &PolicyDef{}
	for i := range 2 {
		if rapid.Bool().Draw(t, name+" suite") || i == 1 && len(p.Suites) == 0 {
			p.Suites = append(p.Suites, object.SumText(string(rune('a'+i))))
		}
	}
	for i, a := range ruleAgents {
		if rapid.Bool().Draw(t, name+" verifier") || i == 2 && len(p.Verifiers) == 0 {
			p.Verifiers = append(p.Verifiers, a)
		}
	}
	p.Quorum = uint16(rapid.IntRange(1, len(p.Verifiers)).Draw(t, name+" quorum"))
	p.RollbackRule = rapid.Uint8Range(1, 2).Draw(t, name+" rollback")
	if rapid.Bool().Draw(t, name+" aged") {
		p.MaxAgeUs = ptr(rapid.Uint64Range(1, 3).Draw(t, name+" age"))
	}
	small := rapid.Int64Range(0, 2)
	for _, metric := range []string{"x", "y"} {
		th := Threshold{Metric: metric, Direction: rapid.Uint8Range(1, 2).Draw(t, name+" direction"), Critical: rapid.IntRange(0, 3).Draw(t, name+" critical") > 0}
		if rapid.Bool().Draw(t, name+" limited") {
			th.Limit = ptr(small.Draw(t, name+" limit"))
		}
		if rapid.Bool().Draw(t, name+" regresses") {
			th.LargestRegression = ptr(small.Draw(t, name+" regression"))
		}
		if rapid.Bool().Draw(t, name+" improves") {
			th.LeastImprovement = ptr(small.Draw(t, name+" improvement"))
		}
		if th.Check() == nil {
			p.Thresholds = append(p.Thresholds, th)
		}
	}
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	return p
}

// drawStricter makes a policy that is often at least as strict as p.
func drawStricter(t *rapid.T, p *PolicyDef) *PolicyDef {
	q := *p
	q.Thresholds = slices.Clone(p.Thresholds)
	switch rapid.IntRange(0, 6).Draw(t, "change") {
	case 0:
		q.Quorum = uint16(rapid.IntRange(1, len(q.Verifiers)).Draw(t, "quorum"))
	case 1:
		if len(q.Verifiers) > int(q.Quorum) {
			q.Verifiers = q.Verifiers[1:]
		}
	case 2:
		q.MaxAgeUs = ptr(rapid.Uint64Range(1, 3).Draw(t, "age"))
	case 3:
		q.RollbackRule = RollbackRequired
	default:
		for i := range q.Thresholds {
			other := drawPolicy(t, "other")
			if j := slices.IndexFunc(other.Thresholds, func(o Threshold) bool { return o.Metric == q.Thresholds[i].Metric }); j >= 0 {
				q.Thresholds[i] = other.Thresholds[j]
				q.Thresholds[i].Direction = p.Thresholds[i].Direction
			}
		}
	}
	return &q
}

// world is one model with all statements about it, in terms of a policy: the slow, obvious meaning of policies.
type world struct {
	passes   map[object.Hash]map[int]uint64 // suite → verifier → age of an EvalPass and an EvalMetric
	signed   map[int]uint64                 // verifier → age of a sign-off
	values   map[object.Hash]map[string]int64
	current  map[object.Hash]map[string]int64 // nil: the ring is empty
	fallback bool
}

func drawWorld(t *rapid.T) world {
	w := world{passes: map[object.Hash]map[int]uint64{}, signed: map[int]uint64{}, values: map[object.Hash]map[string]int64{}, fallback: rapid.Bool().Draw(t, "fallback")}
	age, value := rapid.Uint64Range(0, 4), rapid.Int64Range(-1, 4)
	full := rapid.Bool().Draw(t, "ring is full")
	if full {
		w.current = map[object.Hash]map[string]int64{}
	}
	for i := range 2 {
		suite := object.SumText(string(rune('a' + i)))
		w.passes[suite] = map[int]uint64{}
		for v := range ruleAgents {
			if rapid.IntRange(0, 3).Draw(t, "attests") > 0 {
				w.passes[suite][v] = age.Draw(t, "age")
			}
		}
		w.values[suite] = map[string]int64{"x": value.Draw(t, "x"), "y": value.Draw(t, "y")}
		if full {
			w.current[suite] = map[string]int64{"x": value.Draw(t, "x"), "y": value.Draw(t, "y")}
		}
	}
	for v := range ruleAgents {
		if rapid.IntRange(0, 3).Draw(t, "signs") > 0 {
			w.signed[v] = age.Draw(t, "age")
		}
	}
	return w
}

func (w world) counts(p *PolicyDef, who map[int]uint64) int {
	n := 0
	for v, age := range who {
		if p.Verifier(ruleAgents[v]) && (p.MaxAgeUs == nil || age <= *p.MaxAgeUs) {
			n++
		}
	}
	return n
}

func (w world) accepted(p *PolicyDef) bool {
	ok := w.counts(p, w.signed) >= int(p.Quorum)
	ok = ok && (w.current != nil || p.RollbackRule == RollbackPrevious || w.fallback)
	for _, s := range p.Suites {
		ok = ok && w.counts(p, w.passes[s]) > 0
		for _, th := range p.Thresholds {
			if !th.Critical {
				continue
			}
			sign := int64(1)
			if th.Direction == LowerIsBetter {
				sign = -1
			}
			v := w.values[s][th.Metric] * sign
			ok = ok && (th.Limit == nil || v >= *th.Limit*sign)
			if w.current != nil {
				base := w.current[s][th.Metric] * sign
				ok = ok && (th.LargestRegression == nil || base-v <= *th.LargestRegression)
				ok = ok && (th.LeastImprovement == nil || v-base >= *th.LeastImprovement)
			}
		}
	}
	return ok
}

// TestStricterIsSound: whatever a stricter policy accepts, the other accepts.
func TestStricterIsSound(t *testing.T) {
	stricter, accepted := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		b := drawPolicy(t, "b")
		a := drawStricter(t, b)
		if rapid.Bool().Draw(t, "swap") {
			a, b = b, a
		}
		ok, reason := StricterOrEqual(a, b)
		if ok != (reason == "") {
			t.Fatalf("%v with reason %q", ok, reason)
		}
		if !ok {
			return
		}
		stricter++
		for range 8 {
			w := drawWorld(t)
			if w.accepted(a) {
				accepted++
				if !w.accepted(b) {
					t.Fatalf("a accepts %+v, b does not", w)
				}
			}
		}
	})
	if stricter == 0 || accepted == 0 {
		t.Errorf("nothing was tested: %d pairs, %d accepted", stricter, accepted)
	}
}

func TestStricterIsAnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawPolicy(t, "c")
		b := drawStricter(t, c)
		a := drawStricter(t, b)
		if ok, why := StricterOrEqual(a, a); !ok {
			t.Fatalf("a policy is not as strict as itself: %s", why)
		}
		ab, _ := StricterOrEqual(a, b)
		bc, _ := StricterOrEqual(b, c)
		if ac, why := StricterOrEqual(a, c); ab && bc && !ac {
			t.Fatalf("not transitive: %s", why)
		}
		shuffled := *a
		shuffled.Suites, shuffled.Verifiers, shuffled.Thresholds = slices.Clone(a.Suites), slices.Clone(a.Verifiers), slices.Clone(a.Thresholds)
		slices.Reverse(shuffled.Suites)
		slices.Reverse(shuffled.Verifiers)
		slices.Reverse(shuffled.Thresholds)
		shuffled.Ring, shuffled.Name, shuffled.TimeObserved = 7, ptr("other"), 9
		if ok, why := StricterOrEqual(&shuffled, a); !ok {
			t.Fatalf("order, ring, name or time matter: %s", why)
		}
	})
}

// TestStricterSeesEachDemand weakens one demand at a time.
func TestStricterSeesEachDemand(t *testing.T) {
	base := func() *PolicyDef {
		return &PolicyDef{
			Suites: []object.Hash{object.SumText("suite")},
			Thresholds: []Threshold{
				{Metric: "accuracy_micro", Direction: HigherIsBetter, Limit: ptr[int64](900_000), LargestRegression: ptr[int64](10_000), LeastImprovement: ptr[int64](1), Critical: true},
				{Metric: "loss_micro", Direction: LowerIsBetter, Limit: ptr[int64](100_000), LeastImprovement: ptr[int64](0), Critical: true},
			},
			Quorum: 2, Verifiers: ruleAgents, RollbackRule: RollbackPrevious, MaxAgeUs: ptr[uint64](3_600_000_000),
		}
	}
	for name, weaken := range map[string]func(p *PolicyDef){
		"verifier":      func(p *PolicyDef) { p.Verifiers = append(slices.Clone(p.Verifiers), agent("stranger")) },
		"quorum":        func(p *PolicyDef) { p.Quorum-- },
		"age":           func(p *PolicyDef) { p.MaxAgeUs = ptr(*p.MaxAgeUs + 1) },
		"any age":       func(p *PolicyDef) { p.MaxAgeUs = nil },
		"suite":         func(p *PolicyDef) { p.Suites = []object.Hash{object.SumText("easy")} },
		"threshold":     func(p *PolicyDef) { p.Thresholds = p.Thresholds[:1] },
		"critical":      func(p *PolicyDef) { p.Thresholds[1].Critical = false },
		"direction":     func(p *PolicyDef) { p.Thresholds[0].Direction = LowerIsBetter },
		"limit":         func(p *PolicyDef) { p.Thresholds[0].Limit = ptr(*p.Thresholds[0].Limit - 1) },
		"upper limit":   func(p *PolicyDef) { p.Thresholds[1].Limit = ptr(*p.Thresholds[1].Limit + 1) },
		"no limit":      func(p *PolicyDef) { p.Thresholds[0].Limit = nil },
		"improvement":   func(p *PolicyDef) { p.Thresholds[0].LeastImprovement = ptr[int64](0) },
		"no comparison": func(p *PolicyDef) { p.Thresholds[1].LeastImprovement = nil },
	} {
		a, b := base(), base()
		weaken(a)
		if ok, _ := StricterOrEqual(a, b); ok {
			t.Errorf("%s: weaker is as strict", name)
		}
		if name == "direction" || name == "suite" {
			continue
		}
		if ok, why := StricterOrEqual(b, a); !ok {
			t.Errorf("%s: stricter is not: %s", name, why)
		}
	}
	a, b := base(), base()
	b.RollbackRule = RollbackRequired
	if ok, _ := StricterOrEqual(a, b); ok {
		t.Error("rollback rule: weaker is as strict")
	}
}

func TestMinusSaturates(t *testing.T) {
	for _, c := range []struct{ a, b, want int64 }{
		{5, 3, 2}, {math.MaxInt64, -1, math.MaxInt64}, {math.MinInt64, 1, math.MinInt64}, {0, math.MinInt64, math.MaxInt64},
		{math.MinInt64, math.MinInt64, 0}, {-1, math.MaxInt64, math.MinInt64}, {-2, math.MaxInt64, math.MinInt64},
	} {
		if got := minus(c.a, c.b); got != c.want {
			t.Errorf("%d - %d = %d, expected %d", c.a, c.b, got, c.want)
		}
	}
}
