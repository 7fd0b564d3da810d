package codec

import (
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Errors that callers distinguish.
var (
	ErrKey   = errors.New("no key opens this blob")
	ErrRange = errors.New("range is beyond the end of the blob")
)

// Encryption says to whom, or with which key, a blob is encrypted: either Recipients or Key is set.
type Encryption struct {
	// Recipients, scheme 1, are age (age1...) or SSH public keys. A text can be a list of recipients, one per line;
	// blank lines and lines that begin with # are ignored.
	Recipients []string
	Key        []byte // scheme 2: 32 bytes for AES-256-GCM
	KeyHandle  string // scheme 2: the name by which a reader finds the key
	Nonce      []byte // scheme 2: 12 bytes, never used twice with the same key; nil: random
	PlainHash  bool   // record the hash of the plain bytes in the reference
}

// Keys may open an encrypted blob.
type Keys struct {
	// Identities are texts of age identity files or SSH private keys. An unusable one does not stop the others from
	// being tried.
	Identities []string
	// Passphrase is called if an identity that opens the blob is protected by a passphrase; nil: none is available.
	Passphrase func() ([]byte, error)
	Key        func(handle string) ([]byte, error) // returns the key with that name; nil: there are none
}

// open checks the options and returns the encrypter and the reference without a plain hash. An empty key handle lists
// the recipients.
func (e *Encryption) open(chunkSize uint32) (sealer, *object.EncryptRef, error) {
	if (len(e.Key) > 0) == (len(e.Recipients) > 0) {
		return nil, nil, fmt.Errorf("encryption needs either recipients or a key")
	}
	if len(e.Key) > 0 {
		return e.openKey(chunkSize)
	}
	to, names, err := parseRecipients(e.Recipients)
	if err != nil {
		return nil, nil, err
	}
	ref := &object.EncryptRef{Scheme: object.EncryptAge, KeyHandle: strings.Join(names, " "), Nonce: []byte{}}
	return func(w io.Writer) (io.WriteCloser, error) { return age.Encrypt(w, to...) }, ref, nil
}

func (e *Encryption) openKey(chunkSize uint32) (sealer, *object.EncryptRef, error) {
	aead, err := newGCM(e.Key)
	if err != nil {
		return nil, nil, err
	}
	if e.KeyHandle == "" {
		return nil, nil, fmt.Errorf("encryption with a key needs the key's name")
	}
	nonce := e.Nonce
	if nonce == nil {
		nonce = make([]byte, aead.NonceSize())
		if _, err := rand.Read(nonce); err != nil {
			return nil, nil, err
		}
	}
	if len(nonce) != aead.NonceSize() {
		return nil, nil, fmt.Errorf("a nonce has %d bytes, not %d", aead.NonceSize(), len(nonce))
	}
	ref := &object.EncryptRef{Scheme: object.EncryptAESGCM, KeyHandle: e.KeyHandle, Nonce: nonce, AAD: []byte(gcmLabel)}
	g := &gcm{aead, nonce, []byte(gcmLabel), int(chunkSize)}
	return func(w io.Writer) (io.WriteCloser, error) { return newGCMWriter(g, w), nil }, ref, nil
}

// gcm returns the cipher of a scheme 2 blob; the error wraps ErrKey.
func (b *Blob) gcm() (*gcm, error) {
	e := b.Ref.Encryption
	if b.Keys.Key == nil {
		return nil, fmt.Errorf("%w: it is encrypted with the key %q, and no key was given", ErrKey, e.KeyHandle)
	}
	key, err := b.Keys.Key(e.KeyHandle)
	if err != nil {
		return nil, fmt.Errorf("%w: key %q: %w", ErrKey, e.KeyHandle, err)
	}
	var aead cipher.AEAD
	if aead, err = newGCM(key); err != nil {
		return nil, fmt.Errorf("key %q: %w", e.KeyHandle, err)
	}
	if len(e.Nonce) != aead.NonceSize() {
		return nil, fmt.Errorf("%w: a nonce of %d bytes", kv.ErrCorrupt, len(e.Nonce))
	}
	segment := int(b.Ref.Size) // an unchunked blob is one segment
	if b.ChunkSize > 0 {
		segment = b.ChunkSize
	}
	return &gcm{aead, e.Nonce, e.AAD, segment}, nil
}
