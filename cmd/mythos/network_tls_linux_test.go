package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// authority is a certificate authority for hosts.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // PEM
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{t: t, key: key, file: filepath.Join(t.TempDir(), "authority.pem")}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// host makes a certificate for an address, as two PEM files.
func (a *authority) host(ip string) (cert, key string) {
	a.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(ip)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, private.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	dir := a.t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	return cert, key
}

// between relays to a server, with a separate TLS session to each side. It counts the requests that it sees.
func between(t *testing.T, to string, c tls.Certificate) (string, *atomic.Int64) {
	t.Helper()
	at, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	relay := httputil.NewSingleHostReverseProxy(at)
	relay.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	relay.ErrorLog = log.New(io.Discard, "", 0)
	seen := &atomic.Int64{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen.Add(1); relay.ServeHTTP(w, r) }))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{c}, MinVersion: tls.VersionTLS13}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL, seen
}

// TestNetworkRelay: a server has a certificate of an authority, and somebody between it and its peer has another one
// for the same host, by the same authority: nothing is sent to the relay. With the server's own stolen certificate, the
// relay's requests are refused, since they are signed for another session, and so are its answers.
func TestNetworkRelay(t *testing.T) {
	t.Parallel()
	trusted := newAuthority(t)
	all := sites(t, "near", "far")
	near, far := all[0], all[1]
	near.env = append(near.env, "SSL_CERT_FILE="+trusted.file)
	cert, key := trusted.host("127.0.0.1")
	far.serve("--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	data, cid := far.blob(21, 50_000)
	read := far.capFor(near, cid)
	bundle := near.bundle("hello")
	near.run("peer", "add", "far", far.url, "--key", far.key)
	near.run("submit", "far", bundle)

	pair := func(cert, key string) tls.Certificate {
		c, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	other, seen := between(t, far.url, pair(trusted.host("127.0.0.1")))
	near.run("peer", "add", "relay", other, "--key", far.key)
	before := seen.Load() // that he is there was seen when he was added, or not at all
	for _, args := range [][]string{{"submit", "relay", bundle}, {"pull", "relay", cid, "--cap", read}} {
		if _, errOut, code := near.try(args...); code != 4 || !strings.Contains(errOut, "does not endorse it") {
			t.Errorf("%v: exit code %d: %s", args, code, errOut)
		}
	}
	if got := seen.Load(); got != before {
		t.Errorf("the relay was sent %d requests", got-before)
	}
	elsewhere, _ := between(t, far.url, pair(trusted.host("192.0.2.1")))
	if _, errOut, code := near.try("submit", elsewhere, bundle); code != 4 || !strings.Contains(errOut, "certificate") {
		t.Errorf("a certificate for another address: exit code %d: %s", code, errOut)
	}

	stolen := pair(cert, key)
	stolen.Certificate = chainOf(t, far.url)
	thief, seen := between(t, far.url, stolen)
	near.run("peer", "add", "thief", thief, "--key", far.key)
	before = seen.Load()
	for _, args := range [][]string{{"submit", "thief", bundle}, {"pull", "thief", cid, "--cap", read}} {
		if _, errOut, code := near.try(args...); code != 4 {
			t.Errorf("%v: exit code %d: %s", args, code, errOut)
		}
	}
	if seen.Load() == before || near.has(cid, data) {
		t.Errorf("the thief saw %d requests, the blob is here: %v", seen.Load()-before, near.has(cid, data))
	}
	if !strings.Contains(far.log.String(), "request is not signed by its agent") {
		t.Errorf("the server did not notice: %s", far.log)
	}
	near.run("pull", "far", cid, "--cap", read)
	if !near.has(cid, data) {
		t.Error("the blob is not here")
	}
}

// chainOf returns the certificates that a server shows.
func chainOf(t *testing.T, at string) (chain [][]byte) {
	t.Helper()
	c, err := tls.Dial("tcp", strings.TrimPrefix(at, "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, cert := range c.ConnectionState().PeerCertificates {
		chain = append(chain, cert.Raw)
	}
	return chain
}
