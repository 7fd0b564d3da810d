package credentials

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/json"
	"math/big"
	"strings"

	"github.com/mythos-project/mythos/internal/conform/generate/vector"
)

const (
	issuer = "https://issuer.example"
	now    = vector.Start / 1_000_000 // seconds
)

// jws signs a text (RFC 7515, 7518). It follows those documents, not the code under test, and is deterministic.
func jws(key crypto.Signer, alg, header, claims string) string {
	input := b64([]byte(header)) + "." + b64([]byte(claims))
	return input + "." + b64(signature(key, alg, []byte(input)))
}

func signature(key crypto.Signer, alg string, text []byte) []byte {
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[strings.TrimLeft(alg, "RSPE")]
	digest := text
	if hash != 0 {
		h := hash.New()
		h.Write(text)
		digest = h.Sum(nil)
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if strings.HasPrefix(alg, "PS") {
			return vector.Must(rsa.SignPSS(bytes.NewReader(seed("salt", hash.Size())), k, hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}))
		}
		return vector.Must(rsa.SignPKCS1v15(nil, k, hash, digest))
	case *ecdsa.PrivateKey:
		var pair struct{ R, S *big.Int }
		vector.Must(asn1.Unmarshal(vector.Must(k.Sign(nil, digest, hash)), &pair)) // without randomness: RFC 6979
		size := (k.Params().BitSize + 7) / 8
		return append(pair.R.FillBytes(make([]byte, size)), pair.S.FillBytes(make([]byte, size))...)
	case ed25519.PrivateKey:
		return ed25519.Sign(k, text)
	}
	panic(alg)
}

// signers are the keys of the issuer, by their use.
var signers = map[string]crypto.Signer{}

func signer(alg string) (kid string, key crypto.Signer) {
	curves := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}
	switch {
	case alg == "EdDSA":
		kid, key = "ed", ed25519.NewKeyFromSeed(seed("issuer ed", ed25519.SeedSize))
	case curves[alg] != nil:
		kid, key = alg, signers[alg]
		if key == nil {
			key = ecKey("issuer "+alg, curves[alg])
		}
	default:
		kid, key = "rsa", signers["rsa"]
		if key == nil {
			key = rsaKey("issuer rsa", 2048)
		}
	}
	signers[kid] = key
	return kid, key
}

// token is one under construction.
type token struct {
	alg            string
	header, claims vector.Fields
}

// good is a valid token.
func good(alg string) *token {
	kid, _ := signer(alg)
	return &token{alg, vector.Fields{"alg": alg, "kid": kid}, vector.Fields{"iss": issuer, "sub": "repo:acme/shop", "aud": "mythos.example", "jti": "a", "iat": now, "nbf": now - 1, "exp": now + 300,
		"repository": "acme/shop", "run": 7, "protected": true}}
}

func asJSON(v any) string { return string(vector.Must(json.Marshal(v))) }

// signed signs a token, whatever its content.
func (t *token) signed() string {
	_, key := signer(t.alg)
	return jws(key, t.alg, asJSON(t.header), asJSON(t.claims))
}

// shows collects vectors.
type shows struct{ *vector.Set }

// with shows a token with keys of an issuer's set, at a time.
func (s shows) with(id, word string, keys []vector.Fields, at int64) {
	s.Add(id, vector.Fields{"token": word, "issuer": issuer, "keys": vector.Fields{"keys": keys}, "at_us": at * 1_000_000})
}

// show shows a token with the issuer's RSA key, now.
func (s shows) show(id, word string) { s.with(id, word, keySet("RS256"), now) }

func keySet(algs ...string) (set []vector.Fields) {
	for _, alg := range algs {
		set = append(set, public(signer(alg)))
	}
	return set
}

// Tokens are identity tokens of one issuer.
func Tokens() *vector.Set {
	s := shows{&vector.Set{Class: "tokens", About: "identity tokens of one issuer, without what a rule asks of audience and claims"}}
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"} {
		s.with("alg "+alg, good(alg).signed(), keySet(alg), now)
	}
	s.form()
	s.header()
	s.keys()
	s.claims()
	s.times()
	return s.Set
}

