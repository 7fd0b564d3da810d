package caps

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

const (
	// MaxPolicySize is the largest encoded issuance policy that is read, in bytes.
	MaxPolicySize = 1 << 20
	// MaxPolicyRules is the largest number of rules in an issuance policy.
	MaxPolicyRules = 1024
	maxRuleName    = 64 // bytes
)

// KindAny is the kind of a rule that covers every kind of scope.
const KindAny uint8 = 0

// IssuancePolicy says which capabilities an authority issues. A capability is issued when one rule allows all of it, so
// a policy without rules allows none (spec/capabilities.md#issuance). Of a repository's policies only the one with the
// largest sequence counts.
type IssuancePolicy struct {
	PolicyID     object.Hash      `can:"1,policy_id"`
	Issuer       object.AgentID   `can:"2,issuer"`   // the agent who signs the policy
	Rules        []IssuanceRule   `can:"3,rules"`    // at most 1024
	Sequence     uint64           `can:"4,sequence"` // rises with every policy
	TimeObserved object.Time      `can:"5,time_observed"`
	Signature    object.Signature `can:"6,signature"`
}

// IssuanceRule is one thing that a policy allows.
type IssuanceRule struct {
	Name      string                    `can:"1,name"`              // 1 to 64 bytes, unique in the policy
	Subjects  []object.AgentID          `can:"2,subjects,optional"` // who may get the capability; absent: anyone
	Kind      uint8                     `can:"3,kind"`              // 1 to 12, or 0 for any
	Within    *scope.CapScope           `can:"4,within"`            // the scope must be a subset of this one; absent: any of the kind
	MaxTTLus  uint64                    `can:"5,max_ttl_us"`        // longest time from the issuance to the end, microseconds
	Limits    map[scope.Resource]uint64 `can:"6,limits,optional"`   // largest maximum of each resource; absent: the maximum of within
	Delegable bool                      `can:"7,delegable"`         // the capability may be delegable
	Revocable bool                      `can:"8,revocable"`         // the capability must require revocation checks
	OnRequest *bool                     `can:"9,on_request"`        // its subjects get the capability on request; absent: false
	Token     *TokenRule                `can:"10,token"`            // only an asker who shows such a token gets the capability; absent: no token is required
}

var policyType = can.TypeOf(reflect.TypeFor[IssuancePolicy]())

// PolicyRule says how issuance policies are identified and signed.
var PolicyRule = object.Rule{Mask: can.Mask{1: nil, 6: nil}, IDField: 1, Signer: 2, Sig: 6}

// Check refuses policies whose rules are malformed or share a name [field-12].
func (p IssuancePolicy) Check() error {
	if len(p.Rules) > MaxPolicyRules {
		return fmt.Errorf("%d rules are more than %d", len(p.Rules), MaxPolicyRules)
	}
	names := map[string]bool{}
	for i := range p.Rules {
		r := &p.Rules[i]
		if err := r.check(); err != nil {
			return fmt.Errorf("rule %q: %w", r.Name, err)
		}
		if names[r.Name] {
			return fmt.Errorf("two rules are called %q", r.Name)
		}
		names[r.Name] = true
	}
	return nil
}

func (r *IssuanceRule) check() error {
	switch {
	case len(r.Name) == 0 || len(r.Name) > maxRuleName:
		return fmt.Errorf("a name has 1 to %d bytes", maxRuleName)
	case r.Kind > scope.MaxKind:
		return fmt.Errorf("scope kind %d is not known (1 to %d are, 0 is any)", r.Kind, scope.MaxKind)
	case r.Within != nil && r.Within.Kind != r.Kind:
		return fmt.Errorf("it is about %s, its scope about %s", scope.KindName(r.Kind), scope.KindName(r.Within.Kind))
	case r.MaxTTLus == 0:
		return errors.New("max_ttl_us 0 would allow nothing")
	case r.Token != nil && (r.Subjects != nil || r.OnRequest != nil):
		return errors.New("a rule about tokens names no subjects: it serves every agent that shows a token")
	case r.OnRequest != nil && *r.OnRequest && r.Subjects == nil:
		return errors.New("a rule that gives on request names its subjects")
	}
	if r.Token != nil {
		if err := r.Token.check(); err != nil {
			return err
		}
	}
	for of := range r.Limits {
		if !slices.Contains(scope.Resources, of) {
			return fmt.Errorf("the resource %q is not known (%s are)", of, scope.ResourceNames())
		}
	}
	return nil
}

// NewIssuancePolicy signs a policy that comes after prev (nil: the first).
func NewIssuancePolicy(s sign.Signer, prev *IssuancePolicy, rules []IssuanceRule, now object.Time) (*IssuancePolicy, []byte, error) {
	next := &IssuancePolicy{Issuer: s.Agent(), Rules: rules, Sequence: 1, TimeObserved: now}
	if next.Rules == nil {
		next.Rules = []IssuanceRule{}
	}
	if prev != nil {
		if next.Sequence = prev.Sequence + 1; next.Sequence == 0 {
			return nil, nil, errors.New("the sequence is used up")
		}
	}
	if err := next.Check(); err != nil {
		return nil, nil, fmt.Errorf("issuance policy: %w", err)
	}
	raw, err := sign.Seal(s, PolicyRule, next, &next.PolicyID, &next.Signature)
	if err != nil {
		return nil, nil, fmt.Errorf("issuance policy: %w", err)
	}
	if _, err := OpenIssuancePolicy(raw); err != nil {
		return nil, nil, err
	}
	return next, raw, nil
}

// OpenIssuancePolicy reads a policy and checks its fields, its id and its signature. The caller decides whether the
// signer is trusted. OpenIssuancePolicy refuses unknown fields, because one might narrow a rule.
func OpenIssuancePolicy(raw []byte) (*IssuancePolicy, error) {
	if len(raw) > MaxPolicySize {
		return nil, fmt.Errorf("an issuance policy of %d bytes is larger than %d", len(raw), MaxPolicySize)
	}
	p, id, err := object.Open[IssuancePolicy](raw, PolicyRule)
	if err != nil {
		return nil, fmt.Errorf("issuance policy: %w", err)
	}
	if err := scope.Known(policyType, can.NewReader(raw)); err != nil {
		return nil, fmt.Errorf("issuance policy %s: %w", id.Short(), err)
	}
	for i := range p.Rules {
		if w := p.Rules[i].Within; w != nil && !w.Plain() {
			return nil, fmt.Errorf("issuance policy %s: rule %q: %w", id.Short(), p.Rules[i].Name, scope.ErrUnknownField)
		}
	}
	if err := sign.VerifyID(p.Issuer, id, p.Signature); err != nil {
		return nil, fmt.Errorf("issuance policy %s: %w", id.Short(), err)
	}
	return p, nil
}
