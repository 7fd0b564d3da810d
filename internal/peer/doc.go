// Package peer serves a repository to other agents and calls theirs, over HTTP
// (spec/wire.md#peers).
//
//	POST /v1/packets     a MYTHOS-X packet in, the signed packet that answers it out
//	GET  /v1/trees/HASH  everything below HASH as a stream of frames; needs a
//	                     blob.read capability for HASH and a signed request
//	POST /v1/codebooks   an offer of a codebook in, the offer as it now stands out
//	GET  /v1/identity    the agent that answers here, as a canonical AgentID
//	GET  /healthz        200 while it serves
//
// Nothing that comes from a peer is believed: packets by their signatures, frames
// by their hashes.
package peer

import (
	"crypto/rand"
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

// Header names of a signed request.
const (
	headerAgent = "Mythos-Agent"     // public key in hex
	headerTime  = "Mythos-Time"      // microseconds
	headerNonce = "Mythos-Nonce"     // 16 bytes in hex
	headerSig   = "Mythos-Signature" // over signedText, in hex
	headerCap   = "Mythos-Cap"       // text form of a capability chain
)

// maxSkew is how far a signed request's time may be from ours.
const maxSkew = 5 * time.Minute

// ErrUnauthorized means that a request is not signed, or not by who it says.
var ErrUnauthorized = errors.New("request is not signed by its agent")

func signedText(method, path, at, nonce string) []byte {
	return []byte("mythos-http-1\n" + method + "\n" + path + "\n" + at + "\n" + nonce + "\n")
}

// signRequest names and proves who asks, and shows the capability.
func signRequest(r *http.Request, s sign.Signer, chain caps.Chain, now object.Time) error {
	var nonce [16]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return err
	}
	at := strconv.FormatInt(int64(now), 10)
	sig, err := s.Sign(signedText(r.Method, r.URL.Path, at, hex.EncodeToString(nonce[:])))
	if err != nil {
		return err
	}
	r.Header.Set(headerAgent, s.Agent().KeyHex())
	r.Header.Set(headerTime, at)
	r.Header.Set(headerNonce, hex.EncodeToString(nonce[:]))
	r.Header.Set(headerSig, hex.EncodeToString(sig[:]))
	if len(chain) > 0 {
		text, err := caps.ExportText(chain)
		if err != nil {
			return err
		}
		r.Header.Set(headerCap, text)
	}
	return nil
}

// caller checks a signed request and returns who asks, with the capability shown.
func caller(r *http.Request, now object.Time) (object.AgentID, caps.Chain, error) {
	agent, err := object.ParseKey(r.Header.Get(headerAgent))
	if err != nil {
		return agent, nil, fmt.Errorf("%w: %w", ErrUnauthorized, err)
	}
	at, err := strconv.ParseInt(r.Header.Get(headerTime), 10, 64)
	if err != nil || object.Time(at) < now.Add(-maxSkew) || object.Time(at) > now.Add(maxSkew) {
		return agent, nil, fmt.Errorf("%w: its time is too far from ours", ErrUnauthorized)
	}
	raw, err := hex.DecodeString(r.Header.Get(headerSig))
	if err != nil || len(raw) != 64 {
		return agent, nil, fmt.Errorf("%w: malformed signature", ErrUnauthorized)
	}
	text := signedText(r.Method, r.URL.Path, r.Header.Get(headerTime), r.Header.Get(headerNonce))
	if err := sign.Verify(agent, text, [64]byte(raw)); err != nil {
		return agent, nil, fmt.Errorf("%w: %w", ErrUnauthorized, err)
	}
	chain, err := caps.ImportText(r.Header.Get(headerCap))
	if err != nil {
		return agent, nil, fmt.Errorf("capability: %w", err)
	}
	return agent, chain, nil
}
