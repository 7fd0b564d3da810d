// Package bearer makes and opens bearer tokens (spec/wire.md#tools-over-http): texts that let their holder use one
// capability at one server for a short time.
//
// A capability itself is not one: chains are evidence, which anybody may read. A bearer token is signed by the agent
// that allowed the server to act under the capability, and is never recorded.
package bearer

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

const (
	// Prefix begins the text form.
	Prefix = "mythos1bearer"

	// MaxTime is the longest time that a bearer may be valid.
	MaxTime = 24 * time.Hour

	// maxText is the longest text that is read: a header holds little more.
	maxText = 96 << 10
)

// ErrBearer means that a text is not a bearer, or not one that is valid here and now.
var ErrBearer = errors.New("not a good bearer")

// Bearer lets its holder have a server act under a capability.
type Bearer struct {
	Chain     []byte           `can:"1,chain"`      // the capability, in file form; its subject is the server
	NotBefore object.Time      `can:"2,not_before"` // valid from this time on
	ExpiresAt object.Time      `can:"3,expires_at"` // and before this time, at most 24 hours later
	Issuer    object.AgentID   `can:"4,issuer"`     // the agent that issued the capability to the server
	Signature object.Signature `can:"5,signature"`
}

// Rule says how bearers are identified and signed.
var Rule = object.Rule{Mask: can.Mask{5: nil}, Signer: 4, Sig: 5}

// Structs describes the structs of this package.
var Structs = []object.Struct{object.Define[Bearer]("Bearer", Rule)}

var textEncoding = base64.RawURLEncoding.Strict()

// Make signs a bearer with the key that issued the leaf of the chain.
func Make(s sign.Signer, chain caps.Chain, from, until object.Time) (string, error) {
	file, err := caps.ExportFile(chain)
	if err != nil {
		return "", err
	}
	b := Bearer{Chain: file, NotBefore: from, ExpiresAt: until, Issuer: s.Agent()}
	if err := b.check(chain); err != nil {
		return "", err
	}
	id, err := Rule.IDOf(&b)
	if err != nil {
		return "", err
	}
	if b.Signature, err = sign.ID(s, id); err != nil {
		return "", err
	}
	raw, err := can.Marshal(&b)
	return Prefix + textEncoding.EncodeToString(raw), err
}

// check checks everything about a bearer that does not depend on the time.
func (b *Bearer) check(chain caps.Chain) error {
	switch {
	case !b.Issuer.Same(chain[0].Cap.Issuer):
		return fmt.Errorf("%w: it is by %s, but %s issued its capability", ErrBearer, b.Issuer, chain[0].Cap.Issuer)
	case b.NotBefore < 0 || b.ExpiresAt <= b.NotBefore || b.ExpiresAt-b.NotBefore > object.Time(MaxTime/time.Microsecond):
		return fmt.Errorf("%w: it is valid for more than %s, or never", ErrBearer, MaxTime)
	}
	return nil
}

// Open reads the text form of a bearer that a server is shown now. The server's verifier judges the authority of the
// chain itself. Errors wrap ErrBearer.
func Open(text string, server object.AgentID, now object.Time) (*Bearer, caps.Chain, error) {
	word, found := strings.CutPrefix(text, Prefix)
	if !found || len(text) > maxText {
		return nil, nil, fmt.Errorf("%w: it does not begin with %s, or is too long", ErrBearer, Prefix)
	}
	raw, err := textEncoding.DecodeString(word)
	if err != nil || strings.ContainsAny(word, "\r\n") { // which the decoder ignores
		return nil, nil, fmt.Errorf("%w: it is cut off, or has characters other than base64url", ErrBearer)
	}
	b, err := object.Decode[Bearer](raw)
	if err == nil {
		err = sign.VerifyOwn(Rule, raw)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrBearer, err)
	}
	chain, err := caps.ImportFile(b.Chain)
	if err == nil {
		err = b.check(chain)
	}
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%w: %w", ErrBearer, err)
	case !chain[0].Cap.Subject.Same(server):
		return nil, nil, fmt.Errorf("%w: it is for %s, here is %s", ErrBearer, chain[0].Cap.Subject, server)
	case now < b.NotBefore:
		return nil, nil, fmt.Errorf("%w: it is valid from %s on, and here it is %s", ErrBearer, b.NotBefore, now)
	case now >= b.ExpiresAt:
		return nil, nil, fmt.Errorf("%w: it expired at %s, and here it is %s", ErrBearer, b.ExpiresAt, now)
	}
	return b, chain, nil
}
