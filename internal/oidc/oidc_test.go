package oidc

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/mythos-project/mythos/internal/oidctest"
)

const forUs = "mythos:server:key"

// bench is an issuer, and a verifier with its own clock.
type bench struct {
	*oidctest.Issuer
	v   *Verifier
	now time.Time
}

func start(t testing.TB) *bench {
	b := &bench{Issuer: oidctest.Start(t), now: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)}
	b.v = &Verifier{Now: func() time.Time { return b.now }}
	return b
}

func (b *bench) verify(raw string) (*Token, error) {
	return b.v.Verify(context.Background(), raw, func(issuer string) bool { return issuer == b.URL })
}

func (b *bench) claims(change func(oidctest.Claims)) oidctest.Claims {
	c := b.Claims(forUs, b.now)
	if change != nil {
		change(c)
	}
	return c
}

func TestVerify(t *testing.T) {
	b := start(t)
	b.Add("ec", oidctest.EC(t))
	b.Add("ed", oidctest.Ed(t))
	ids := map[string]bool{}
	for _, kid := range []string{"rsa", "ec", "ed"} {
		got, err := b.verify(b.Token(kid, b.claims(nil)))
		if err != nil {
			t.Fatal(kid, err)
		}
		if got.Issuer != b.URL || got.Audience != forUs || got.Claims["repository"] != "acme/shop" || got.Subject == "" || !got.Expires.Equal(b.now.Add(5*time.Minute)) {
			t.Errorf("%s: %+v", kid, got)
		}
		if _, there := got.Claims["exp"]; there {
			t.Error("a number is among the texts")
		}
		ids[got.ID.String()] = true
	}
	if n := b.Fetched.Load(); n != 1 || len(ids) != 3 {
		t.Errorf("keys fetched %d times, %d ids", n, len(ids))
	}
	// A list with one audience counts as one audience. Without jti the signed text distinguishes tokens.
	for _, change := range []func(oidctest.Claims){
		func(c oidctest.Claims) { c["aud"] = []string{forUs} },
		func(c oidctest.Claims) { delete(c, "jti"); delete(c, "nbf") },
	} {
		if got, err := b.verify(b.Token("rsa", b.claims(change))); err != nil || got.Audience != forUs {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// TestRefused: whatever is wrong with a token is named in the error.
func TestRefused(t *testing.T) {
	b := start(t)
	foreign := oidctest.RSA(t, 2048)
	b.Add("ec", oidctest.EC(t))
	b.Add("small", oidctest.RSA(t, 1024))
	rsa := b.Remove("rsa")
	b.Add("rsa", rsa)
	public, err := x509.MarshalPKIXPublicKey(rsa.Public())
	if err != nil {
		t.Fatal(err)
	}
	good := b.Token("rsa", b.claims(nil))
	parts := strings.Split(good, ".")
	text, err := json.Marshal(b.claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	with := func(name string, value any) string {
		return b.Token("rsa", b.claims(func(c oidctest.Claims) { c[name] = value }))
	}
	without := func(name string) string {
		return b.Token("rsa", b.claims(func(c oidctest.Claims) { delete(c, name) }))
	}
	raw := func(payload string) string {
		return oidctest.SignRaw(rsa, jose.RS256, map[string]any{"kid": "rsa"}, []byte(payload))
	}
	head := func(h map[string]any) string { return oidctest.Unsigned(h, b.claims(nil), parts[2]) }
	unix := b.now.Unix()
	for name, c := range map[string]struct{ token, want string }{
		"nothing":                     {"", "not a signed JWT"},
		"two parts":                   {parts[0] + "." + parts[1], "not a signed JWT"},
		"no signature":                {parts[0] + "." + parts[1] + ".", "not a signed JWT"},
		"four parts":                  {good + ".x", "not a signed JWT"},
		"huge":                        {strings.Repeat("x", 20_000), "at most 16384"},
		"padding":                     {parts[0] + "." + parts[1] + "=." + parts[2], "its claims"},
		"a line break":                {parts[0] + "." + parts[1][:8] + "\n" + parts[1][8:] + "." + parts[2], "its claims"},
		"alg none":                    {head(map[string]any{"alg": "none", "kid": "rsa"}), `signed with "none"`},
		"alg None":                    {head(map[string]any{"alg": "None", "kid": "rsa"}), `signed with "None"`},
		"HS256 with the public key":   {oidctest.SignRaw(public, jose.HS256, map[string]any{"kid": "rsa"}, text), `signed with "HS256"`},
		"no alg":                      {head(map[string]any{"kid": "rsa"}), "no alg"},
		"alg of another type":         {head(map[string]any{"alg": 7, "kid": "rsa"}), "alg is not text"},
		"crit":                        {head(map[string]any{"alg": "RS256", "kid": "rsa", "crit": []string{"b64"}}), "crit"},
		"kid of another type":         {head(map[string]any{"alg": "RS256", "kid": 1}), "kid is not text"},
		"an unknown kid":              {oidctest.Sign(foreign, map[string]any{"kid": "other"}, b.claims(nil)), `no key "other"`},
		"no kid and several keys":     {oidctest.Sign(rsa, nil, b.claims(nil)), "3 keys that the token may mean"},
		"another key under the kid":   {oidctest.Sign(foreign, map[string]any{"kid": "rsa"}, b.claims(nil)), "signature"},
		"a key of another kind":       {oidctest.Sign(rsa, map[string]any{"kid": "ec"}, b.claims(nil)), "not of the kind that RS256 needs"},
		"a small key":                 {b.Token("small", b.claims(nil)), "1024 bits"},
		"a changed claim":             {parts[0] + "." + strings.Split(with("repository", "evil/shop"), ".")[1] + "." + parts[2], "signature"},
		"another issuer":              {with("iss", "https://evil.example"), "no rule takes tokens of"},
		"the issuer with a slash":     {with("iss", b.URL+"/"), "no rule takes tokens of"},
		"expired":                     {with("exp", unix-61), "expired"},
		"expired, by a second":        {with("exp", unix-60), "expired"},
		"not yet valid":               {with("nbf", unix+61), "not valid before"},
		"of the future":               {with("iat", unix+61), "issued at"},
		"for years":                   {with("exp", unix+40*86400), "31 days"},
		"exp as a text":               {with("exp", "4102444800"), "exp is not a whole number"},
		"exp with a fraction":         {with("exp", float64(unix)+30.5), "exp is not a whole number"},
		"a huge exp":                  {raw(strings.Replace(string(text), `"exp":`, `"exp":1e400,"x":`, 1)), "exp is not a whole number"},
		"no exp":                      {without("exp"), "no exp"},
		"no iat":                      {without("iat"), "no iat"},
		"nbf as a text":               {with("nbf", "soon"), "nbf is not a whole number"},
		"no sub":                      {without("sub"), "no sub"},
		"sub of another type":         {with("sub", []string{"a"}), "sub is not text"},
		"no aud":                      {without("aud"), "no aud"},
		"two audiences":               {with("aud", []string{forUs, "other"}), "2 audiences"},
		"no audiences":                {with("aud", []string{}), "0 audiences"},
		"an audience of another type": {with("aud", 5), "aud is not text"},
		"jti of another type":         {with("jti", 5), "jti is not text"},
		"a claim twice":               {raw(`{"repository":"acme/shop",` + string(text[1:])), "repository"},
		"a claim twice, escaped":      {raw(`{"r\u0065pository":"acme/shop",` + string(text[1:])), "repository"},
		"a claim twice, deeper":       {raw(`{"x":{"a":1,"a":2},` + string(text[1:])), `"a"`},
		"no object":                   {raw(`[]`), "claims"},
		"no JSON":                     {raw(`{`), "claims"},
		"two values":                  {raw(string(text) + "{}"), "claims"},
		"no UTF-8":                    {raw("{\"x\":\"\xff\"," + string(text[1:])), "claims"},
	} {
		_, err := b.verify(c.token)
		if !errors.Is(err, ErrToken) || errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	// The tolerance is a minute, and the valid token is accepted.
	for name, token := range map[string]string{"a minute ago": with("exp", unix-59), "in a minute": with("nbf", unix+60), "good": good} {
		if _, err := b.verify(token); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKeysChange: a new key is found, a withdrawn one no longer counts after ten minutes, and invented key names do not
// cause a request to the issuer each time.
func TestKeysChange(t *testing.T) {
	b := start(t)
	if _, err := b.verify(b.Token("rsa", b.claims(nil))); err != nil {
		t.Fatal(err)
	}
	unknown := oidctest.Sign(oidctest.EC(t), map[string]any{"kid": "made up"}, b.claims(nil))
	b.now = b.now.Add(pause)
	for range 20 {
		if _, err := b.verify(unknown); !errors.Is(err, ErrToken) {
			t.Fatal(err)
		}
	}
	if n := b.Fetched.Load(); n != 2 {
		t.Errorf("keys were fetched %d times", n)
	}
	b.Add("new", oidctest.EC(t))
	if _, err := b.verify(b.Token("new", b.claims(nil))); !errors.Is(err, ErrToken) {
		t.Errorf("within the pause: %v", err)
	}
	b.now = b.now.Add(pause)
	if _, err := b.verify(b.Token("new", b.claims(nil))); err != nil {
		t.Error(err)
	}
	old := b.Remove("rsa")
	stolen := func() string { return oidctest.Sign(old, map[string]any{"kid": "rsa"}, b.claims(nil)) }
	b.now = b.now.Add(keepKeys - time.Second)
	if _, err := b.verify(stolen()); err != nil {
		t.Errorf("before ten minutes: %v", err)
	}
	b.now = b.now.Add(time.Second)
	if _, err := b.verify(stolen()); !errors.Is(err, ErrToken) {
		t.Errorf("after ten minutes: %v", err)
	}
}

// TestHostileIssuer: an issuer's answers are bounded, and cannot redirect elsewhere. Then it is unknown whether the
// token is valid.
func TestHostileIssuer(t *testing.T) {
	for name, c := range map[string]struct {
		hostile func(b *bench)
		want    string
	}{
		"another issuer":   {func(b *bench) { b.Says("issuer", "https://other.example") }, "issuer"},
		"keys without TLS": {func(b *bench) { b.Says("jwks_uri", "http://keys.example/") }, "not taken"},
		"keys with a user": {func(b *bench) { b.Says("jwks_uri", "https://u:p@keys.example/") }, "not taken"},
		"keys in a file":   {func(b *bench) { b.Says("jwks_uri", "file:///etc/passwd") }, "not taken"},
		"no keys":          {func(b *bench) { b.Says("jwks_uri", 7) }, ""},
		"redirects":        {func(b *bench) { b.Answer(http.RedirectHandler("/elsewhere", http.StatusFound).ServeHTTP) }, "redirects"},
		"an error":         {func(b *bench) { b.Answer(http.NotFound) }, "404"},
		"no JSON": {func(b *bench) {
			b.Answer(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) })
		}, ""},
		"something without end": {func(b *bench) { b.Answer(endless) }, "too long"},
	} {
		b := start(t)
		c.hostile(b)
		_, err := b.verify(b.Token("rsa", b.claims(nil)))
		if !errors.Is(err, ErrUnreachable) || errors.Is(err, ErrToken) || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 1000 {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		b.Answer(nil)
		b.Says("issuer", b.URL)
		b.Says("jwks_uri", b.URL+"/keys")
		if _, err := b.verify(b.Token("rsa", b.claims(nil))); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s, at once again: %v", name, err)
		}
		b.now = b.now.Add(pause)
		if _, err := b.verify(b.Token("rsa", b.claims(nil))); err != nil {
			t.Errorf("%s, later: %v", name, err)
		}
	}
	// An issuer elsewhere cannot send us to this machine.
	if err := mayAsk("https://issuer.example", "http://127.0.0.1:80/"); err == nil {
		t.Error("a foreign issuer has its keys at a loopback address")
	}
	if err := mayAsk("https://issuer.example", "https://127.0.0.1/"); err == nil {
		t.Error("a foreign issuer has its keys at a loopback address")
	}
	if err := mayAsk("https://issuer.example", "https://keys.example/?v=3"); err != nil {
		t.Error(err)
	}
}

func endless(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	line := []byte(`{"issuer":"` + strings.Repeat("x", 64<<10))
	for r.Context().Err() == nil {
		if _, err := w.Write(line); err != nil {
			return
		}
	}
}

// TestFromGitHub: a job asks for a token for an audience.
func TestFromGitHub(t *testing.T) {
	b := start(t)
	b.Job = func() oidctest.Claims { return b.claims(nil) }
	env := map[string]string{GitHubURL: b.URL + "/token?api-version=2", GitHubToken: b.Runner}
	raw, err := FromGitHub(t.Context(), func(name string) string { return env[name] }, forUs)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.verify(raw); err != nil || got.Audience != forUs {
		t.Error(got, err)
	}
	env[GitHubToken] = "another"
	if _, err := FromGitHub(t.Context(), func(name string) string { return env[name] }, forUs); err == nil || strings.Contains(err.Error(), "another") {
		t.Error(err)
	}
	if _, err := FromGitHub(t.Context(), func(string) string { return "" }, forUs); !errors.Is(err, ErrNoGitHub) {
		t.Error(err)
	}
	env[GitHubURL] = "http://github.example/token"
	if _, err := FromGitHub(t.Context(), func(name string) string { return env[name] }, forUs); err == nil || !strings.Contains(err.Error(), "https") {
		t.Error(err)
	}
}

// FuzzRead: no token makes the reader panic, and what is read has one issuer and audience.
func FuzzRead(f *testing.F) {
	b := start(f)
	f.Add(b.Token("rsa", b.claims(nil)))
	f.Add("e30.e30.e30")
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := read(raw)
		if err != nil {
			if !errors.Is(err, ErrToken) {
				t.Error(err)
			}
			return
		}
		if c.ID.IsZero() || c.issued == nil || c.Claims == nil {
			t.Errorf("%+v", c)
		}
	})
}
