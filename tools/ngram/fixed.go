package main

import "math/bits"

const (
	fraction = 52            // bits of a probability
	one      = 1 << fraction // the probability 1
	ln2      = 2977044471    // ln 2 with 32 fractional bits, rounded down
	log2E    = 6196328018    // 1/ln 2 with 32 fractional bits, rounded down
)

// smooth is (c + N·p)/(C + N) in units of one. It is never 0.
func smooth(count uint32, t total, p uint64) uint64 {
	hi, lo := bits.Mul64(uint64(count), one)
	lo, carry := bits.Add64(lo, uint64(t.kinds)*p, 0) // at most 256·2^52
	quotient, _ := bits.Div64(hi+carry, lo, uint64(t.seen)+uint64(t.kinds))
	return max(quotient, 1)
}

// log2 is the binary logarithm of x, at least 1, with 32 fractional bits, rounded
// down: each squaring of the mantissa gives one bit.
func log2(x uint64) uint64 {
	whole := bits.Len64(x) - 1
	m := x << (63 - whole) >> 32 // the mantissa, in [2^31, 2^32)
	result := uint64(whole)
	for range 32 {
		result <<= 1
		square := m * m // in [2^62, 2^64)
		if square>>63 == 1 {
			result |= 1
			m = square >> 32
		} else {
			m = square >> 31
		}
	}
	return result
}

// loss is -log2(p/one) with 32 fractional bits.
func loss(p uint64) uint64 { return fraction<<32 - log2(p) }

// mulShift is a·b/2^32.
func mulShift(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi<<32 | lo>>32
}

// micros turns 32 fractional bits into millionths.
func micros(x uint64) int64 { return int64(mulShift(x, 1_000_000)) }

// pow2 is 2^x in millionths, x having 32 fractional bits; from 2^16 on it is 2^16.
func pow2(x uint64) int64 {
	x = min(x, 16<<32)
	r := mulShift(x&(1<<32-1), ln2) // e^r, r < ln 2
	term, sum := uint64(1)<<40, uint64(1)<<40
	for k := uint64(1); term > 0; k++ {
		term = mulShift(term, r) / k
		sum += term
	}
	return int64(mulShift(sum<<(x>>32)>>8, 1_000_000))
}
