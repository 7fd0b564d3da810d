package oidc

import (
	"context"
	"crypto"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/mythos-project/mythos/caps"
)

// Verifier verifies tokens, and remembers the keys of issuers. It is safe for concurrent
// use.
type Verifier struct {
	Now func() time.Time

	once    sync.Once
	client  *http.Client
	mu      sync.Mutex
	issuers map[string]*issuer
}

// Verify checks a token of one of the trusted issuers. The caller judges its audience and claims. Errors are ErrToken
// and ErrUnreachable.
func (v *Verifier) Verify(ctx context.Context, raw string, trusted func(issuer string) bool) (*Token, error) {
	now := v.Now()
	c, err := readTimely(raw, trusted, now)
	if err != nil {
		return nil, err
	}
	v.once.Do(func() { v.client = newClient() })
	key, err := v.issuer(c.Issuer).key(ctx, v.client, c, now)
	if err != nil {
		return nil, err
	}
	return c.signed(ctx, raw, key)
}

// VerifyWith is Verify with an issuer's key set that the caller already has. Errors are ErrToken, and those of the key
// set.
func VerifyWith(ctx context.Context, raw, name string, keySet []byte, now time.Time) (*Token, error) {
	keys, err := parseKeys(keySet)
	if err != nil {
		return nil, err
	}
	c, err := readTimely(raw, func(other string) bool { return other == name }, now)
	if err != nil {
		return nil, err
	}
	key, err := (&issuer{name: name, keys: keys}).find(c)
	if err != nil {
		return nil, err
	}
	return c.signed(ctx, raw, key)
}

// readTimely reads a token of a trusted issuer, whose signature is not verified yet.
func readTimely(raw string, trusted func(issuer string) bool, now time.Time) (*claims, error) {
	c, err := read(raw)
	if err != nil {
		return nil, err
	}
	if !trusted(c.Issuer) {
		return nil, refuse("no rule takes tokens of %q", c.Issuer)
	}
	return c, c.timely(now)
}

// signed checks the signature. Audience and times are judged here: with our own tolerance, and exactly one audience.
func (c *claims) signed(ctx context.Context, raw string, key crypto.PublicKey) (*Token, error) {
	known := &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{key}}
	judge := oidc.NewVerifier(c.Issuer, known, &oidc.Config{SupportedSigningAlgs: []string{c.alg}, SkipClientIDCheck: true, SkipExpiryCheck: true})
	if _, err := judge.Verify(ctx, raw); err != nil {
		return nil, refuse("%v", bounded(err))
	}
	return &c.Token, nil
}

// issuer returns what is known of a trusted issuer: there are no more of them than the policy names.
func (v *Verifier) issuer(name string) *issuer {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.issuers == nil {
		v.issuers = map[string]*issuer{}
	}
	if v.issuers[name] == nil {
		v.issuers[name] = &issuer{name: name, turn: make(chan struct{}, 1)}
	}
	return v.issuers[name]
}

// newClient returns a client that fetches bounded documents, over https or from loopback addresses, and follows no
// redirects.
func newClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxResponseHeaderBytes = 64 << 10
	t.DisableKeepAlives = true // issuers are asked every few minutes
	return &http.Client{Transport: &fetcher{t}, Timeout: fetchTime, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		return errors.New("it redirects to " + r.URL.Redacted() + ", which is not followed")
	}}
}

type fetcher struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (f *fetcher) RoundTrip(r *http.Request) (*http.Response, error) {
	if !Secure(r.URL) {
		return nil, errors.New(r.URL.Redacted() + " does not use https")
	}
	res, err := f.next.RoundTrip(r)
	if err == nil {
		res.Body = &bound{res.Body, maxFetch}
	}
	return res, err
}

// Secure reports whether nobody on the way can read or change the traffic.
func Secure(u *url.URL) bool { return u.Scheme == "https" || u.Scheme == "http" && caps.Loopback(u) }

var errLong = errors.New("its answer is too long")

// bound is a body of which a limited number of bytes is read.
type bound struct {
	io.ReadCloser
	left int
}

// Read implements io.Reader.
func (b *bound) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errLong
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