// form: the encoding of header and claims.
func (s shows) form() {
	word := good("RS256").signed()
	parts := strings.Split(word, ".")
	_, key := signer("RS256")
	head, body := asJSON(good("RS256").header), asJSON(good("RS256").claims)
	s.show("two parts", parts[0]+"."+parts[1])
	s.show("four parts", word+".x")
	s.show("three parts, the last one empty", parts[0]+"."+parts[1]+".")
	s.show("base64 with padding", parts[0]+"=."+parts[1]+"."+parts[2])
	s.show("base64 with a line break", parts[0]+"."+parts[1][:8]+"\n"+parts[1][8:]+"."+parts[2])
	other := b64([]byte(head)) + "." + strings.NewReplacer("-", "+", "_", "/").Replace(b64([]byte(`{"x":"???>>>",`+body[1:])))
	s.show("base64 with the other alphabet", other+"."+b64(signature(key, "RS256", []byte(other))))
	s.show("claims that are no JSON", jws(key, "RS256", head, body[1:]))
	s.show("claims that are JSON twice", jws(key, "RS256", head, body+body))
	s.show("claims that are a list in JSON", jws(key, "RS256", head, "["+body+"]"))
	s.show("claims that are no UTF-8", jws(key, "RS256", head, `{"x":"`+"\xff"+`",`+body[1:]))
	s.show("a claim twice", jws(key, "RS256", head, `{"repository":"acme/shop",`+body[1:]))
	s.show("a claim twice, once with an escape", jws(key, "RS256", head, `{"r\u0065pository":"acme/shop",`+body[1:]))
	s.show("a member twice, inside a claim", jws(key, "RS256", head, `{"x":{"a":1,"a":1},`+body[1:]))
	s.show("alg twice", jws(key, "RS256", `{"alg":"RS256",`+head[1:], body))
	room := func(bytes int) string { return `{"x":"` + strings.Repeat("x", bytes) + `",` + body[1:] }
	fits := 0
	for len(jws(key, "RS256", head, room(fits+1))) <= 16<<10 {
		fits += max(1, (16<<10-len(jws(key, "RS256", head, room(fits+1))))/2)
	}
	s.show("16 KiB", jws(key, "RS256", head, room(fits)))
	s.show("more than 16 KiB", jws(key, "RS256", head, room(fits+1)))
}

// changed is a token with a change made before signing.
func changed(change func(t *token)) string {
	t := good("RS256")
	change(t)
	return t.signed()
}

// header: the signing parameters.
func (s shows) header() {
	parts := strings.Split(good("RS256").signed(), ".")
	as := func(header string) string { return b64([]byte(header)) + "." + parts[1] + "." + parts[2] }
	s.show("alg none", as(`{"alg":"none","kid":"rsa"}`))
	s.show("alg none, and no signature", b64([]byte(`{"alg":"none","kid":"rsa"}`))+"."+parts[1]+".")
	s.show("alg in lower case", as(`{"alg":"rs256","kid":"rsa"}`))
	s.show("alg HS256", as(`{"alg":"HS256","kid":"rsa"}`))
	s.show("alg that is a number", as(`{"alg":256,"kid":"rsa"}`))
	s.show("no alg", as(`{"kid":"rsa"}`))
	s.show("crit", changed(func(t *token) { t.header["crit"], t.header["exp"] = []string{"exp"}, now }))
	s.show("kid that is a number", changed(func(t *token) { t.header["kid"] = 7 }))
	s.show("another header member", changed(func(t *token) { t.header["typ"] = "JWT" }))
}

