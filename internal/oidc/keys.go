package oidc

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/mythos-project/mythos/caps"
)

// ErrUnreachable means that an issuer could not be asked for its keys, or its answer could not be read: whether the
// token is valid is unknown.
var ErrUnreachable = errors.New("the issuer of the token cannot be asked for its keys")

// Bounds of what is fetched from an issuer.
const (
	keepKeys  = 10 * time.Minute // after which a key that the issuer has withdrawn no longer counts
	pause     = 10 * time.Second // between two fetches
	fetchTime = 10 * time.Second
	maxFetch  = 1 << 20 // for each document
	maxKeys   = 256
	minRSA    = 2048 // bits
)

// issuer is what is known of an issuer.
type issuer struct {
	name string
	turn chan struct{} // holds one item while somebody fetches keys

	keys           []jose.JSONWebKey
	tried, fetched time.Time // when it was last asked, and when it last answered
	err            error     // of the last try
}

// key returns the key that a token names. An unknown key is fetched, but not again right after a fetch.
func (is *issuer) key(ctx context.Context, client *http.Client, c *claims, now time.Time) (crypto.PublicKey, error) {
	select {
	case is.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-is.turn }()
	if since(is.fetched, now) < keepKeys {
		if key, err := is.find(c); err == nil {
			return key, nil
		}
	} else {
		is.keys = nil
	}
	if since(is.tried, now) >= pause {
		is.tried = now
		var keys []jose.JSONWebKey
		if keys, is.err = fetchKeys(context.WithoutCancel(ctx), client, is.name); is.err == nil {
			is.keys, is.fetched = keys, now
		}
	}
	if is.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, is.err)
	}
	return is.find(c)
}

// since returns how long ago something was; a clock that went back is no reason to wait.
func since(then, now time.Time) time.Duration {
	if then.IsZero() || now.Before(then) {
		return 1<<63 - 1
	}
	return now.Sub(then)
}

// find returns the key of the set that a token names.
func (is *issuer) find(c *claims) (crypto.PublicKey, error) {
	var found []jose.JSONWebKey
	for _, k := range is.keys {
		if k.KeyID == c.kid || c.kid == "" {
			found = append(found, k)
		}
	}
	switch {
	case len(found) == 0:
		return nil, refuse("%s has no key %q", is.name, c.kid)
	case len(found) > 1:
		return nil, refuse("%s has %d keys that the token may mean (kid %q)", is.name, len(found), c.kid)
	case found[0].Algorithm != "" && found[0].Algorithm != c.alg:
		return nil, refuse("the key %q of %s is for %s, and the token is signed with %s", c.kid, is.name, found[0].Algorithm, c.alg)
	case found[0].Use != "" && found[0].Use != "sig":
		return nil, refuse("the key %q of %s is not for signatures", c.kid, is.name)
	}
	fits := false
	switch key := found[0].Key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < minRSA {
			return nil, refuse("the key %q of %s has %d bits, and %d are the least", c.kid, is.name, key.N.BitLen(), minRSA)
		}
		fits = strings.HasPrefix(c.alg, "RS") || strings.HasPrefix(c.alg, "PS")
	case *ecdsa.PublicKey:
		fits = strings.HasPrefix(c.alg, "ES")
	case ed25519.PublicKey:
		fits = c.alg == "EdDSA"
	}
	if !fits {
		return nil, refuse("the key %q of %s is not of the kind that %s needs", c.kid, is.name, c.alg)
	}
	return found[0].Key, nil
}

// fetchKeys asks an issuer for its keys.
func fetchKeys(ctx context.Context, client *http.Client, name string) ([]jose.JSONWebKey, error) {
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, client), fetchTime)
	defer cancel()
	provider, err := oidc.NewProvider(ctx, name)
	if err != nil {
		return nil, bounded(err)
	}
	var more struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, err
	}
	if err := mayAsk(name, more.Keys); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, more.Keys, nil)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", more.Keys, res.Status)
	}
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	return parseKeys(raw)
}

// parseKeys reads a key set. It ignores keys of an unknown kind.
func parseKeys(raw []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("key set: %d keys, at most %d are read", len(set.Keys), maxKeys)
	}
	var keys []jose.JSONWebKey
	for _, one := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(one) == nil && k.Valid() && k.IsPublic() {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// mayAsk checks the URL of an issuer's keys: only for an issuer at a loopback address may it be at one, or without TLS.
func mayAsk(issuer, keys string) error {
	of, err := url.Parse(issuer)
	if err != nil {
		return err
	}
	at, err := url.Parse(keys)
	if err != nil || at.Host == "" || at.User != nil || !Secure(at) || caps.Loopback(at) && !caps.Loopback(of) {
		return fmt.Errorf("the address of its keys, %q, is not taken", keys)
	}
	return nil
}

// maxWords is how much of a foreign text an error quotes.
const maxWords = 256

// bounded shortens an error that quotes what an issuer sent.
func bounded(err error) error {
	text := err.Error()
	if len(text) <= maxWords {
		return err
	}
	return errors.New(strings.ToValidUTF8(text[:maxWords], "") + "...")
}
