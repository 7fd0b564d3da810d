package pages

import (
	"crypto/sha256"
	"slices"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// Author signs pages. Without one, pages are neither read nor written.
type Author struct {
	Key     sign.Signer
	Trusted func(object.AgentID) bool // whose pages are believed beside our own; nil: nobody's
}

// believes reports whether what a key says of the evidence counts here.
func (a *Author) believes(agent object.AgentID) bool {
	return agent.Same(a.Key.Agent()) || a.Trusted != nil && a.Trusted(agent)
}

// A page is
//
//	offset  size
//	0       8     its stamp: other bytes whenever it is written
//	8       32    the public key of its author
//	40            columns
//	end-64  64    the author's signature
//
// The signature is over [statement].
const (
	stampLen = 8
	keyLen   = 32
	headLen  = stampLen + keyLen
	sigLen   = 64
)

// statement is what the author of a page signs: the layout, so that no page of an earlier era or of another database
// counts, the key under which the page is, and its content.
func statement(l layout, key string, page []byte) []byte {
	h := sha256.New()
	h.Write(l)
	h.Write([]byte(key + "\x00"))
	h.Write(page)
	return h.Sum([]byte("mythos.page"))
}

// seal signs a page that is whole but for its signature.
func (a *Author) seal(l layout, key string, page []byte) ([]byte, error) {
	sig, err := a.Key.Sign(statement(l, key, page))
	return append(page, sig[:]...), err
}

// verdicts remembers who wrote pages: nil for those who are not believed.
type verdicts map[[keyLen]byte]*sign.Verifier

// of is the verifier of an author who is believed; nil: they are not.
func (v verdicts) of(a *Author, key [keyLen]byte) *sign.Verifier {
	known, ok := v[key]
	if !ok {
		if agent := (object.AgentID{Scheme: object.Ed25519, Key: key}); a.believes(agent) {
			known = sign.NewVerifier(agent)
		}
		v[key] = known
	}
	return known
}

// open checks a page against its author's signature. False: it is none, or nobody who is believed wrote it, and its rows
// are read elsewhere.
func (v verdicts) open(a *Author, l layout, key string, page []byte) (reader, bool) {
	if len(page) < headLen+sigLen {
		return reader{}, false
	}
	by := v.of(a, [keyLen]byte(page[stampLen:headLen]))
	n := len(page) - sigLen
	if by == nil || by.Verify(statement(l, key, page[:n]), [sigLen]byte(page[n:])) != nil {
		return reader{}, false
	}
	text := string(page[:n])
	return reader{text[:stampLen], text[headLen:]}, true
}

// forged reports whether a page is not what its author signed, whoever that is.
func forged(l layout, key string, page []byte) bool {
	n := len(page) - sigLen
	if n < headLen {
		return true
	}
	agent := object.AgentID{Scheme: object.Ed25519, Key: [keyLen]byte(page[stampLen:headLen])}
	return sign.Verify(agent, statement(l, key, page[:n]), [sigLen]byte(page[n:])) != nil
}

// head begins a page: with the stamp, which the caller fills in, and the author.
func (a *Author) head() []byte {
	key := a.Key.Agent().Key
	return slices.Concat(make([]byte, stampLen), key[:])
}
