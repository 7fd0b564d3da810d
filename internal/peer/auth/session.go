package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// HeaderProof is, over TLS, the agent's signature over a value that only the two ends of the session know (RFC 9266):
// anyone between them has another session.
const HeaderProof = "Mythos-Proof"

// ErrIdentity means that another agent answers than expected.
var ErrIdentity = errors.New("another agent answers there")

// Labels of the exported key material (RFC 8446 section 7.5): for signing answers, and for signing requests.
const (
	proofLabel   = "EXPORTER-mythos-peer-1"
	requestLabel = "EXPORTER-mythos-request-1"
	proofSize    = 32
)

// SessionOf returns the session of a request's connection; nil: not TLS.
func SessionOf(conn net.Conn) *tls.ConnectionState {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	state := secure.ConnectionState()
	return &state
}

// Certificate makes a certificate for the agent's own key, valid for ten years: a peer that knows the key can check it
// without an authority.
func Certificate(key *sign.Key, now time.Time) (tls.Certificate, error) { return certificate(key, now) }

// certificate makes a certificate for the agent's own key, about the URIs.
func certificate(key *sign.Key, now time.Time, about ...*url.URL) (tls.Certificate, error) {
	seed := key.Seed()
	private := ed25519.NewKeyFromSeed(seed[:])
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "mythos " + key.Agent().KeyHex()},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, URIs: about,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate of %s: %w", key.Agent(), err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, nil
}

// Endorse adds to a certificate of an authority one by the agent's own key, which names it: a peer that knows the key
// accepts no other certificate for the same host, before anything is sent.
func Endorse(key *sign.Key, c tls.Certificate, now time.Time) (tls.Certificate, error) {
	own, err := certificate(key, now, fingerprint(c.Certificate[0]))
	if err != nil {
		return c, err
	}
	c.Certificate = append(slices.Clone(c.Certificate), own.Certificate[0])
	return c, nil
}

// fingerprint names a certificate as in RFC 6920.
func fingerprint(der []byte) *url.URL {
	sum := sha256.Sum256(der)
	return &url.URL{Scheme: "ni", Path: "/sha-256;" + base64.RawURLEncoding.EncodeToString(sum[:])}
}

// Endorsed reports whether one of the certificates is by the agent's key and is for the first one.
func Endorsed(chain []*x509.Certificate, by object.AgentID) bool {
	want := fingerprint(chain[0].Raw).String()
	return slices.ContainsFunc(chain[1:], func(c *x509.Certificate) bool {
		return OwnKey(c) == by.Key && slices.ContainsFunc(c.URIs, func(u *url.URL) bool { return u.String() == want })
	})
}

// OwnKey returns the Ed25519 key that a certificate is for and is signed with; zero: it is another kind of certificate.
func OwnKey(c *x509.Certificate) (key [32]byte) {
	own, ok := c.PublicKey.(ed25519.PublicKey)
	if ok && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil {
		copy(key[:], own)
	}
	return key
}

// ServerTLS returns the configuration of a server with that certificate.
func ServerTLS(c tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{c}, MinVersion: tls.VersionTLS13, NextProtos: []string{"h2", "http/1.1"}}
}

// Prove returns the [HeaderProof] of an answer over a TLS session, so that a certificate of an authority is also bound
// to the agent.
func Prove(s sign.Signer, session *tls.ConnectionState) (string, error) {
	material, err := session.ExportKeyingMaterial(proofLabel, nil, proofSize)
	if err != nil {
		return "", err
	}
	sig, err := s.Sign(material)
	return hex.EncodeToString(sig[:]), err
}

// Proven checks that an answer over TLS comes from the expected agent.
func Proven(res *http.Response, from object.AgentID) error {
	if res.TLS == nil {
		return nil
	}
	material, err := res.TLS.ExportKeyingMaterial(proofLabel, nil, proofSize)
	if err != nil {
		return err
	}
	raw, err := hex.DecodeString(res.Header.Get(HeaderProof))
	if err != nil || len(raw) != 64 {
		return fmt.Errorf("%w: the answer does not prove that it is by %s", ErrIdentity, from)
	}
	if err := sign.Verify(from, material, [64]byte(raw)); err != nil {
		return fmt.Errorf("%w: the answer is not by %s", ErrIdentity, from)
	}
	return nil
}
