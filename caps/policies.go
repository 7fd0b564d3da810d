package caps

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/store/kv"
)

const policyKey = kv.IssuePolicy + "current"

// ErrPolicyOld means that the policy in force has the same or a larger sequence.
var ErrPolicyOld = errors.New("a newer issuance policy is in force")

// ErrPolicySigner means that the signer of a policy is not trusted for policies. A stored policy of such an agent
// allows nothing.
var ErrPolicySigner = fmt.Errorf("%w: its signer is not trusted for issuance policies", ErrPolicy)

// Policies stores the issuance policy in force, under ip/current.
type Policies struct {
	kv KV
	// reports, by its issuer, whether a policy counts
	trusted func(*IssuancePolicy) bool
}

// NewPolicies stores the policy in kv. trusted reports whether the issuer of a verified policy counts.
func NewPolicies(kv KV, trusted func(*IssuancePolicy) bool) *Policies {
	return &Policies{kv: kv, trusted: trusted}
}

// Current is the policy in force and its bytes; nil when none was ever set. It fails closed: a damaged policy, or one
// whose signer is no longer trusted, is an error.
func (p *Policies) Current(ctx context.Context) (*IssuancePolicy, []byte, error) {
	raw, found, err := p.kv.Get(ctx, policyKey)
	if err != nil {
		return nil, nil, fmt.Errorf("read issuance policy: %w", err)
	}
	if !found {
		return nil, nil, nil
	}
	policy, err := p.open(raw)
	return policy, raw, err
}

func (p *Policies) open(raw []byte) (*IssuancePolicy, error) {
	policy, err := OpenIssuancePolicy(raw)
	if err != nil {
		return nil, err
	}
	if !p.trusted(policy) {
		return nil, fmt.Errorf("issuance policy %s of %s: %w", policy.PolicyID.Short(), policy.Issuer.Name(), ErrPolicySigner)
	}
	return policy, nil
}

// Put puts a policy in force, durably. Putting the policy that is already in force is not an error. If the sequence does
// not rise, the error is ErrPolicyOld.
func (p *Policies) Put(ctx context.Context, raw []byte) (*IssuancePolicy, error) {
	policy, err := p.open(raw)
	if err != nil {
		return nil, err
	}
	for {
		kept, found, err := p.kv.Get(ctx, policyKey)
		if err != nil {
			return nil, fmt.Errorf("read issuance policy: %w", err)
		}
		if found {
			// The signer does not matter here: the next sequence must exceed this one in any case.
			old, err := OpenIssuancePolicy(kept)
			if err != nil {
				return nil, err
			}
			if old.PolicyID == policy.PolicyID {
				return policy, nil
			}
			if old.Sequence >= policy.Sequence {
				return nil, fmt.Errorf("%w: number %d, this one is number %d", ErrPolicyOld, old.Sequence, policy.Sequence)
			}
		} else {
			kept = nil
		}
		ok, err := p.kv.Update(ctx, map[string][]byte{policyKey: kept}, map[string][]byte{policyKey: raw})
		if err != nil {
			return nil, fmt.Errorf("keep issuance policy: %w", err)
		}
		if ok {
			return policy, nil
		}
	}
}

// Kept is the policy that was put last, whether or not its signer is still trusted. The next policy follows it. Nil
// when there is none.
func (p *Policies) Kept(ctx context.Context) (*IssuancePolicy, error) {
	raw, found, err := p.kv.Get(ctx, policyKey)
	if err != nil || !found {
		return nil, err
	}
	return OpenIssuancePolicy(raw)
}
