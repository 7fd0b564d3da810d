// Package vector searches for nearest neighbours among vectors of float32 by cosine
// similarity. A search gives the same neighbours and the same scores on every machine:
// each float operation and its order is stated here, and no two of them are fused.
//
// The unit vector of v divides each part by the length of v: the sum of the squares in
// float64, in the order of the parts; its square root; each quotient in float64, rounded
// to float32. The unit vector of zero is zero.
//
// The score of two unit vectors is a dot product in float32. Eight lanes add up the
// products of the parts 0, 8, 16, ..., of 1, 9, 17, ..., and so on, each in ascending order and
// each product rounded before it is added; the score is
// ((l0+l4)+(l2+l6))+((l1+l5)+(l3+l7)).
//
// Neighbours come by descending score, and equal ones in the order of their rows.
package vector

import (
	"errors"
	"fmt"
	"math"
)

// MaxDim is the largest dimension.
const MaxDim = 4096

// lanes is the number of partial sums of a dot product.
const lanes = 8

// ErrVector means that something is not a vector of the expected dimension.
var ErrVector = errors.New("not a vector")

// Check refuses a vector of another dimension than dim, and one with a part that is not a number. The error wraps
// ErrVector.
func Check(v []float32, dim int) error {
	if len(v) != dim {
		return fmt.Errorf("%w: its dimension is %d, expected was %d", ErrVector, len(v), dim)
	}
	for i, x := range v {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return fmt.Errorf("%w: part %d is %v", ErrVector, i, x)
		}
	}
	return nil
}

// stride returns how many float32 a row of a matrix has: a multiple of the lanes.
func stride(dim int) int { return (dim + lanes - 1) / lanes * lanes }

// unit writes the unit vector of v to dst, followed by zeros.
func unit(dst, v []float32) {
	sum := 0.0
	for _, x := range v {
		sum += float64(float64(x) * float64(x))
	}
	clear(dst)
	if sum == 0 {
		return
	}
	length := math.Sqrt(sum)
	for i, x := range v {
		dst[i] = float32(float64(x) / length)
	}
}

// isZero reports whether a unit vector is that of zero.
func isZero(u []float32) bool { return dot(u, u) == 0 }

// dot returns the score of two rows of the same stride. A conversion to float32 keeps a compiler from fusing a product
// with the following addition.
func dot(a, b []float32) float32 {
	var l0, l1, l2, l3, l4, l5, l6, l7 float32
	for len(a) >= lanes && len(b) >= lanes {
		x, y := (*[lanes]float32)(a), (*[lanes]float32)(b)
		l0 += float32(x[0] * y[0])
		l1 += float32(x[1] * y[1])
		l2 += float32(x[2] * y[2])
		l3 += float32(x[3] * y[3])
		l4 += float32(x[4] * y[4])
		l5 += float32(x[5] * y[5])
		l6 += float32(x[6] * y[6])
		l7 += float32(x[7] * y[7])
		a, b = a[lanes:], b[lanes:]
	}
	return ((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7))
}
