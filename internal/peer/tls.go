package peer

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"

	"github.com/mythos-project/mythos/internal/peer/auth"
)

// proving signs the session of each answer, so that a certificate of a public authority is also bound to the agent.
func (s *Server) proving(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil {
			if proof, err := auth.Prove(s.Repo.Key, r.TLS); err == nil {
				w.Header().Set(auth.HeaderProof, proof)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// transport makes the connections of a client. A certificate for the peer's own key identifies it before anything is
// sent. Every other certificate must be valid by the authorities that this machine trusts and, if the peer's key is
// known, auth.Endorsed by it. Answers prove for which session they were given, and requests are signed for theirs.
func (c *Client) transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // VerifyConnection does it
		VerifyConnection:   c.verifyConnection,
	}
	t.ForceAttemptHTTP2 = true
	t.MaxIdleConnsPerHost = maxOfPeer // many requests at a time do not each make a new connection
	t.MaxResponseHeaderBytes = 64 << 10
	t.ResponseHeaderTimeout = 0 // a task may take long
	return t
}

func (c *Client) verifyConnection(cs tls.ConnectionState) error {
	leaf := cs.PeerCertificates[0]
	if own := auth.OwnKey(leaf); own != [32]byte{} {
		if c.Key != nil && own != c.Key.Key {
			return fmt.Errorf("%w: its certificate is for key %x, expected is %s", auth.ErrIdentity, own[:6], c.Key)
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
		return fmt.Errorf("%w, as far as its certificate says: %w", auth.ErrIdentity, err)
	}
	if c.Key != nil && !auth.Endorsed(cs.PeerCertificates, *c.Key) {
		return fmt.Errorf("%w: its certificate is good for %s, but %s does not endorse it", auth.ErrIdentity, host, c.Key)
	}
	return nil
}
