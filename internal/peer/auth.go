package peer

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
	headerAgent  = "Mythos-Agent"     // public key in hex
	headerTo     = "Mythos-To"        // public key, in hex, of the agent that is asked
	headerTime   = "Mythos-Time"      // microseconds
	headerNonce  = "Mythos-Nonce"     // 16 bytes in hex
	headerDigest = "Mythos-Digest"    // SHA-256 in hex of the body, or of the list of ids that a push begins with
	headerCap    = "Mythos-Cap"       // text form of a capability chain
	headerSig    = "Mythos-Signature" // over signedText, in hex
)

const (
	maxSkew    = 5 * time.Minute         // how far a signed request's time may be from ours
	keepNonces = 2*maxSkew + time.Minute // a request from the future is good for that long
)

// ErrUnauthorized means that a request is not signed, or not by who it says, or
// not for us.
var ErrUnauthorized = errors.New("request is not signed by its agent")

// ErrReplayed means that a signed request was seen before.
var ErrReplayed = errors.New("signed request was seen before")

// errCrowded means that more requests came than a peer may make.
var errCrowded = errors.New("too many requests")

// signedText is everything about a request that counts: nobody can show its
// signature for another path, query, body, capability or peer, nor, over TLS, in another
// session [wire-63].
func signedText(r *http.Request, session *tls.ConnectionState) ([]byte, error) {
	chain := sha256.Sum256([]byte(r.Header.Get(headerCap)))
	text := "mythos-http-2\n" + r.Method + "\n" + r.URL.RequestURI() + "\n"
	for _, name := range []string{headerTo, headerTime, headerNonce, headerDigest} {
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

// signRequest names and proves who asks whom over which session, nil without TLS, and
// shows the capability. A body that is not nil is covered.
func signRequest(r *http.Request, s sign.Signer, to object.AgentID, session *tls.ConnectionState, chain caps.Chain, body []byte, now object.Time) error {
	var nonce [16]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return err
	}
	if len(chain) > 0 {
		text, err := caps.ExportText(chain)
		if err != nil {
			return err
		}
		r.Header.Set(headerCap, text)
	}
	r.Header.Set(headerAgent, s.Agent().KeyHex())
	r.Header.Set(headerTo, to.KeyHex())
	r.Header.Set(headerTime, strconv.FormatInt(int64(now), 10))
	r.Header.Set(headerNonce, hex.EncodeToString(nonce[:]))
	if body != nil {
		r.Header.Set(headerDigest, digestOf(body))
	}
	text, err := signedText(r, session)
	if err != nil {
		return err
	}
	sig, err := s.Sign(text)
	if err != nil {
		return err
	}
	r.Header.Set(headerSig, hex.EncodeToString(sig[:]))
	return nil
}

func digestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// asker is who made a request, once that was proved, with the capability that it shows.
type asker struct {
	agent object.AgentID
	chain caps.Chain // nil: none is shown
}

// caller checks a signed request and returns who asks. may says whether the asker may do
// what the request is for; only then is its nonce remembered, so that strangers make
// nothing grow here.
func (s *Server) caller(r *http.Request, may func(asker) error) (asker, error) {
	now := s.Node.Now()
	by, err := s.proved(r, now)
	if err == nil {
		err = may(by)
	}
	if err == nil {
		err = s.once(r, by.agent, now)
	}
	if err == nil {
		err = s.charge(r, by.agent)
	}
	return by, err
}

// proved checks the signature of a request, and all that it covers but the nonce.
func (s *Server) proved(r *http.Request, now object.Time) (by asker, err error) {
	by.agent, by.chain, err = Proved(r, s.Node.Self(), now)
	return by, err
}

// Proved says who asks in a signed request to an agent, and which capability is shown; the
// nonce is not looked at. Errors wrap ErrUnauthorized.
func Proved(r *http.Request, to object.AgentID, now object.Time) (agent object.AgentID, chain caps.Chain, err error) {
	if agent, err = object.ParseKey(r.Header.Get(headerAgent)); err != nil {
		return agent, nil, fmt.Errorf("%w: %w", ErrUnauthorized, err)
	}
	if r.Header.Get(headerTo) != to.KeyHex() {
		return agent, nil, fmt.Errorf("%w: it is meant for another agent", ErrUnauthorized)
	}
	us, err := strconv.ParseInt(r.Header.Get(headerTime), 10, 64)
	if err != nil {
		return agent, nil, fmt.Errorf("%w: malformed time", ErrUnauthorized)
	}
	if at := object.Time(us); at < now.Add(-maxSkew) || at > now.Add(maxSkew) {
		return agent, nil, fmt.Errorf("%w: its time is %s, here it is %s: more than %s apart", ErrUnauthorized, at, now, maxSkew)
	}
	raw, err := hex.DecodeString(r.Header.Get(headerSig))
	if err != nil || len(raw) != 64 {
		return agent, nil, fmt.Errorf("%w: malformed signature", ErrUnauthorized)
	}
	signed, err := signedText(r, r.TLS)
	if err == nil {
		err = sign.Verify(agent, signed, [64]byte(raw))
	}
	if err != nil {
		return agent, nil, fmt.Errorf("%w: %w", ErrUnauthorized, err)
	}
	text := r.Header.Get(headerCap)
	if text == "" {
		return agent, nil, nil
	}
	if chain, err = caps.ImportText(text); err != nil {
		return agent, nil, fmt.Errorf("%w: capability: %w", ErrUnauthorized, err)
	}
	return agent, chain, nil
}

// once takes the nonce of a request, which works once at all servers of the repository.
func (s *Server) once(r *http.Request, agent object.AgentID, now object.Time) error {
	nonce, err := hex.DecodeString(r.Header.Get(headerNonce))
	if err != nil || len(nonce) != 16 {
		return fmt.Errorf("%w: malformed nonce", ErrUnauthorized)
	}
	fresh, err := s.Node.TakeNonce(r.Context(), agent, [16]byte(nonce), now.Add(keepNonces))
	if err == nil && !fresh {
		err = ErrReplayed
	}
	return err
}
