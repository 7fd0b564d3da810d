package credentials

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha512" // of RS384 and RS512
	"encoding/base64"
	"fmt"
	"math/big"

	"github.com/mythos-project/mythos/internal/conform/generate/vector"
	"github.com/mythos-project/mythos/object"
)

var b64 = base64.RawURLEncoding.EncodeToString

// seed is a deterministic byte string of a given size.
func seed(name string, size int) (out []byte) {
	for i := 0; len(out) < size; i++ {
		h := object.SumText(fmt.Sprintf("mythos golden key: %s %d", name, i))
		out = append(out, h.Sum[:]...)
	}
	return out[:size]
}

// rsaKey is deterministic.
func rsaKey(name string, bits int) *rsa.PrivateKey {
	e := big.NewInt(65537)
	one := big.NewInt(1)
	k := &rsa.PrivateKey{PublicKey: rsa.PublicKey{E: 65537, N: big.NewInt(1)}}
	phi := big.NewInt(1)
	for _, which := range []string{"p", "q"} {
		p := new(big.Int).SetBytes(seed(name+" "+which, bits/16))
		p.SetBit(p, bits/2-1, 1).SetBit(p, bits/2-2, 1).SetBit(p, 0, 1)
		less := new(big.Int).Sub(p, one)
		for !p.ProbablyPrime(20) || new(big.Int).GCD(nil, nil, less, e).Cmp(one) != 0 {
			p.Add(p, big.NewInt(2))
			less.Sub(p, one)
		}
		k.Primes = append(k.Primes, p)
		k.N.Mul(k.N, p)
		phi.Mul(phi, less)
	}
	k.D = new(big.Int).ModInverse(e, phi)
	k.Precompute()
	if err := k.Validate(); err != nil {
		panic(err)
	}
	return k
}

func ecKey(name string, curve elliptic.Curve) *ecdsa.PrivateKey {
	raw := seed(name, (curve.Params().BitSize+7)/8)
	raw[0] = 0 // below the order of the curve
	return vector.Must(ecdsa.ParseRawPrivateKey(curve, raw))
}

// public is the public key in the form of key sets (RFC 7517).
func public(kid string, key crypto.Signer) vector.Fields {
	k := vector.Fields{"kid": kid}
	switch p := key.Public().(type) {
	case *rsa.PublicKey:
		k["kty"], k["n"], k["e"] = "RSA", b64(p.N.Bytes()), "AQAB"
	case *ecdsa.PublicKey:
		point := vector.Must(p.Bytes())[1:]
		k["kty"], k["crv"], k["x"], k["y"] = "EC", p.Curve.Params().Name, b64(point[:len(point)/2]), b64(point[len(point)/2:])
	case ed25519.PublicKey:
		k["kty"], k["crv"], k["x"] = "OKP", "Ed25519", b64(p)
	}
	return k
}
