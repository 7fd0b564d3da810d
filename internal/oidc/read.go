package oidc

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/object"
)

// ErrToken means that a token is malformed, or is not accepted. It does not stand for an issuer that cannot be asked.
var ErrToken = errors.New("identity token refused")

// Skew is how far the issuer's clock may differ from ours.
const Skew = time.Minute

// longest is how far in the future a token may expire.
const longest = 31 * 24 * time.Hour

// algorithms are the accepted public-key signatures.
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// Token is a verified token.
type Token struct {
	caps.ShownToken
	ID      object.Hash // distinguishes it from all other tokens
	Expires time.Time
}

// claims are those of a token that was read, before its signature is verified.
type claims struct {
	Token
	alg, kid        string
	issued, earlier *time.Time // iat, nbf
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrToken}, args...)...)
}

// read splits and reads a token.
func read(raw string) (*claims, error) {
	if len(raw) > caps.MaxToken {
		return nil, refuse("it has %d bytes, at most %d are taken", len(raw), caps.MaxToken)
	}
	parts := strings.Split(raw, ".")
	if len(parts) != 3 || parts[2] == "" {
		return nil, refuse("it is not a signed JWT: three parts with dots between them are expected")
	}
	header, err := part("header", parts[0])
	if err != nil {
		return nil, err
	}
	body, err := part("claims", parts[1])
	if err != nil {
		return nil, err
	}
	c := &claims{}
	if err := c.readHeader(header); err != nil {
		return nil, err
	}
	if err := c.readClaims(body); err != nil {
		return nil, err
	}
	c.ID = object.SumText(parts[0] + "." + parts[1])
	if jti := body.Get("jti"); jti != nil {
		id, err := text(body, "jti")
		if err != nil {
			return nil, err
		}
		c.ID = object.SumText(c.Issuer + "\x00" + id)
	}
	return c, nil
}

// part decodes a part, which is a JSON object.
func part(name, encoded string) (jsontext.Fields, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err == nil && strings.ContainsAny(encoded, "\r\n") {
		err = errors.New("it has line breaks")
	}
	if err != nil {
		return nil, refuse("its %s: %v", name, err)
	}
	if err := jsontext.Check(raw); err != nil {
		return nil, refuse("its %s: %v", name, err)
	}
	fields, err := jsontext.FieldsOf(raw)
	if err != nil {
		return nil, refuse("its %s: %v", name, err)
	}
	return fields, nil
}

func (c *claims) readHeader(header jsontext.Fields) (err error) {
	if c.alg, err = text(header, "alg"); err != nil {
		return err
	}
	if !slices.Contains(algorithms, c.alg) {
		return refuse("it is signed with %q, which is not a signature by a public key that is taken (%s)", c.alg, strings.Join(algorithms, ", "))
	}
	if header.Has("crit") {
		return refuse("its header demands extensions (crit)")
	}
	if header.Has("kid") {
		c.kid, err = text(header, "kid")
	}
	return err
}

func (c *claims) readClaims(body jsontext.Fields) (err error) {
	if c.Issuer, err = text(body, "iss"); err != nil {
		return err
	}
	if c.Subject, err = text(body, "sub"); err != nil {
		return err
	}
	if c.Audience, err = audience(body); err != nil {
		return err
	}
	expires, err := seconds(body, "exp")
	if err != nil {
		return err
	}
	c.Expires = *expires
	if c.issued, err = seconds(body, "iat"); err != nil {
		return err
	}
	if body.Has("nbf") {
		if c.earlier, err = seconds(body, "nbf"); err != nil {
			return err
		}
	}
	c.Claims = map[string]string{}
	for _, m := range body {
		if value, err := jsontext.TextOf(m.Value); err == nil {
			c.Claims[m.Name] = value
		}
	}
	return nil
}

// text returns a required member that is a text.
func text(of jsontext.Fields, name string) (string, error) {
	if !of.Has(name) {
		return "", refuse("it has no %s", name)
	}
	value, err := jsontext.TextOf(of.Get(name))
	if err != nil {
		return "", refuse("its %s is not text", name)
	}
	return value, nil
}

// audience returns the single audience of the token.
func audience(body jsontext.Fields) (string, error) {
	if list, err := jsontext.ListOf(body.Get("aud")); err == nil {
		if len(list) != 1 {
			return "", refuse("it is for %d audiences (aud), and one is expected", len(list))
		}
		value, err := jsontext.TextOf(list[0])
		if err != nil {
			return "", refuse("its aud is not text")
		}
		return value, nil
	}
	return text(body, "aud")
}

// seconds returns a time.
func seconds(body jsontext.Fields, name string) (*time.Time, error) {
	if !body.Has(name) {
		return nil, refuse("it has no %s", name)
	}
	n, err := strconv.ParseInt(string(body.Get(name)), 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return nil, refuse("its %s is not a whole number of seconds", name)
	}
	at := time.Unix(n, 0)
	return &at, nil
}

// timely checks the times of a token.
func (c *claims) timely(now time.Time) error {
	switch {
	case !now.Before(c.Expires.Add(Skew)):
		return refuse("it has expired at %s, here it is %s", stamp(c.Expires), stamp(now))
	case c.Expires.After(now.Add(longest)):
		return refuse("it expires at %s, which is more than 31 days away", stamp(c.Expires))
	case c.issued.After(now.Add(Skew)):
		return refuse("it was issued at %s, here it is %s", stamp(*c.issued), stamp(now))
	case c.earlier != nil && c.earlier.After(now.Add(Skew)):
		return refuse("it is not valid before %s, here it is %s", stamp(*c.earlier), stamp(now))
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
