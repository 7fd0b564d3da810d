package peer

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
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

// headerProof is, over TLS, the agent's signature over what only the two ends of the
// session know (RFC 9266): whoever sits between them has another session.
const headerProof = "Mythos-Proof"

// Of the exported key material (RFC 8446 section 7.5): what an answer is signed for, and
// what a request is.
const (
	proofLabel   = "EXPORTER-mythos-peer-1"
	requestLabel = "EXPORTER-mythos-request-1"
	proofSize    = 32
)

// sessionOf is the session that a request goes over; nil: not TLS.
func sessionOf(conn net.Conn) *tls.ConnectionState {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	state := secure.ConnectionState()
	return &state
}

// Certificate is one for the agent's own key, good for ten years: a peer that knows the
// key needs no authority to check it.
func Certificate(key *sign.Key, now time.Time) (tls.Certificate, error) { return certificate(key, now) }

// certificate is one for the agent's own key, about the URIs.
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

// Endorse adds to a certificate that others vouch for one by the agent's own key, which
// names it: a peer that knows the key accepts no other certificate for the same host,
// before anything is sent.
func Endorse(key *sign.Key, c tls.Certificate, now time.Time) (tls.Certificate, error) {
	own, err := certificate(key, now, fingerprint(c.Certificate[0]))
	if err != nil {
		return c, err
	}
	c.Certificate = append(slices.Clone(c.Certificate), own.Certificate[0])
	return c, nil
}

// fingerprint names a certificate as RFC 6920 does.
func fingerprint(der []byte) *url.URL {
	sum := sha256.Sum256(der)
	return &url.URL{Scheme: "ni", Path: "/sha-256;" + base64.RawURLEncoding.EncodeToString(sum[:])}
}

// endorsed says whether one of the certificates is by the agent's key, and for the first.
func endorsed(chain []*x509.Certificate, by object.AgentID) bool {
	want := fingerprint(chain[0].Raw).String()
	return slices.ContainsFunc(chain[1:], func(c *x509.Certificate) bool {
		return ownKey(c) == by.Key && slices.ContainsFunc(c.URIs, func(u *url.URL) bool { return u.String() == want })
	})
}

// ownKey is the Ed25519 key that a certificate is for and signed with; zero: it is another
// kind of certificate.
func ownKey(c *x509.Certificate) (key [32]byte) {
	own, ok := c.PublicKey.(ed25519.PublicKey)
	if ok && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil {
		copy(key[:], own)
	}
	return key
}

// ServerTLS is the configuration of a server with that certificate.
func ServerTLS(c tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{c}, MinVersion: tls.VersionTLS13, NextProtos: []string{"h2", "http/1.1"}}
}

// proving signs each answer's session, so that a certificate that others vouch for is
// bound to the agent, too.
func (s *Server) proving(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil {
			material, err := r.TLS.ExportKeyingMaterial(proofLabel, nil, proofSize)
			if err == nil {
				if sig, err := s.Node.Key.Sign(material); err == nil {
					w.Header().Set(headerProof, hex.EncodeToString(sig[:]))
				}
			}
		}
		next.ServeHTTP(w, r)
	})
}

// transport makes the connections of a client. A certificate for the peer's own key
// says who answers, before anything is sent; every other one must be good by the
// authorities that this machine trusts, and endorsed by the peer's key where that is known.
// Answers prove for which session they were given, and requests are signed for theirs.
func (c *Client) transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // VerifyConnection does it
		VerifyConnection:   c.verifyConnection,
	}
	t.ForceAttemptHTTP2 = true
	t.MaxResponseHeaderBytes = 64 << 10
	t.ResponseHeaderTimeout = 0 // a task may take its time
	return t
}

func (c *Client) verifyConnection(cs tls.ConnectionState) error {
	leaf := cs.PeerCertificates[0]
	if own := ownKey(leaf); own != [32]byte{} {
		if c.Key != nil && own != c.Key.Key {
			return fmt.Errorf("%w: its certificate is for key %x, expected is %s", ErrIdentity, own[:6], c.Key)
		}
		return nil
	}
	pool := x509.NewCertPool()
	for _, extra := range cs.PeerCertificates[1:] {
		pool.AddCert(extra)
	}
	at, err := url.Parse(c.URL)
	if err != nil {
		return err
	}
	host := at.Hostname() // the session's ServerName is empty for an address
	_, err = leaf.Verify(x509.VerifyOptions{DNSName: host, Intermediates: pool})
	if err != nil {
		return fmt.Errorf("%w, as far as its certificate says: %w", ErrIdentity, err)
	}
	if c.Key != nil && !endorsed(cs.PeerCertificates, *c.Key) {
		return fmt.Errorf("%w: its certificate is good for %s, but %s does not endorse it", ErrIdentity, host, c.Key)
	}
	return nil
}

// proven checks that an answer over TLS comes from the agent that is expected.
func proven(res *http.Response, from object.AgentID) error {
	if res.TLS == nil {
		return nil
	}
	material, err := res.TLS.ExportKeyingMaterial(proofLabel, nil, proofSize)
	if err != nil {
		return err
	}
	raw, err := hex.DecodeString(res.Header.Get(headerProof))
	if err != nil || len(raw) != 64 {
		return fmt.Errorf("%w: the answer does not prove that it is by %s", ErrIdentity, from)
	}
	if err := sign.Verify(from, material, [64]byte(raw)); err != nil {
		return fmt.Errorf("%w: the answer is not by %s", ErrIdentity, from)
	}
	return nil
}
