package sign_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// order is that of the group, L.
var order, _ = new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)

func little(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

func fromLittle(b []byte) *big.Int {
	b = bytes.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

// strange returns encodings on which implementations of Ed25519 disagree: points of small order, canonical or not, zero
// with a sign, and bytes that are not points at all.
func strange(t *testing.T) (list [][]byte) {
	for _, text := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000080",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"0200000000000000000000000000000000000000000000000000000000000000",
	} {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	return list
}

// alike checks that both ways of verifying agree with crypto/ed25519.
func alike(t *testing.T, key, message, sig []byte) (accepted bool) {
	t.Helper()
	agent := object.AgentID{Scheme: object.Ed25519, Key: [32]byte(key)}
	accepted = ed25519.Verify(key, message, sig)
	one := sign.Verify(agent, message, [64]byte(sig)) == nil
	many := sign.NewVerifier(agent).Verify(message, [64]byte(sig)) == nil
	if one != accepted || many != accepted {
		t.Fatalf("key %x, message %x, signature %x: crypto/ed25519 says %v, Verify %v, Verifier %v", key, message, sig, accepted, one, many)
	}
	return accepted
}

// TestVerifyIsTheStandardOne compares with crypto/ed25519 where implementations
// are known to differ: https://hdevalence.ca/blog/2020-10-04-its-25519am.
func TestVerifyIsTheStandardOne(t *testing.T) {
	seed := make([]byte, 32)
	private := ed25519.NewKeyFromSeed(seed)
	// The public key is [a]B, so (R = [a]B, S = a) verifies under a key of small order whenever the challenge is a
	// multiple of that order.
	h := sha512.Sum512(seed)
	h[0] &= 248
	h[31] = h[31]&127 | 64
	a := new(big.Int).Mod(fromLittle(h[:32]), order)
	accepted := map[string]int{}
	for i := range 64 {
		message := fmt.Appendf(nil, "message %d", i)
		good := ed25519.Sign(private, message)
		if !alike(t, private[32:], message, good) {
			t.Fatal("a good signature is refused")
		}
		s := fromLittle(good[32:])
		for k := int64(1); k <= 16 && i < 4; k++ { // S beyond the order
			more := new(big.Int).Add(s, new(big.Int).Mul(order, big.NewInt(k)))
			if more.BitLen() <= 256 && alike(t, private[32:], message, append(bytes.Clone(good[:32]), little(more)...)) {
				t.Error("a malleable signature is accepted")
			}
		}
		for j, point := range strange(t) {
			for name, sig := range map[string][]byte{
				"S = a": append(bytes.Clone(private[32:]), little(a)...),
				"S = 0": append(bytes.Clone(point), make([]byte, 32)...),
				"R = 1": append(strange(t)[0], make([]byte, 32)...),
				"mixed": append(bytes.Clone(strange(t)[(i+j)%16]), little(a)...),
			} {
				if alike(t, point, message, sig) {
					accepted[name]++
				}
			}
			alike(t, private[32:], message, append(bytes.Clone(point), good[32:]...))
		}
	}
	if accepted["S = a"] == 0 || accepted["R = 1"] == 0 {
		t.Errorf("no strange signature is accepted, the test tests nothing: %v", accepted)
	}
}

// TestSignsAsTheStandardDoes compares signatures with those of crypto/ed25519, which
// follow from key and message alone.
func TestSignsAsTheStandardDoes(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range 600 {
		var seed [32]byte
		message := make([]byte, n)
		for i := range seed {
			seed[i] = byte(rng.Uint32())
		}
		for i := range message {
			message[i] = byte(rng.Uint32())
		}
		got, err := sign.FromSeed(seed, "").Sign(message)
		if err != nil || !bytes.Equal(got[:], ed25519.Sign(ed25519.NewKeyFromSeed(seed[:]), message)) {
			t.Fatalf("seed %x, message %x: %x, %v", seed, message, got, err)
		}
	}
}

// TestVerifyRandomly flips bits of good signatures, keys and messages.
func TestVerifyRandomly(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		seed := make([]byte, 32)
		for i := range seed {
			seed[i] = byte(rng.Uint32())
		}
		private := ed25519.NewKeyFromSeed(seed)
		all := append(append(bytes.Clone(private[32:]), ed25519.Sign(private, seed)...), seed...)
		if i := rng.IntN(len(all) * 9); i < len(all)*8 {
			all[i/8] ^= 1 << (i % 8)
		}
		alike(t, all[:32], all[96:], all[32:96])
	}
}

func BenchmarkSign(b *testing.B) {
	private, message := ed25519.NewKeyFromSeed(make([]byte, 32)), make([]byte, 32)
	key := sign.FromSeed([32]byte{}, "")
	b.Run("standard", func(b *testing.B) {
		for b.Loop() {
			ed25519.Sign(private, message)
		}
	})
	b.Run("Key", func(b *testing.B) {
		for b.Loop() {
			_, _ = key.Sign(message)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	private := ed25519.NewKeyFromSeed(make([]byte, 32))
	agent := object.AgentID{Scheme: object.Ed25519, Key: [32]byte(private[32:])}
	message := make([]byte, 32)
	sig := ed25519.Sign(private, message)
	v := sign.NewVerifier(agent)
	for name, verify := range map[string]func() bool{
		"standard": func() bool { return ed25519.Verify(ed25519.PublicKey(private[32:]), message, sig) },
		"Verify":   func() bool { return sign.Verify(agent, message, [64]byte(sig)) == nil },
		"Verifier": func() bool { return v.Verify(message, [64]byte(sig)) == nil },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if !verify() {
					b.Fatal("refused")
				}
			}
		})
	}
}