// keys: the choice of the key.
func (s shows) keys() {
	word := good("RS256").signed()
	kid, key := signer("RS256")
	none := changed(func(t *token) { delete(t.header, "kid") })
	s.with("no kid, and one key", none, keySet("RS256"), now)
	s.with("no kid, and two keys", none, keySet("RS256", "ES256"), now)
	s.with("two keys with the kid", word, append(keySet("RS256"), public(kid, key)), now)
	s.with("a kid that is another key's", changed(func(t *token) { t.header["kid"] = "ES256" }), keySet("ES256"), now)
	s.with("a kid that is not in the set", word, keySet("ES256"), now)
	s.with("a set without keys", word, []vector.Fields{}, now)
	s.with("a key of another kind under the kid", word, []vector.Fields{public(kid, signers["ES256"])}, now)
	s.with("another key under the kid", word, []vector.Fields{public(kid, rsaKey("other rsa", 2048))}, now)
	marked := func(name string, value any) []vector.Fields {
		k := public(kid, key)
		k[name] = value
		return []vector.Fields{k}
	}
	s.with("a key for signatures", word, marked("use", "sig"), now)
	s.with("a key for encryption", word, marked("use", "enc"), now)
	s.with("a key for this signature", word, marked("alg", "RS256"), now)
	s.with("a key for another signature", word, marked("alg", "RS512"), now)
	small := rsaKey("small rsa", 2040)
	s.with("an RSA key of 2,040 bits", jws(small, "RS256", asJSON(good("RS256").header), asJSON(good("RS256").claims)), []vector.Fields{public(kid, small)}, now)
	unknown := vector.Fields{"kty": "future", "kid": "f"}
	s.with("beside a key of a kind that nobody knows", word, append([]vector.Fields{unknown}, keySet("RS256")...), now)
	parts := strings.Split(word, ".")
	s.show("a changed signature", parts[0]+"."+parts[1]+"."+b64(seed("no signature", 256)))
	s.show("the signature of another token", parts[0]+"."+b64([]byte(strings.Replace(asJSON(good("RS256").claims), "acme", "evil", 2)))+"."+parts[2])
}

// claims: the content.
func (s shows) claims() {
	set := func(name string, value any) string { return changed(func(t *token) { t.claims[name] = value }) }
	without := func(name string) string { return changed(func(t *token) { delete(t.claims, name) }) }
	s.show("another issuer", set("iss", "https://other.example"))
	s.show("the issuer with a slash", set("iss", issuer+"/"))
	s.show("the issuer in capital letters", set("iss", strings.ToUpper(issuer)))
	s.show("no issuer", without("iss"))
	s.show("no sub", without("sub"))
	s.show("sub that is a number", set("sub", 7))
	s.show("no aud", without("aud"))
	s.show("aud that is a list of one", set("aud", []string{"mythos.example"}))
	s.show("aud that is a list of two", set("aud", []string{"mythos.example", "other"}))
	s.show("aud that is a list of none", set("aud", []string{}))
	s.show("aud that is a number", set("aud", 7))
	s.show("no jti", without("jti"))
	s.show("another jti", set("jti", "b"))
	s.show("jti of a number", set("jti", 7))
}

// times: the validity.
func (s shows) times() {
	word := good("RS256").signed()
	at := func(id string, at int64) { s.with(id, word, keySet("RS256"), at) }
	at("exp was 59 seconds ago", now+300+59)
	at("exp was a minute ago", now+300+60)
	at("iat is in a minute", now-60)
	at("iat is in 61 seconds", now-61)
	set := func(name string, value any) string { return changed(func(t *token) { t.claims[name] = value }) }
	s.show("nbf is in a minute", set("nbf", now+60))
	s.show("nbf is in 61 seconds", set("nbf", now+61))
	s.show("no nbf", changed(func(t *token) { delete(t.claims, "nbf") }))
	s.show("no exp", changed(func(t *token) { delete(t.claims, "exp") }))
	s.show("no iat", changed(func(t *token) { delete(t.claims, "iat") }))
	s.show("exp in 31 days", set("exp", now+31*86400))
	s.show("exp in 31 days and a second", set("exp", now+31*86400+1))
	s.show("exp that is a text", set("exp", "1790000300"))
	s.show("exp with a fraction", set("exp", json.Number("1790000300.0")))
	s.show("exp with an exponent", set("exp", json.Number("179e7")))
	s.show("exp below zero", set("exp", -1))
	s.show("nbf that is a text", set("nbf", "soon"))
}
