package oms

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/mythos-project/mythos/ledger/intoto"
)

var files = []File{{"weights", sha256.Sum256([]byte("w"))}, {"a/config.json", sha256.Sum256([]byte("c"))}, {"a-b", sha256.Sum256(nil)}}

// verifier is a public key behind the stock library's interface.
type verifier struct {
	key  *ecdsa.PublicKey
	hash crypto.Hash
}

func (v verifier) Verify(_ context.Context, data, sig []byte) error {
	h := v.hash.New()
	h.Write(data)
	if !ecdsa.VerifyASN1(v.key, h.Sum(nil), sig) {
		return errors.New("the signature does not hold")
	}
	return nil
}
func (v verifier) KeyID() (string, error)   { return "", nil }
func (v verifier) Public() crypto.PublicKey { return v.key }

// TestBundle verifies a bundle of each curve according to the specification, and the envelope with the stock library.
func TestBundle(t *testing.T) {
	for hash, curve := range map[crypto.Hash]elliptic.Curve{crypto.SHA256: elliptic.P256(), crypto.SHA384: elliptic.P384(), crypto.SHA512: elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		text, err := Bundle(key, "m", files)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Bundle(key, "m", []File{files[2], files[0], files[1]})
		if err != nil || string(again) != string(text) {
			t.Errorf("the same files give another bundle: %v", err)
		}
		var b struct {
			MediaType string
			Material  struct {
				PublicKey struct{ Hint string }
			} `json:"verificationMaterial"`
			Envelope dsse.Envelope `json:"dsseEnvelope"`
		}
		if err := json.Unmarshal(text, &b); err != nil {
			t.Fatal(err)
		}
		public, err := PublicPEM(&key.PublicKey)
		if sum := sha256.Sum256(public); err != nil || b.Material.PublicKey.Hint != hex.EncodeToString(sum[:]) || b.MediaType != BundleMedia {
			t.Errorf("%s: %v", text, err)
		}
		check, err := dsse.NewEnvelopeVerifier(verifier{&key.PublicKey, hash})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := check.Verify(context.Background(), &b.Envelope); err != nil {
			t.Errorf("%s: %v", curve.Params().Name, err)
		}
		payload, err := b.Envelope.DecodeB64Payload()
		if err != nil {
			t.Fatal(err)
		}
		sameFiles(t, payload)
	}
}

func sameFiles(t *testing.T, payload []byte) {
	var s statement
	if err := json.Unmarshal(payload, &s); err != nil {
		t.Fatal(err)
	}
	root := sha256.New()
	var names []string
	for _, r := range s.Predicate.Resources {
		digest, err := hex.DecodeString(r.Digest)
		if err != nil || r.Algorithm != "sha256" {
			t.Errorf("%+v: %v", r, err)
		}
		root.Write(digest)
		names = append(names, r.Name)
	}
	if !slices.Equal(names, []string{"a-b", "a/config.json", "weights"}) {
		t.Errorf("the files are %v", names)
	}
	if s.Type != intoto.StatementType || s.PredicateType != PredicateType || len(s.Subject) != 1 || s.Subject[0].Digest["sha256"] != hex.EncodeToString(root.Sum(nil)) || s.Predicate.Serialization.AllowSymlinks {
		t.Errorf("%s", payload)
	}
}

// TestNames: names that verifiers would leave out or cannot express are not signed.
func TestNames(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", ".", "/a", "../a", "a/../b", "a//b", "a/", ".git", ".github/x", "model.sig", "\xff"} {
		if _, err := Bundle(key, "m", []File{{Name: name}}); err == nil {
			t.Errorf("%q is signed", name)
		}
	}
	for _, list := range [][]File{nil, {files[0], files[0]}} {
		if _, err := Bundle(key, "m", list); err == nil {
			t.Errorf("%v is signed", list)
		}
	}
}

func TestParseKey(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	for _, text := range []string{block("EC PRIVATE KEY", sec1), block("PRIVATE KEY", pkcs8), block("EC PARAMETERS", []byte{6, 0}) + block("EC PRIVATE KEY", sec1)} {
		if key, err := ParseKey([]byte(text)); err != nil || !key.Equal(ec) {
			t.Errorf("%s: %v", text, err)
		}
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small, err := x509.MarshalECPrivateKey(p224)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := x509.MarshalPKCS8PrivateKey(ed)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "nonsense", block("EC PARAMETERS", nil), block("EC PRIVATE KEY", small), block("PRIVATE KEY", other), block("PRIVATE KEY", sec1), block("ENCRYPTED PRIVATE KEY", pkcs8), block("PUBLIC KEY", pkcs8)} {
		if _, err := ParseKey([]byte(text)); !errors.Is(err, ErrKey) || strings.Contains(err.Error(), "BEGIN") {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}
