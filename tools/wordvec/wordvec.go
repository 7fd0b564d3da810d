// Package wordvec is a tool that embeds a text: the request is the text's bytes, the response
// a vector of 256 parts, each a float32 in little-endian order. Texts that have words in
// common, or parts of words, have vectors with a small angle. It knows no language and was not
// trained: it counts (feature hashing, Weinberger and others, 2009).
//
// A word is a longest run of letters, digits, underscores and bytes above 127; A to Z count
// as a to z. A word's features are the word, and each three bytes that follow one another
// in it with a blank before and after. The hash of a feature is 32-bit FNV-1a over its
// bytes, of three bytes from 0x9747b28c instead of the usual basis, and then MurmurHash3's
// fmix32. The low eight bits name a part, the next one is the sign: 0 counts 1, 1 counts -1.
//
// Where n is the sum of a part and s that of the sizes of all n, the part is the square
// root of |n|/s with the sign of n: division and root in float64, the result rounded to
// float32. A text without words has the vector zero.
//
// The module is assembled from wordvec.wat and part of the binary: who embeds needs no
// compiler. This package is the same rule in Go, which the module is tested against.
package wordvec

import (
	_ "embed"
	"math"
)

//go:generate go run ../../internal/wat/gen wordvec.wat wordvec.wasm

// Module is the module: a WASI command.
//
//go:embed wordvec.wasm
var Module []byte

// Dim is the dimension of the vectors.
const Dim = 256

const (
	basis = 0x811c9dc5 // FNV-1a
	three = 0x9747b28c
)

// Embed returns the module's answer, as numbers.
func Embed(text []byte) [Dim]float32 {
	var sums [Dim]int32
	hash, before, last := uint32(basis), byte(0), byte(0)
	end := func() {
		if last != 0 {
			count(&sums, fold(three, before, last, ' '))
			count(&sums, hash)
			hash, last = basis, 0
		}
	}
	for _, b := range text {
		c := letter(b)
		if c == 0 {
			end()
			continue
		}
		if last != 0 {
			count(&sums, fold(three, before, last, c))
		} else {
			last = ' '
		}
		hash = fold(hash, c)
		before, last = last, c
	}
	end()
	return weigh(sums)
}

func weigh(sums [Dim]int32) (out [Dim]float32) {
	all := int64(0)
	for _, n := range sums {
		all += int64(max(n, -n))
	}
	if all == 0 {
		return out
	}
	for i, n := range sums {
		out[i] = float32(math.Copysign(math.Sqrt(float64(max(n, -n))/float64(all)), float64(n)))
	}
	return out
}

func letter(b byte) byte {
	switch {
	case b >= 'A' && b <= 'Z':
		return b + 'a' - 'A'
	case b >= 'a' && b <= 'z', b >= '0' && b <= '9', b == '_', b >= 0x80:
		return b
	}
	return 0
}

func fold(hash uint32, bytes ...byte) uint32 {
	for _, b := range bytes {
		hash = (hash ^ uint32(b)) * 16777619
	}
	return hash
}

func count(sums *[Dim]int32, hash uint32) {
	hash = (hash ^ hash>>16) * 0x85ebca6b
	hash = (hash ^ hash>>13) * 0xc2b2ae35
	hash ^= hash >> 16
	sums[hash%Dim] += 1 - int32(hash>>7&2)
}
