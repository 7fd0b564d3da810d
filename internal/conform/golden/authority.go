package golden

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/conform/golden/input"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/memory"
)

// quotaIn is a sequence of charges to capabilities.
type quotaIn struct {
	Chains [][]input.Hex `json:"chains"` // leaf first
	Steps  []quotaStep   `json:"steps"`
}

type quotaStep struct {
	Chain  int    `json:"chain"`            // number of the chain, from 0
	Charge *useIn `json:"charge,omitempty"` // before an effect
	Refund *useIn `json:"refund,omitempty"` // of the charge for an effect that did not run
	Spent  *spent `json:"spent,omitempty"`  // of a charged price
	At     uint64 `json:"at_us,omitempty"`  // time; 0: rates do not matter
}

// spent is an effect's charge beside its call, and the part that its tool used.
type spent struct {
	Price uint64 `json:"price"`
	Used  uint64 `json:"used"`
}

type quotaOut struct {
	Steps []any         `json:"steps"` // "done", or refused
	Used  []quota.Usage `json:"used"`  // of each link of each chain, in their order
}

func quotaOf(in json.RawMessage) (any, error) {
	var v quotaIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	var now object.Time
	db := memory.New()
	ctx, quotas := context.Background(), quota.New(db, func() object.Time { return now })
	var chains []caps.Chain
	for _, raws := range v.Chains {
		chain, err := caps.OpenChain(input.Bytes(raws)...)
		if err != nil {
			return nil, err
		}
		chains = append(chains, chain)
	}
	out := quotaOut{Steps: []any{}, Used: []quota.Usage{}}
	for i, s := range v.Steps {
		if s.Chain < 0 || s.Chain >= len(chains) || s.kinds() != 1 {
			return nil, fmt.Errorf("step %d charges or refunds a chain, or says what was spent", i)
		}
		var err error
		now = object.Time(s.At)
		switch {
		case s.Charge != nil:
			err = quotas.Charge(ctx, chains[s.Chain], s.Charge.use())
		case s.Refund != nil:
			err = quotas.Refund(ctx, chains[s.Chain], s.Refund.use())
		default:
			err = settle(ctx, db, quotas, chains[s.Chain], *s.Spent)
		}
		var step any = "done"
		if err != nil {
			if step, err = refused(err); err != nil {
				return nil, err
			}
		}
		out.Steps = append(out.Steps, step)
	}
	for _, chain := range chains {
		for _, link := range chain {
			used, err := quotas.Used(ctx, link.ID)
			if err != nil {
				return nil, err
			}
			out.Used = append(out.Used, used)
		}
	}
	return out, nil
}

func (s quotaStep) kinds() (n int) {
	for _, is := range []bool{s.Charge != nil, s.Refund != nil, s.Spent != nil} {
		if is {
			n++
		}
	}
	return n
}

func settle(ctx context.Context, db *memory.DB, quotas *quota.Quotas, chain caps.Chain, s spent) error {
	_, ride, err := quotas.Settling(chain, s.Price, s.Used, nil)
	if err != nil {
		return err
	}
	put, err := ride(func(key string) ([]byte, error) { return kv.GetOrNil(ctx, db, key) })
	if err == nil {
		_, err = db.Update(ctx, nil, put)
	}
	return err
}

// issuanceIn is a policy, and a capability to issue under it.
type issuanceIn struct {
	Policy    input.Hex       `json:"policy"`
	At        int64           `json:"at_us"`
	Subject   string          `json:"subject_key"`
	Scope     json.RawMessage `json:"scope"` // the JSON view of a CapScope
	NotBefore int64           `json:"not_before_us"`
	ExpiresAt int64           `json:"expires_at_us"`
	Delegable bool            `json:"delegable,omitempty"`
	Revocable bool            `json:"revocable,omitempty"`

	// Asked is the server that the subject asks; absent: there is no request. A request may have no end.
	Asked string      `json:"server_key,omitempty"`
	Token *shownToken `json:"token,omitempty"`
}

// shownToken is a token that was verified.
type shownToken struct {
	Issuer   string            `json:"issuer"`
	Subject  string            `json:"subject"`
	Audience string            `json:"audience"`
	Claims   map[string]string `json:"claims"`
}

func issuanceOf(in json.RawMessage) (any, error) {
	var v issuanceIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	policy, err := caps.OpenIssuancePolicy(v.Policy)
	if err != nil {
		if out, err := refused(err); err == nil {
			return out, nil
		}
		return refusal{Refused: "unknown field"}, nil
	}
	subject, err := object.ParseKey(v.Subject)
	if err != nil {
		return nil, err
	}
	raw, err := input.View("CapScope", v.Scope)
	if err != nil {
		return nil, err
	}
	scope, err := object.Decode[scope.CapScope](raw)
	if err != nil {
		return nil, err
	}
	draft := caps.Draft{Subject: subject, Scope: *scope, NotBefore: object.Time(v.NotBefore), ExpiresAt: object.Time(v.ExpiresAt),
		Delegable: v.Delegable, Revocable: v.Revocable}
	out, err := v.judge(policy, draft)
	var no *caps.PolicyError
	if errors.As(err, &no) {
		rules := []string{} // rules about the kind
		for _, r := range no.Rules {
			rules = append(rules, r.Rule)
		}
		return map[string]any{"refused": "issuance policy", "rules": rules}, nil
	}
	return out, err
}

func (v *issuanceIn) judge(policy *caps.IssuancePolicy, d caps.Draft) (any, error) {
	if v.Asked == "" {
		rule, err := policy.Permit(d, object.Time(v.At))
		return map[string]string{"rule": rule}, err
	}
	server, err := object.ParseKey(v.Asked)
	if err != nil {
		return nil, err
	}
	by := caps.Asker{Server: server}
	if v.Token != nil {
		by.Token = &caps.ShownToken{Issuer: v.Token.Issuer, Subject: v.Token.Subject, Audience: v.Token.Audience, Claims: v.Token.Claims}
	}
	as, rule, err := policy.PermitRequest(d, by, object.Time(v.At))
	if err != nil {
		return nil, err
	}
	return map[string]any{"rule": rule.Name, "expires_at_us": int64(as.ExpiresAt), "revocable": as.Revocable}, nil
}

// strictnessOf compares two policies, given as their JSON views.
func strictnessOf(in json.RawMessage) (any, error) {
	var v struct {
		A json.RawMessage `json:"a"`
		B json.RawMessage `json:"b"`
	}
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	var both [2]*model.PolicyDef
	for i, view := range []json.RawMessage{v.A, v.B} {
		raw, err := input.View("PolicyDef", view)
		if err != nil {
			return nil, err
		}
		if both[i], err = object.Decode[model.PolicyDef](raw); err != nil {
			return nil, err
		}
	}
	ok, _ := model.StricterOrEqual(both[0], both[1])
	return map[string]bool{"at_least_as_strict": ok}, nil
}
