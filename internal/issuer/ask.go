package issuer

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/oidc"
	"github.com/mythos-project/mythos/internal/remote"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// ErrAnswer means that an authority answered with something else than what was asked for.
var ErrAnswer = fmt.Errorf("the authority's answer does not hold: %w", object.ErrInvalid)

// ErrOpenLine means that a token would be sent over a connection that others can read.
var ErrOpenLine = fmt.Errorf("%w: a token is only sent over https", caps.ErrDenied)

// Wish is what is asked for.
type Wish struct {
	Scope string
	TTL   time.Duration // 0: as long as the policy allows, at most an hour
	Token string        // empty: the key of the repository proves who asks
}

// Ask asks the authority of a ledger elsewhere for a capability for a repository's key, checks the answer, and stores
// it here. The names of the scope's tools are resolved by the repository; names that it does not know are left to the
// authority.
func Ask(ctx context.Context, n *repo.Repo, l *remote.Ledger, w Wish) (caps.Link, *ledger.Receipt, error) {
	text := w.Scope
	known, unknown := n.Find.Scope(ctx, text)
	if unknown == nil {
		text = known.String()
	}
	body, err := w.request(l.Client.URL, text)
	if err != nil {
		return caps.Link{}, nil, err
	}
	raw, err := remote.Post(ctx, l, Path, body)
	if err != nil {
		return caps.Link{}, nil, err
	}
	got, err := object.Decode[caps.Issued](raw)
	if err != nil {
		return caps.Link{}, nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	link, err := caps.Open(got.Capability)
	if err != nil {
		return link, nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if err := remote.Selector().Verify(caps.Chain{link}, n.Self(), max(n.Now(), link.Cap.NotBefore)); err != nil {
		return link, nil, err
	}
	if want, err := wanted(ctx, n, w.Scope, link); err != nil || want.Kind != link.Cap.Scope.Kind || !bytes.Equal(want.Payload, link.Cap.Scope.Payload) {
		return link, nil, errors.Join(fmt.Errorf("%w: it is for %s, not for the requested %s", ErrAnswer, w.Scope, link.Cap.Scope), err)
	}
	receipt, err := recorded(got, link, l.Agent())
	if err == nil {
		err = remote.Prove(ctx, l, caps.Chain{link}, got.Seq, got.Receipt)
	}
	if err == nil {
		err = n.Auth.Add(ctx, link)
	}
	return link, receipt, err
}

func (w *Wish) request(to, text string) ([]byte, error) {
	q := caps.Request{Scope: text}
	if w.TTL > 0 {
		us := uint64(w.TTL.Microseconds())
		q.TTLus = &us
	}
	if w.Token == "" {
		q.Nonce = make([]byte, caps.RequestNonce)
		_, _ = rand.Read(q.Nonce) // it never fails
		return can.Marshal(&q)
	}
	if u, err := url.Parse(to); err != nil || !oidc.Secure(u) {
		return nil, fmt.Errorf("%w, and %s has another scheme", ErrOpenLine, to)
	}
	q.Token = &w.Token
	if err := q.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", caps.ErrDenied, err)
	}
	return can.Marshal(&q)
}

// wanted returns the scope that was asked for. A tool name that is not known here stands for the tool that the
// capability is for.
func wanted(ctx context.Context, n *repo.Repo, text string, link caps.Link) (scope.CapScope, error) {
	got, err := link.Cap.Scope.Decode()
	if err != nil {
		return scope.CapScope{}, err
	}
	return scope.Parse(text, func(kind, name string) (object.Hash, error) {
		id, err := n.Find.Named(ctx, kind, name)
		if call, ok := got.(*scope.ToolCall); ok && err != nil && kind == "tool" {
			return call.ToolID, nil
		}
		return id, err
	})
}

// recorded checks that a receipt belongs to the capability.
func recorded(got *caps.Issued, link caps.Link, by object.AgentID) (*ledger.Receipt, error) {
	r, _, err := ledger.OpenReceipt(got.Receipt)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	proof, err := object.Decode[caps.Proof](got.Proof)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if !r.Signer.Same(by) || r.ToolID != exec.BuiltinID("cap.issue") || r.RequestHash != object.Sum(link.Raw) || r.ResponseHash != link.ID ||
		!slices.Contains(r.Evidence, object.Sum(got.Proof)) || !proof.Agent.Same(link.Cap.Subject) {
		return nil, fmt.Errorf("%w: its receipt is about something else", ErrAnswer)
	}
	return r, nil
}
