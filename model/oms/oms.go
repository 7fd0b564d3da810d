// Package oms signs the files of a model according to the OpenSSF Model Signing specification 1.0
// (spec/learning.md#model-signing): an in-toto statement with the SHA-256 of every file, in a DSSE envelope, in a
// Sigstore bundle, signed by an elliptic curve key. Stock verifiers accept it.
package oms

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mythos-project/mythos/ledger/intoto"
)

// The types in the specification.
const (
	PredicateType = "https://model_signing/signature/v1.0"
	BundleMedia   = "application/vnd.dev.sigstore.bundle.v0.3+json"
)

// SignatureName is the file beside a model's files that holds the bundle.
const SignatureName = "model.sig"

// ErrKey means that a private key is not suitable for signing models.
var ErrKey = errors.New("models are signed with an elliptic curve key in PEM, of P-256, P-384 or P-521, without a passphrase")

// File is a file of a model.
type File struct {
	Name   string // its path, with slashes
	SHA256 [sha256.Size]byte
}

type (
	statement struct {
		Type          string    `json:"_type"`
		Subject       []subject `json:"subject"`
		PredicateType string    `json:"predicateType"`
		Predicate     predicate `json:"predicate"`
	}
	subject struct {
		Name   string            `json:"name"`
		Digest map[string]string `json:"digest"`
	}
	predicate struct {
		Resources     []resource    `json:"resources"`
		Serialization serialization `json:"serialization"`
	}
	resource struct {
		Name      string `json:"name"`
		Digest    string `json:"digest"`
		Algorithm string `json:"algorithm"`
	}
	serialization struct {
		Method        string   `json:"method"`
		HashType      string   `json:"hash_type"`
		AllowSymlinks bool     `json:"allow_symlinks"`
		IgnorePaths   []string `json:"ignore_paths"`
	}
	bundle struct {
		MediaType            string          `json:"mediaType"`
		VerificationMaterial material        `json:"verificationMaterial"`
		Envelope             intoto.Envelope `json:"dsseEnvelope"`
	}
	material struct {
		PublicKey struct {
			Hint string `json:"hint"`
		} `json:"publicKey"`
		TlogEntries []struct{} `json:"tlogEntries"`
	}
)

const hashName = "sha256"

// ignored are the paths that every signer leaves out: git's files, and the signature.
var ignored = []string{".git", ".gitattributes", ".github", ".gitignore", SignatureName}

// Bundle signs a model's files under a name: a Sigstore bundle, as JSON. The same files, name
// and key give the same bytes. Errors wrap ErrKey, or name a file that cannot be signed.
func Bundle(key *ecdsa.PrivateKey, name string, files []File) ([]byte, error) {
	text, err := stated(name, files)
	if err != nil {
		return nil, err
	}
	hint, err := Hint(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	hash, err := hashFor(key.Curve)
	if err != nil {
		return nil, err
	}
	h := hash.New()
	h.Write(intoto.PAE(intoto.PayloadType, text))
	sig, err := key.Sign(nil, h.Sum(nil), hash) // deterministic, as in RFC 6979
	if err != nil {
		return nil, fmt.Errorf("model signing: %w", err)
	}
	b := bundle{MediaType: BundleMedia, Envelope: intoto.Envelope{PayloadType: intoto.PayloadType, Payload: text, Signatures: []intoto.EnvelopeSignature{{Sig: sig}}}}
	b.VerificationMaterial.PublicKey.Hint = hint
	b.VerificationMaterial.TlogEntries = []struct{}{}
	out, err := json.Marshal(b)
	return append(out, '\n'), err
}

// stated is the statement about files, as JSON. The files are sorted by name; the subject's digest covers their digests
// in that order.
func stated(name string, files []File) ([]byte, error) {
	if len(files) == 0 {
		return nil, errors.New("model signing: a model without files cannot be signed")
	}
	files = slices.SortedFunc(slices.Values(files), func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	p := predicate{Serialization: serialization{Method: "files", HashType: hashName, IgnorePaths: ignored}}
	root := sha256.New()
	for i, f := range files {
		if err := checkName(f.Name); err != nil {
			return nil, err
		}
		if i > 0 && files[i-1].Name == f.Name {
			return nil, fmt.Errorf("model signing: %q is there twice", f.Name)
		}
		root.Write(f.SHA256[:])
		p.Resources = append(p.Resources, resource{f.Name, hex.EncodeToString(f.SHA256[:]), hashName})
	}
	return json.Marshal(statement{Type: intoto.StatementType, PredicateType: PredicateType, Predicate: p,
		Subject: []subject{{name, map[string]string{hashName: hex.EncodeToString(root.Sum(nil))}}}})
}

// checkName refuses names that the specification cannot express, and names that its verifiers leave out.
func checkName(name string) error {
	top, _, _ := strings.Cut(name, "/")
	switch {
	case !utf8.ValidString(name):
		return fmt.Errorf("model signing: the name %q is not UTF-8", name)
	case !fs.ValidPath(name) || name == ".":
		return fmt.Errorf("model signing: %q is not a path of a file inside the model", name)
	case slices.Contains(ignored, top):
		return fmt.Errorf("model signing: %q would not be verified: verifiers leave out %s", name, top)
	}
	return nil
}

// ParseKey reads a private key in PEM: SEC 1 or PKCS #8. Errors wrap ErrKey.
func ParseKey(text []byte) (*ecdsa.PrivateKey, error) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil, ErrKey
		}
		var key any
		var err error
		switch block.Type {
		case "EC PARAMETERS": // openssl writes these before the key
			continue
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		default:
			return nil, fmt.Errorf("%w: this is %q", ErrKey, block.Type)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
		ec, ok := key.(*ecdsa.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("%w: its type is %s", ErrKey, strings.TrimPrefix(fmt.Sprintf("%T", key), "*"))
		}
		_, err = hashFor(ec.Curve)
		return ec, err
	}
}

// hashFor is the hash for signing with a key of this curve.
func hashFor(curve elliptic.Curve) (crypto.Hash, error) {
	switch curve {
	case elliptic.P256():
		return crypto.SHA256, nil
	case elliptic.P384():
		return crypto.SHA384, nil
	case elliptic.P521():
		return crypto.SHA512, nil
	}
	return 0, fmt.Errorf("%w: this is one of %s", ErrKey, curve.Params().Name)
}

// PublicPEM is a public key in the form that verifiers read.
func PublicPEM(key *ecdsa.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	var out bytes.Buffer
	err = pem.Encode(&out, &pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return out.Bytes(), err
}

// Hint names a public key in a bundle: the SHA-256 of its PEM, in hex.
func Hint(key *ecdsa.PublicKey) (string, error) {
	text, err := PublicPEM(key)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}
