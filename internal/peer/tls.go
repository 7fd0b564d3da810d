package peer

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"net/http"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// headerProof is, over TLS, the agent's signature over what only the two ends of the
// session know (RFC 9266): whoever sits between them has another session.
const headerProof = "Mythos-Proof"

// proofLabel and proofSize are of the exported key material (RFC 8446 section 7.5).
const (
	proofLabel = "EXPORTER-mythos-peer-1"
	proofSize  = 32
)

// Certificate is one for the agent's own key, good for ten years: a peer that knows the
// key needs no authority to check it.
func Certificate(key *sign.Key, now time.Time) (tls.Certificate, error) {
	seed := key.Seed()
	private := ed25519.NewKeyFromSeed(seed[:])
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "mythos " + key.Agent().KeyHex()},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate of %s: %w", key.Agent(), err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, nil
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
// authorities that this machine trusts, and its answers prove who gave them.
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
	if own, ok := leaf.PublicKey.(ed25519.PublicKey); ok && leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature) == nil {
		if c.Key != nil && [32]byte(own) != c.Key.Key {
			return fmt.Errorf("%w: its certificate is for key %x, expected is %s", ErrIdentity, []byte(own[:6]), c.Key)
		}
		return nil
	}
	pool := x509.NewCertPool()
	for _, extra := range cs.PeerCertificates[1:] {
		pool.AddCert(extra)
	}
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: cs.ServerName, Intermediates: pool})
	return err
}

// proven checks that an answer over TLS comes from the agent that is expected.
func (c *Client) proven(res *http.Response, from object.AgentID) error {
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
