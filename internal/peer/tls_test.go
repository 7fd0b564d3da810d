package peer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/internal/peer/parts"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/peer/tasks"
	"github.com/mythos-project/mythos/internal/repo"
)

// serve serves a repository until the test ends; with a certificate, over TLS.
func serve(t *testing.T, n *repo.Repo, c *tls.Certificate) string {
	t.Helper()
	s := &peer.Server{Repo: n, Log: slog.New(slog.DiscardHandler), Services: []peer.Service{&parts.Service{Repo: n}, &tasks.Service{Repo: n}}}
	s.SetLimits(peer.Limits{Rate: 1000})
	if c == nil {
		return "http://" + peertest.Serve(t, s)
	}
	s.TLS = auth.ServerTLS(*c)
	return "https://" + peertest.Serve(t, s)
}

// ordinary makes a certificate that has nothing to do with the agent.
func ordinary(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestManInTheMiddle: somebody between two peers, with a separate session to each, gains nothing: the certificate is
// not for the agent's key, and if a certificate by an authority is accepted instead, requests and answers are for
// another session.
func TestManInTheMiddle(t *testing.T) {
	far, near := peertest.Repo(t, "far"), peertest.Repo(t, "near")
	own, err := auth.Certificate(far.Key, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	at := serve(t, far, &own)
	_, ref := peertest.Random(t, far, 1000, 20)
	self := far.Self()
	chain := peertest.Grant(t, far, near.Self(), &scope.BlobRead{CID: ref.CID})
	fetch := func(c *peer.Client) error {
		_, err := parts.Fetch(t.Context(), c, ref.CID, 0, 10, chain, io.Discard)
		return err
	}
	for name, c := range map[string]*peer.Client{"key known": {Repo: near, URL: at, Key: &self}, "first use": {Repo: near, URL: at}} {
		if err := fetch(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	to, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	middle := httputil.NewSingleHostReverseProxy(to)
	middle.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	mitm := httptest.NewUnstartedServer(middle)
	mitm.TLS = &tls.Config{Certificates: []tls.Certificate{ordinary(t)}, MinVersion: tls.VersionTLS13}
	mitm.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	mitm.StartTLS()
	defer mitm.Close()
	if err := fetch(&peer.Client{Repo: near, URL: mitm.URL, Key: &self}); err == nil {
		t.Error("a certificate that nobody vouches for was believed")
	}
	believer := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	if err := fetch(&peer.Client{Repo: near, URL: mitm.URL, Key: &self, HTTP: believer}); err == nil {
		t.Error("with a certificate that is believed, a request for another session is taken")
	} else if statusOf(err) != http.StatusForbidden {
		t.Errorf("with a certificate that is believed: %v", err)
	}
	mine, err := auth.Certificate(near.Key, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := fetch(&peer.Client{Repo: near, URL: serve(t, far, &mine), Key: &self}); !errors.Is(err, auth.ErrIdentity) {
		t.Errorf("a certificate for another agent's key: %v", err)
	}
	theirs := ordinary(t)
	ok := &peer.Client{Repo: near, URL: serve(t, far, &theirs), Key: &self, HTTP: believer}
	if err := fetch(ok); err != nil {
		t.Errorf("a certificate by an authority, and the agent behind it: %v", err)
	}
}
