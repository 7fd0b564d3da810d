package capcmd

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/overview"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
)

// view is a capability as --json shows it.
type view struct {
	ID        object.Hash   `json:"cap_id"`
	Scope     string        `json:"scope"`
	Tool      string        `json:"tool,omitempty"` // the local name of the tool of a tool.call
	Issuer    cmdutil.Party `json:"issuer"`
	Subject   cmdutil.Party `json:"subject"`
	NotBefore object.Time   `json:"not_before"`
	ExpiresAt object.Time   `json:"expires_at"`
	Delegable bool          `json:"delegable"`
	Revocable bool          `json:"revocable"`
	Parent    *object.Hash  `json:"parent,omitempty"`
}

func describe(ctx context.Context, n *repo.Repo, l caps.Link) view {
	return view{ID: l.ID, Scope: l.Cap.Scope.String(), Tool: overview.ToolOf(ctx, n, l.Cap.Scope), Issuer: cmdutil.PartyOf(l.Cap.Issuer), Subject: cmdutil.PartyOf(l.Cap.Subject),
		NotBefore: l.Cap.NotBefore, ExpiresAt: l.Cap.ExpiresAt, Delegable: l.Cap.Delegable, Revocable: l.Cap.Revocable(), Parent: l.Cap.AttenuationParent}
}

// The states of capabilities.
const (
	stateValid     = "valid"
	stateUsedUp    = "used up"
	stateExpired   = "expired"
	stateEarly     = "not yet"
	stateRevoked   = "revoked"
	stateUntrusted = "untrusted" // its issuer is not, or no longer, trusted for it
	stateInvalid   = "invalid"
)

// standing is a capability with its present state.
type standing struct {
	view
	State  string      `json:"state"`            // valid, used up, expired, not yet, revoked, untrusted or invalid
	Reason string      `json:"reason,omitempty"` // why it is not valid
	Left   quota.Usage `json:"left"`             // of each maximum; resources without one are left out
}

// stand judges a capability for its own subject, now.
func stand(ctx context.Context, n *repo.Repo, l caps.Link, now object.Time) (standing, error) {
	s := standing{view: describe(ctx, n, l), State: stateValid, Left: quota.Usage{}}
	ch, err := n.Auth.Chain(ctx, l.ID)
	if err != nil {
		s.State, s.Reason = stateInvalid, err.Error()
		return s, ctx.Err()
	}
	if s.Left, err = n.Quotas.Left(ctx, ch); err != nil {
		return s, err
	}
	if err := n.Verifier.Verify(ch, l.Cap.Subject, now); err != nil {
		s.State, s.Reason = stateOf(err, ch, now), err.Error()
		return s, ctx.Err()
	}
	for _, of := range slices.Sorted(maps.Keys(s.Left)) {
		if s.Left[of] == 0 {
			s.State, s.Reason = stateUsedUp, "no "+string(of)+" are left"
		}
	}
	return s, nil
}

func stateOf(err error, ch caps.Chain, now object.Time) string {
	var denied *caps.DeniedError
	if !errors.As(err, &denied) {
		return stateInvalid
	}
	switch denied.Check {
	case caps.CheckTime:
		if slices.ContainsFunc(ch, func(l caps.Link) bool { return now < l.Cap.NotBefore }) {
			return stateEarly
		}
		return stateExpired
	case caps.CheckRevocation:
		return stateRevoked
	case caps.CheckTrust:
		return stateUntrusted
	}
	return stateInvalid
}

// left describes what is left; empty: there is no maximum.
func left(u quota.Usage) string {
	var parts []string
	for _, of := range slices.Sorted(maps.Keys(u)) {
		parts = append(parts, scope.Amount{Of: of, N: u[of]}.String())
	}
	return strings.Join(parts, ", ")
}

// scopeText is the scope with its tool's name, which can be parsed again.
func (v *view) scopeText() string { return overview.Named(v.Scope, v.Tool) }
