package model

import (
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/object"
)

// StricterOrEqual reports whether a is at least as strict as b: whatever passes a passes b, for every model and every
// set of attestations. If not, reason names the first requirement of b that a lacks. Rings, names, signers and
// non-critical thresholds do not matter (spec/learning.md#strictness) [learn-45].
func StricterOrEqual(a, b *PolicyDef) (ok bool, reason string) {
	for _, check := range []func(a, b *PolicyDef) string{
		weakerVerifiers, weakerQuorum, weakerAge, weakerSuites, weakerThresholds, weakerRollback, weakerKeep, weakerImported,
	} {
		if reason := check(a, b); reason != "" {
			return false, reason
		}
	}
	return true, ""
}

// weakerVerifiers: an attestation that counts for a must count for b.
func weakerVerifiers(a, b *PolicyDef) string {
	for _, v := range a.Verifiers {
		if !b.Verifier(v) {
			return fmt.Sprintf("verifier %s is trusted, the other policy does not trust it", v)
		}
	}
	return ""
}

func weakerQuorum(a, b *PolicyDef) string {
	if a.Quorum < b.Quorum {
		return fmt.Sprintf("a quorum of %d is less than %d", a.Quorum, b.Quorum)
	}
	return ""
}

func weakerAge(a, b *PolicyDef) string {
	switch {
	case b.MaxAgeUs == nil:
		return ""
	case a.MaxAgeUs == nil:
		return fmt.Sprintf("attestations may be of any age, the other policy allows %s", micros(*b.MaxAgeUs))
	case *a.MaxAgeUs > *b.MaxAgeUs:
		return fmt.Sprintf("attestations may be %s old, the other policy allows %s", micros(*a.MaxAgeUs), micros(*b.MaxAgeUs))
	}
	return ""
}

func weakerSuites(a, b *PolicyDef) string {
	for _, s := range b.Suites {
		if !slices.Contains(a.Suites, s) {
			return fmt.Sprintf("suite %s is not required", s.Short())
		}
	}
	return ""
}

func weakerThresholds(a, b *PolicyDef) string {
	for _, want := range b.Thresholds {
		if !want.Critical {
			continue
		}
		have, ok := a.critical(want.Metric)
		if !ok {
			return fmt.Sprintf("metric %s has no critical threshold", want.Metric)
		}
		if have.Direction != want.Direction {
			return fmt.Sprintf("metric %s: the policies do not agree on which direction is better", want.Metric)
		}
		if reason := have.weaker(want); reason != "" {
			return fmt.Sprintf("metric %s: %s", want.Metric, reason)
		}
	}
	return "" // each required suite must meet a threshold, so more suites require more
}

// critical finds the critical threshold of a metric.
func (p *PolicyDef) critical(metric string) (Threshold, bool) {
	for _, t := range p.Thresholds {
		if t.Metric == metric && t.Critical {
			return t, true
		}
	}
	return Threshold{}, false
}

// weaker names the requirement of want that t lacks. Both have the same direction.
func (t Threshold) weaker(want Threshold) string {
	if want.Limit != nil && (t.Limit == nil || t.Worse(*t.Limit, *want.Limit) > 0) {
		return fmt.Sprintf("the limit is %s, the other policy has %d", number(t.Limit), *want.Limit)
	}
	improves := t.LeastImprovement != nil
	if want.LargestRegression != nil && !improves &&
		(t.LargestRegression == nil || *t.LargestRegression > *want.LargestRegression) {
		return fmt.Sprintf("the largest regression is %s, the other policy has %d", number(t.LargestRegression), *want.LargestRegression)
	}
	if want.LeastImprovement != nil && *want.LeastImprovement == 0 && t.LargestRegression != nil && *t.LargestRegression == 0 {
		return "" // not being worse means being better by at least 0
	}
	if want.LeastImprovement != nil && (!improves || *t.LeastImprovement < *want.LeastImprovement) {
		return fmt.Sprintf("the least improvement is %s, the other policy has %d", number(t.LeastImprovement), *want.LeastImprovement)
	}
	return ""
}

// Worse is by how much value is worse than reference, saturating.
func (t Threshold) Worse(value, reference int64) int64 {
	if t.Direction == HigherIsBetter {
		return minus(reference, value)
	}
	return minus(value, reference)
}

// Outdated reports whether an attestation made at a time is now older than the policy allows, and how old it may be.
func (p *PolicyDef) Outdated(made, now object.Time) (most string, outdated bool) {
	if p.MaxAgeUs == nil || minus(int64(now), int64(made)) <= int64(min(*p.MaxAgeUs, 1<<62)) {
		return "", false
	}
	return micros(*p.MaxAgeUs), true
}

// minus is a - b, clamped to the range if it would overflow.
func minus(a, b int64) int64 {
	d := a - b
	switch {
	case a >= 0 && b < 0 && d < 0:
		return 1<<63 - 1
	case a < 0 && b > 0 && d >= 0:
		return -1 << 63
	}
	return d
}

func number(n *int64) string {
	if n == nil {
		return "absent"
	}
	return fmt.Sprint(*n)
}

func weakerRollback(a, b *PolicyDef) string {
	if a.RollbackRule < b.RollbackRule {
		return "an empty ring needs no rollback model, under the other policy it does"
	}
	return ""
}

func weakerKeep(a, b *PolicyDef) string {
	switch {
	case a.KeepModels == nil:
		return ""
	case b.KeepModels == nil:
		return fmt.Sprintf("%d models are kept for rollbacks, the other policy keeps all", *a.KeepModels)
	case *a.KeepModels < *b.KeepModels:
		return fmt.Sprintf("%d models are kept for rollbacks, the other policy keeps %d", *a.KeepModels, *b.KeepModels)
	}
	return ""
}

func weakerImported(a, b *PolicyDef) string {
	if a.Imported && !b.Imported {
		return "imported models are admitted, the other policy admits none"
	}
	return ""
}

// micros prints a number of microseconds as a duration.
func micros(us uint64) string {
	const most = 1 << 53 // far below the point where a Duration overflows
	if us > most {
		return fmt.Sprintf("%d µs", us)
	}
	return fmt.Sprint(object.Time(us).Std().Sub(object.Time(0).Std()))
}
