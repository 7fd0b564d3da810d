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

// ErrPolicySigner means that a policy is signed by an agent who is not trusted
// for policies. The kept policy of such an agent allows nothing.
var ErrPolicySigner = fmt.Errorf("%w: its signer is not trusted for issuance policies", ErrPolicy)

// Policies keeps the issuance policy in force, under ip/current.
type Policies struct {
	kv KV
	// trusted tells whether a policy counts, by its issuer.
	trusted func(*IssuancePolicy) bool
}

// NewPolicies keeps the policy in kv; trusted tells of a policy, which verifies, whether
// its issuer counts.
func NewPolicies(kv KV, trusted func(*IssuancePolicy) bool) *Policies {
	return &Policies{kv: kv, trusted: trusted}
}

// Current is the policy in force and its bytes; nil when none was ever set. A
// damaged one, and one whose signer is no longer trusted, is an error: it fails
// closed.
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

// Put puts a policy in force, durably. The one in force already is no error; one
// with a sequence that does not rise is ErrPolicyOld.
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
			// No matter who signed it: its sequence is what the next one has to exceed.
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

// Kept is the policy that was put last, whether or not its signer is still
// trusted: what the next one follows. Nil when there is none.
func (p *Policies) Kept(ctx context.Context) (*IssuancePolicy, error) {
	raw, found, err := p.kv.Get(ctx, policyKey)
	if err != nil || !found {
		return nil, err
	}
	return OpenIssuancePolicy(raw)
}
