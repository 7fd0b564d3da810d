package caps

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
)

// ErrPolicy means that the issuance policy does not allow a capability. It is an
// ErrDenied; every such refusal is a [*PolicyError].
var ErrPolicy = fmt.Errorf("%w: not allowed by the issuance policy", ErrDenied)

// PolicyError says, for every rule about the kind of scope, why it does not allow a capability.
type PolicyError struct {
	Policy    object.Hash
	Kind      uint8
	OnRequest bool          // somebody asked: only rules that apply to the asker are named
	Rules     []RuleRefusal // in the policy's order; empty: no rule is about the kind
}

// RuleRefusal says why one rule does not allow a capability.
type RuleRefusal struct{ Rule, Reason string }

// Error names the policy and each rule with its reason.
func (e *PolicyError) Error() string {
	if len(e.Rules) == 0 && e.OnRequest {
		return fmt.Sprintf("issuance policy %s has no rule that gives %s on such a request", e.Policy.Short(), scope.KindName(e.Kind))
	}
	if len(e.Rules) == 0 {
		return fmt.Sprintf("issuance policy %s has no rule about %s", e.Policy.Short(), scope.KindName(e.Kind))
	}
	reasons := make([]string, len(e.Rules))
	for i, r := range e.Rules {
		reasons[i] = fmt.Sprintf("rule %q: %s", r.Rule, r.Reason)
	}
	return fmt.Sprintf("issuance policy %s does not allow it: %s", e.Policy.Short(), strings.Join(reasons, "; "))
}

// Unwrap gives ErrPolicy.
func (e *PolicyError) Unwrap() error { return ErrPolicy }

// Permit returns the name of the first rule under which the draft may be issued now. Every field of the draft must be
// set. If there is no such rule, the error is a *PolicyError.
func (p *IssuancePolicy) Permit(d Draft, now object.Time) (rule string, err error) {
	r, err := p.first(&d, &PolicyError{}, func(r *IssuanceRule) error {
		if r.Token != nil {
			return errTokens
		}
		return r.permits(&d, now)
	})
	if err != nil {
		return "", err
	}
	return r.Name, nil
}

// MaxOnRequest is how long a requested capability lasts at most when the request does not say how long.
const MaxOnRequest = time.Hour

// PermitRequest returns the first rule that gives the draft to its subject on request, and the draft as the rule
// changes it. The draft requires revocation checks if the rule does. A draft without an end lasts as long as the rule
// allows, an hour at most. If there is no such rule, the error is a *PolicyError.
func (p *IssuancePolicy) PermitRequest(d Draft, by Asker, now object.Time) (Draft, *IssuanceRule, error) {
	var as Draft
	r, err := p.first(&d, &PolicyError{OnRequest: true}, func(r *IssuanceRule) error {
		if !by.about(r) {
			return errOthers
		}
		if by.Token != nil {
			if err := r.Token.admits(by.Token, by.Server, d.Subject); err != nil {
				return err
			}
		}
		as = d
		as.Revocable = d.Revocable || r.Revocable
		if as.ExpiresAt == 0 {
			as.ExpiresAt = now.Add(min(r.MaxTTL(), MaxOnRequest))
		}
		return r.permits(&as, now)
	})
	return as, r, err
}

// errOthers is the reason why a refusal does not even name a rule: the rule is about others.
var errOthers = errors.New("it does not give on such a request")

// first is the first rule about the draft's kind that permits it.
func (p *IssuancePolicy) first(d *Draft, refused *PolicyError, permits func(*IssuanceRule) error) (*IssuanceRule, error) {
	refused.Policy, refused.Kind = p.PolicyID, d.Scope.Kind
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Kind != KindAny && r.Kind != d.Scope.Kind {
			continue
		}
		switch reason := permits(r); reason {
		case nil:
			return r, nil
		case errOthers:
		default:
			refused.Rules = append(refused.Rules, RuleRefusal{r.Name, reason.Error()})
		}
	}
	return nil, refused
}

// permits returns why the rule does not allow the draft.
func (r *IssuanceRule) permits(d *Draft, now object.Time) error {
	if !r.serves(d.Subject) {
		return fmt.Errorf("%s is not among its subjects", d.Subject.Name())
	}
	asked, err := d.Scope.Decode()
	if err != nil {
		return err
	}
	if r.Within != nil {
		if err := d.Scope.Within(*r.Within); err != nil {
			return err
		}
	}
	for _, of := range scope.Resources {
		if err := r.limited(asked, of); err != nil {
			return err
		}
	}
	if ttl := uint64(max(0, d.ExpiresAt-min(now, d.NotBefore))); ttl > r.MaxTTLus {
		return fmt.Errorf("it lasts %s, at most %s are allowed", units.FormatMicros(ttl), units.FormatMicros(r.MaxTTLus))
	}
	if d.Delegable && !r.Delegable {
		return fmt.Errorf("it is delegable, the rule's may not be")
	}
	if r.Revocable && !d.Revocable {
		return fmt.Errorf("it must be revocable")
	}
	return nil
}

func (r *IssuanceRule) serves(subject object.AgentID) bool {
	if r.Subjects == nil {
		return true
	}
	for i := range r.Subjects {
		if r.Subjects[i].Same(subject) {
			return true
		}
	}
	return false
}

// limited returns why the scope's maximum of a resource is too large. A limit has no effect on a kind that does not
// count the resource.
func (r *IssuanceRule) limited(asked scope.Scope, of scope.Resource) error {
	most, limited := r.Limits[of]
	if !limited || !counts(asked.Kind(), of) {
		return nil
	}
	switch n, has := scope.AmountOf(scope.Limits(asked), of); {
	case !has:
		return fmt.Errorf("%s has no limit, at most %d are allowed", of, most)
	case n > most:
		return fmt.Errorf("%s is %d, at most %d are allowed", of, n, most)
	}
	return nil
}

// MaxTTL is the rule's longest time to live; the largest Duration when it does not
// fit.
func (r *IssuanceRule) MaxTTL() time.Duration {
	const most = uint64(1<<63-1) / 1000
	return time.Duration(min(r.MaxTTLus, most)) * time.Microsecond
}

// counts reports whether scopes of the kind have a maximum of the resource.
func counts(kind uint8, of scope.Resource) bool {
	for _, a := range (scope.Use{Kind: kind}).Cost() {
		if a.Of == of {
			return true
		}
	}
	return false
}
