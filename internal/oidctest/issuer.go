// Package oidctest is an issuer of identity tokens for tests. A test starts it, at a loopback address, and it signs
// whatever the test asks for.
package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Issuer is an issuer. Its fields may be changed before a request.
type Issuer struct {
	URL     string
	Fetched atomic.Int64 // how often its keys were fetched
	Runner  string       // the bearer token of a job that asks for a token, like GitHub's
	Job     func() Claims

	mu   sync.Mutex
	keys map[string]crypto.Signer
	meta map[string]any // what discovery answers differently
	hook http.HandlerFunc
}

// Claims are those of a token.
type Claims map[string]any

// Start starts an issuer with one RSA key, called "rsa". It lasts until the test ends.
func Start(t testing.TB) *Issuer {
	t.Helper()
	is, stop := New()
	t.Cleanup(stop)
	return is
}

// New is Start, but the caller stops the issuer.
func New() (is *Issuer, stop func()) {
	is = &Issuer{keys: map[string]crypto.Signer{}, meta: map[string]any{}, Runner: "runner-secret"}
	s := httptest.NewServer(is)
	is.URL = s.URL
	is.Job = func() Claims { return is.Claims("", time.Now()) }
	is.Add("rsa", shared())
	return is, s.Close
}

// shared is the same for all issuers of a process: making one takes a while.
var shared = sync.OnceValue(func() crypto.Signer { return must(rsa.GenerateKey(rand.Reader, 2048)) })

// RSA makes a key.
func RSA(t testing.TB, bits int) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// EC makes a key.
func EC(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Ed makes a key.
func Ed(t testing.TB) crypto.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Add publishes a key.
func (is *Issuer) Add(kid string, key crypto.Signer) {
	is.mu.Lock()
	defer is.mu.Unlock()
	is.keys[kid] = key
}

// Remove withdraws a key, and returns it.
func (is *Issuer) Remove(kid string) crypto.Signer {
	is.mu.Lock()
	defer is.mu.Unlock()
	key := is.keys[kid]
	delete(is.keys, kid)
	return key
}

// Says makes discovery answer differently.
func (is *Issuer) Says(name string, value any) {
	is.mu.Lock()
	defer is.mu.Unlock()
	is.meta[name] = value
}

// Answer makes something else answer; nil: the issuer again.
func (is *Issuer) Answer(hook http.HandlerFunc) {
	is.mu.Lock()
	defer is.mu.Unlock()
	is.hook = hook
}

// ServeHTTP answers requests for discovery and for keys, and jobs that ask for a token.
func (is *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	is.mu.Lock()
	hook := is.hook
	is.mu.Unlock()
	if hook != nil {
		hook(w, r)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		is.send(w, is.discovery())
	case "/keys":
		is.Fetched.Add(1)
		is.send(w, is.published())
	case "/token":
		if r.Header.Get("Authorization") != "Bearer "+is.Runner {
			http.Error(w, "whose job is that?", http.StatusUnauthorized)
			return
		}
		c := is.Job()
		c["aud"] = r.URL.Query().Get("audience")
		is.send(w, map[string]string{"value": is.Token("rsa", c)})
	default:
		http.NotFound(w, r)
	}
}

func (is *Issuer) send(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (is *Issuer) discovery() map[string]any {
	is.mu.Lock()
	defer is.mu.Unlock()
	d := map[string]any{"issuer": is.URL, "jwks_uri": is.URL + "/keys", "authorization_endpoint": is.URL + "/a", "token_endpoint": is.URL + "/t",
		"id_token_signing_alg_values_supported": []string{"RS256"}}
	for name, value := range is.meta {
		d[name] = value
	}
	return d
}

func (is *Issuer) published() jose.JSONWebKeySet {
	is.mu.Lock()
	defer is.mu.Unlock()
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for kid, key := range is.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: kid, Use: "sig"})
	}
	return set
}

var number atomic.Int64

// Claims returns the claims of a valid token for an audience.
func (is *Issuer) Claims(audience string, now time.Time) Claims {
	return Claims{"iss": is.URL, "sub": "repo:acme/shop:environment:production", "aud": audience, "jti": fmt.Sprint("token-", number.Add(1)), "iat": now.Unix(),
		"nbf": now.Add(-time.Second).Unix(), "exp": now.Add(5 * time.Minute).Unix(), "repository": "acme/shop", "environment": "production", "ref": "refs/heads/main"}
}

// Token returns a token with those claims, signed by a key of the issuer.
func (is *Issuer) Token(kid string, c Claims) string {
	is.mu.Lock()
	key := is.keys[kid]
	is.mu.Unlock()
	return Sign(key, map[string]any{"kid": kid, "typ": "JWT"}, c)
}

// Sign signs claims with a key. The header's alg is the key's, if the header has none.
func Sign(key crypto.Signer, header map[string]any, c any) string {
	alg := jose.RS256
	switch key.(type) {
	case *ecdsa.PrivateKey:
		alg = jose.ES256
	case ed25519.PrivateKey:
		alg = jose.EdDSA
	}
	if named, ok := header["alg"].(string); ok {
		alg = jose.SignatureAlgorithm(named)
	}
	return SignRaw(key, alg, header, must(json.Marshal(c)))
}

// SignRaw signs bytes.
func SignRaw(key any, alg jose.SignatureAlgorithm, header map[string]any, payload []byte) string {
	o := &jose.SignerOptions{}
	for name, value := range header {
		if name != "alg" {
			o.WithHeader(jose.HeaderKey(name), value)
		}
	}
	s := must(jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o))
	return must(must(s.Sign(payload)).CompactSerialize())
}

// Unsigned returns a token without a signature, or with a meaningless one.
func Unsigned(header, claims any, signature string) string {
	encode := func(v any) string { return base64.RawURLEncoding.EncodeToString(must(json.Marshal(v))) }
	return encode(header) + "." + encode(claims) + "." + signature
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
