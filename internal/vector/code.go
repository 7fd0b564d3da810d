package vector

import (
	"math/bits"
	"slices"
)

// A code has one bit for each part of a rotated vector, whose number of parts is the next power of two, at least 256: 1
// if the part is negative. The number of bits in which two codes differ grows with the angle between the vectors, less
// the centre of all rows, around which the vectors of many models cluster. The rotation mixes each part into every bit:
// twice, some signs change and the Walsh-Hadamard transform follows (without its factor). It only adds and subtracts,
// so that every machine gives the same bits.

const minBits = 256

// words returns how many 64-bit words a code has.
func words(dim int) int {
	n := minBits
	for n < dim {
		n *= 2
	}
	return n / 64
}

// coder makes codes. It is for one goroutine.
type coder struct {
	signs [2][]uint64 // for each round: 1 changes a sign
	parts []float32
}

func newCoder(dim int) *coder {
	w := words(dim)
	c := &coder{parts: make([]float32, w*64)}
	seed := uint64(0)
	for r := range c.signs {
		c.signs[r] = make([]uint64, w)
		for i := range w {
			c.signs[r][i] = splitmix(&seed)
		}
	}
	return c
}

// fresh returns a coder for another goroutine.
func (c *coder) fresh() *coder {
	return &coder{c.signs, make([]float32, len(c.parts))}
}

// splitmix is SplitMix64 (Steele, Lea and Flood, 2014).
func splitmix(state *uint64) uint64 {
	*state += 0x9e3779b97f4a7c15
	z := *state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// code writes the code of a unit vector.
func (c *coder) code(dst []uint64, u, centre []float32) {
	clear(c.parts)
	for i, v := range u {
		c.parts[i] = v - centre[i]
	}
	for _, signs := range c.signs {
		for i := range c.parts {
			if signs[i/64]>>(i%64)&1 != 0 {
				c.parts[i] = -c.parts[i]
			}
		}
		hadamard(c.parts)
	}
	for i := range dst {
		word := uint64(0)
		for bit, v := range c.parts[i*64 : i*64+64] {
			if v < 0 {
				word |= 1 << bit
			}
		}
		dst[i] = word
	}
}

// hadamard transforms x in place: pairs that lie 1, 2, 4, ... apart become sum and difference.
func hadamard(x []float32) {
	for half := 1; half < len(x); half *= 2 {
		for from := 0; from < len(x); from += 2 * half {
			low, high := x[from:from+half], x[from+half:from+2*half]
			for i, a := range low {
				b := high[i]
				low[i], high[i] = a+b, a-b
			}
		}
	}
}

// distances returns in how many bits each row's code differs from that of u, and how many rows have each distance.
func (x *Index) distances(u []float32) (far []uint16, counts []int) {
	w := words(x.dim)
	code := make([]uint64, w)
	newCoder(x.dim).code(code, u, x.centre)
	far, counts = make([]uint16, x.Len()), make([]int, w*64+1)
	done := 0
	if w == 4 {
		done = byFours(x.codes, [4]uint64(code), far, counts)
	}
	for i := done; i < len(far); i++ {
		d := 0
		for j, word := range x.codes[i*w : i*w+w] {
			d += bits.OnesCount64(word ^ code[j])
		}
		far[i] = uint16(d)
		counts[d]++
	}
	return far, counts
}

// byFours computes the distances of the shortest codes, of four rows at a time, and returns of how many rows. Most
// distances are alike, and counting one waits for the previous count of the same: so each of the four is counted apart.
func byFours(codes []uint64, code [4]uint64, far []uint16, counts []int) (done int) {
	var apart [4][512]int // masked, an index needs no check
	for ; len(codes) >= 16 && len(far) >= 4; codes, far = codes[16:], far[4:] {
		r := (*[16]uint64)(codes)
		d0 := bits.OnesCount64(r[0]^code[0]) + bits.OnesCount64(r[1]^code[1]) + bits.OnesCount64(r[2]^code[2]) + bits.OnesCount64(r[3]^code[3])
		d1 := bits.OnesCount64(r[4]^code[0]) + bits.OnesCount64(r[5]^code[1]) + bits.OnesCount64(r[6]^code[2]) + bits.OnesCount64(r[7]^code[3])
		d2 := bits.OnesCount64(r[8]^code[0]) + bits.OnesCount64(r[9]^code[1]) + bits.OnesCount64(r[10]^code[2]) + bits.OnesCount64(r[11]^code[3])
		d3 := bits.OnesCount64(r[12]^code[0]) + bits.OnesCount64(r[13]^code[1]) + bits.OnesCount64(r[14]^code[2]) + bits.OnesCount64(r[15]^code[3])
		far[0], far[1], far[2], far[3] = uint16(d0), uint16(d1), uint16(d2), uint16(d3)
		apart[0][d0&511]++
		apart[1][d1&511]++
		apart[2][d2&511]++
		apart[3][d3&511]++
		done += 4
	}
	for d := range counts {
		counts[d] = apart[0][d] + apart[1][d] + apart[2][d] + apart[3][d]
	}
	return done
}

// candidates returns the rows for which a search computes scores, ascending: those with the codes nearest to u's, and
// all that are as near as the last of them.
func (x *Index) candidates(u []float32, enough int) []int {
	far, counts := x.distances(u)
	most, within := 0, 0
	for d, n := range counts {
		most, within = d, within+n
		if within >= enough {
			break
		}
	}
	rows := make([]int, 0, within)
	for i, d := range far {
		if int(d) <= most {
			rows = append(rows, i)
		}
	}
	return slices.Clip(rows)
}
