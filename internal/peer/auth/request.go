// Package auth proves who asks whom, and over which TLS session (spec/wire.md#peers): signed requests, certificates for
// an agent's own key, and proofs of who answers.
package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// Header names of a signed request (spec/wire.md#peers).
const (
	HeaderAgent  = "Mythos-Agent"     // public key in hex
	HeaderTo     = "Mythos-To"        // public key of the receiving agent, in hex
	HeaderTime   = "Mythos-Time"      // microseconds
	HeaderNonce  = "Mythos-Nonce"     // 16 bytes in hex
	HeaderDigest = "Mythos-Digest"    // SHA-256 in hex of the body, or of the list of ids at the start of a push
	HeaderCap    = "Mythos-Cap"       // text form of a capability chain
	HeaderSig    = "Mythos-Signature" // over SignedText, in hex
)

const (
	MaxSkew    = 5 * time.Minute         // how far a signed request's time may differ from ours
	KeepNonces = 2*MaxSkew + time.Minute // a request from the future is valid for that long
)

// ErrUnauthorized means that a request is not signed, or not by its named sender, or not for us.
var ErrUnauthorized = errors.New("request is not signed by its agent")

// ErrReplayed means that a signed request was seen before.
var ErrReplayed = errors.New("signed request was seen before")

// SignedText returns everything about a request that counts: its signature cannot be used for another path, query,
// body, capability or peer or, over TLS, in another session [wire-63].
func SignedText(r *http.Request, session *tls.ConnectionState) ([]byte, error) {
	chain := sha256.Sum256([]byte(r.Header.Get(HeaderCap)))
	text := "mythos-http-2\n" + r.Method + "\n" + r.URL.RequestURI() + "\n"
	for _, name := range []string{HeaderTo, HeaderTime, HeaderNonce, HeaderDigest} {
		text += r.Header.Get(name) + "\n"
	}
	text += hex.EncodeToString(chain[:]) + "\n"
	if session != nil {
		material, err := session.ExportKeyingMaterial(requestLabel, nil, proofSize)
		if err != nil {
			return nil, fmt.Errorf("session: %w", err)
		}
		text += hex.EncodeToString(material) + "\n"
	}
	return []byte(text), nil
}

// Sign adds the sender, the receiver, the session (nil without TLS), the capability, and the signature to a request. A
// non-nil body is covered.
func Sign(r *http.Request, s sign.Signer, to object.AgentID, session *tls.ConnectionState, chain caps.Chain, body []byte, now object.Time) error {
	var nonce [16]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return err
	}
	if len(chain) > 0 {
		text, err := caps.ExportText(chain)
		if err != nil {
			return err
		}
		r.Header.Set(HeaderCap, text)
	}
	r.Header.Set(HeaderAgent, s.Agent().KeyHex())
	r.Header.Set(HeaderTo, to.KeyHex())
	r.Header.Set(HeaderTime, strconv.FormatInt(int64(now), 10))
	r.Header.Set(HeaderNonce, hex.EncodeToString(nonce[:]))
	if body != nil {
		r.Header.Set(HeaderDigest, DigestOf(body))
	}
	text, err := SignedText(r, session)
	if err != nil {
		return err
	}
	sig, err := s.Sign(text)
	if err != nil {
		return err
	}
	r.Header.Set(HeaderSig, hex.EncodeToString(sig[:]))
	return nil
}

func DigestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// Nonce returns the nonce of a signed request. The error wraps ErrUnauthorized.
func Nonce(r *http.Request) (nonce [16]byte, err error) {
	raw, err := hex.DecodeString(r.Header.Get(HeaderNonce))
	if err != nil || len(raw) != len(nonce) {
		return nonce, fmt.Errorf("%w: malformed nonce", ErrUnauthorized)
	}
	return [16]byte(raw), nil
}

// Proved returns the sender of a signed request to an agent, and the capability that it shows; it does not check
// whether the nonce was used before. Errors wrap ErrUnauthorized.
func Proved(r *http.Request, to object.AgentID, now object.Time) (agent object.AgentID, chain caps.Chain, err error) {
	if agent, err = object.ParseKey(r.Header.Get(HeaderAgent)); err != nil {
		return agent, nil, fmt.Errorf("%w: %w", ErrUnauthorized, err)
	}
	if r.Header.Get(HeaderTo) != to.KeyHex() {
		return agent, nil, fmt.Errorf("%w: it is meant for another agent", ErrUnauthorized)
	}
	us, err := strconv.ParseInt(r.Header.Get(HeaderTime), 10, 64)
	if err != nil || strconv.FormatInt(us, 10) != r.Header.Get(HeaderTime) {
		return agent, nil, fmt.Errorf("%w: malformed time", ErrUnauthorized)
	}
	if at := object.Time(us); at < now.Add(-MaxSkew) || at > now.Add(MaxSkew) {
		return agent, nil, fmt.Errorf("%w: its time is %s, here it is %s: more than %s apart", ErrUnauthorized, at, now, MaxSkew)
	}
	if _, err := Nonce(r); err != nil {
		return agent, nil, err
	}
	raw, err := hex.DecodeString(r.Header.Get(HeaderSig))
	if err != nil || len(raw) != 64 {
		return agent, nil, fmt.Errorf("%w: malformed signature", ErrUnauthorized)
	}
	signed, err := SignedText(r, r.TLS)
	if err == nil {
		err = sign.Verify(agent, signed, [64]byte(raw))
	}
	if err != nil {
		return agent, nil, fmt.Errorf("%w: %w", ErrUnauthorized, err)
	}
	text := r.Header.Get(HeaderCap)
	if text == "" {
		return agent, nil, nil
	}
	if chain, err = caps.ImportText(text); err != nil {
		return agent, nil, fmt.Errorf("%w: capability: %w", ErrUnauthorized, err)
	}
	return agent, chain, nil
}
