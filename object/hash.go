package object

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// 1 SHA-256 is the only hash algorithm of MYTHOS v0.2.
const SHA256 uint8 = 1

// Hash names bytes by their digest. It is comparable; the zero Hash is not a hash and is never valid inside an object.
type Hash struct {
	Alg uint8    `can:"1,alg"`   // 1 SHA-256
	Sum [32]byte `can:"2,bytes"` // the digest
}

// Sum returns the hash of data.
func Sum(data []byte) Hash { return Hash{SHA256, sha256.Sum256(data)} }

// SumText returns the hash of the UTF-8 bytes of s. Opaque ids are made this way, for example
// SHA-256("tool:mythos.blob.put").
func SumText(s string) Hash { return Sum([]byte(s)) }

// HashOf makes a Hash of a finished SHA-256 digest.
func HashOf(digest [32]byte) Hash { return Hash{SHA256, digest} }

// IsZero reports whether h is the zero Hash.
func (h Hash) IsZero() bool { return h == Hash{} }

// String returns the digest as 64 lower-case hex digits.
func (h Hash) String() string { return hex.EncodeToString(h.Sum[:]) }

// Short returns the first 12 hex digits, for people.
func (h Hash) Short() string { return h.String()[:12] }

// Check refuses any algorithm but SHA-256 [field-7].
func (h Hash) Check() error {
	if h.Alg != SHA256 {
		return fmt.Errorf("hash algorithm %d is not known (1 is SHA-256)", h.Alg)
	}
	return nil
}

// Compare orders hashes by algorithm, then by digest bytes: -1, 0 or +1.
func (h Hash) Compare(o Hash) int {
	if h.Alg != o.Alg {
		return int(h.Alg) - int(o.Alg)
	}
	return bytes.Compare(h.Sum[:], o.Sum[:])
}

// ParseHash reads 64 hex digits, with or without the prefix "sha256:".
func ParseHash(s string) (Hash, error) {
	digits := strings.TrimPrefix(s, "sha256:")
	h := Hash{Alg: SHA256}
	if len(digits) != 64 {
		return Hash{}, fmt.Errorf("%q is not a hash: expected 64 hex digits, found %d characters", s, len(digits))
	}
	if _, err := hex.Decode(h.Sum[:], []byte(digits)); err != nil {
		return Hash{}, fmt.Errorf("%q is not a hash: %w", s, err)
	}
	return h, nil
}

// MarshalText gives the hex digits, for JSON, YAML and map keys.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText is ParseHash.
func (h *Hash) UnmarshalText(text []byte) (err error) {
	*h, err = ParseHash(string(text))
	return err
}
