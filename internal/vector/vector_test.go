package vector

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"math/bits"
	"slices"
	"testing"
)

// draw returns vectors of a few directions and some noise, from a seed. It uses no function whose last bit depends on
// the machine.
func draw(dim, n int, seed uint64) [][]float32 {
	part := func() float32 { return float32(int64(splitmix(&seed)>>32)-1<<31) / (1 << 31) }
	const rank = 12
	directions := make([]float32, rank*dim)
	for i := range directions {
		directions[i] = part()
	}
	out := make([][]float32, n)
	for i := range out {
		v := make([]float32, dim)
		for r := range rank {
			weight := part()
			for j := range v {
				v[j] += float32(weight * directions[r*dim+j])
			}
		}
		for j := range v {
			v[j] += part() / 4
		}
		out[i] = v
	}
	return out
}

func build(t testing.TB, vectors [][]float32, exact int) *Index {
	t.Helper()
	b := NewBuilder(len(vectors[0]), len(vectors))
	for _, v := range vectors {
		if err := b.Add(v); err != nil {
			t.Fatal(err)
		}
	}
	x, err := b.Build(context.Background(), exact)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestExact compares with scores that are computed in another way and sorted.
func TestExact(t *testing.T) {
	for _, dim := range []int{2, 7, 8, 31, 256} {
		vectors := draw(dim, 300, 1)
		vectors[7], vectors[9] = vectors[3], vectors[3] // as near as one another
		x := build(t, vectors, 0)
		q := vectors[3]
		got, err := x.Search(q, 20)
		if err != nil || len(got) != 20 || got[0].Row != 3 || got[1].Row != 7 || got[2].Row != 9 {
			t.Fatalf("dimension %d: %v, %v", dim, got, err)
		}
		if !slices.IsSortedFunc(got, before) {
			t.Errorf("dimension %d: not sorted: %v", dim, got)
		}
		worst := got[len(got)-1].Score
		for row, v := range vectors {
			score := cosine(q, v)
			at := slices.IndexFunc(got, func(n Neighbour) bool { return n.Row == row })
			if at >= 0 && math.Abs(score-float64(got[at].Score)) > 1e-5 || at < 0 && score > float64(worst)+1e-5 {
				t.Errorf("dimension %d: row %d has %v, found at %d", dim, row, score, at)
			}
		}
	}
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

// TestCoded: searches that compare codes find as much as was measured, and look at fewer rows.
func TestCoded(t *testing.T) {
	vectors := draw(64, 4200, 2)
	x := build(t, vectors[:4000], 1000)
	if !x.Coded() || x.Recall() < 0.95 || x.Enough() > 2000 {
		t.Fatalf("coded %v, recall %v, looks at %d", x.Coded(), x.Recall(), x.Enough())
	}
	found, all := 0, 0
	for _, q := range vectors[4000:] {
		near, err := x.Search(q, 10)
		exact, err2 := x.Exact(q, 10)
		if err != nil || err2 != nil || len(near) != 10 || len(exact) != 10 {
			t.Fatal(len(near), len(exact), err, err2)
		}
		for _, n := range exact {
			all++
			if slices.Contains(near, n) {
				found++
			}
		}
	}
	if share := float64(found) / float64(all); share < 0.9 {
		t.Errorf("recall %v of queries that are no rows", share)
	}
	if many, err := x.Search(vectors[0], 5000); err != nil || len(many) != 4000 {
		t.Errorf("all rows: %d, %v", len(many), err)
	}
}

// TestCodedZero: rows that are zero, as of texts without words, do not have searches look at more rows, and a search for
// zero finds what an exact one does.
func TestCodedZero(t *testing.T) {
	vectors, zero := draw(64, 2002, 2), make([]float32, 64)
	without := build(t, vectors, 1000)
	for i := range vectors {
		if i%20 == 0 {
			vectors[i] = zero
		}
	}
	x := build(t, vectors, 1000)
	if x.Recall() < 0.95 || x.Enough() > 2*without.Enough() {
		t.Errorf("recall %v, looks at %d, and without zeros at %d", x.Recall(), x.Enough(), without.Enough())
	}
	near, err := x.Search(zero, 3)
	if want := []Neighbour{{Row: 0}, {Row: 1}, {Row: 2}}; err != nil || !slices.Equal(near, want) {
		t.Errorf("%v: %v", near, err)
	}
	for i := range vectors {
		vectors[i] = zero
	}
	if x := build(t, vectors, 1000); x.Recall() != 1 || x.Enough() != len(vectors) {
		t.Errorf("of zeros alone: recall %v, looks at %d", x.Recall(), x.Enough())
	}
}

// TestDistances: rows that are compared by fours, and those that are left, have the distances of their codes.
func TestDistances(t *testing.T) {
	for _, dim := range []int{64, 300} {
		vectors := draw(dim, 103, 5)
		x := build(t, vectors, 1)
		u, err := x.query(vectors[50])
		if err != nil {
			t.Fatal(err)
		}
		far, counts := x.distances(u)
		w := words(dim)
		for i, d := range far {
			want := 0
			for j := range w {
				want += bits.OnesCount64(x.codes[i*w+j] ^ x.codes[50*w+j])
			}
			counts[d]--
			if int(d) != want {
				t.Errorf("dimension %d, row %d: %d, not %d", dim, i, d, want)
			}
		}
		if slices.Max(counts) != 0 || slices.Min(counts) != 0 {
			t.Errorf("dimension %d: other counts", dim)
		}
	}
}

// TestSameEverywhere: rows, scores and codes have these bits on every machine. A change of an operation or its order
// changes what an index finds.
func TestSameEverywhere(t *testing.T) {
	vectors := draw(100, 3000, 3)
	for name, c := range map[string]struct {
		exact int
		want  string
	}{
		"exact": {0, "40547ce59bfa378d"},
		"coded": {10, "638783b5ec875a3c"},
	} {
		x := build(t, vectors, c.exact)
		h := sha256.New()
		for _, word := range x.codes {
			h.Write(binary.LittleEndian.AppendUint64(nil, word))
		}
		for _, q := range vectors[:50] {
			near, err := x.Search(q, 10)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range near {
				h.Write(binary.LittleEndian.AppendUint64(nil, uint64(n.Row)<<32|uint64(math.Float32bits(n.Score))))
			}
		}
		if got := hex.EncodeToString(h.Sum(nil)[:8]); got != c.want {
			t.Errorf("%s: %s, not %s", name, got, c.want)
		}
	}
}

// TestRefused: what is not a vector is refused, and zero is near to nothing.
func TestRefused(t *testing.T) {
	b := NewBuilder(3, 0)
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for _, v := range [][]float32{nil, {1, 2}, {1, 2, 3, 4}, {1, nan, 3}, {1, 2, inf}} {
		if err := b.Add(v); !errors.Is(err, ErrVector) {
			t.Errorf("%v: %v", v, err)
		}
	}
	x := build(t, [][]float32{{0, 0, 0}, {1, 0, 0}, {math.MaxFloat32, math.MaxFloat32, 0}, {1e-45, 0, 0}}, 0)
	if _, err := x.Search([]float32{1}, 1); !errors.Is(err, ErrVector) {
		t.Error(err)
	}
	near, err := x.Search([]float32{1, 0, 0}, 9)
	if err != nil || len(near) != 4 || near[0] != (Neighbour{1, 1}) || near[1] != (Neighbour{3, 1}) || near[2].Row != 2 || near[3] != (Neighbour{0, 0}) {
		t.Errorf("%v, %v", near, err)
	}
	if none, err := x.Search([]float32{0, 0, 0}, 0); err != nil || none != nil {
		t.Error(none, err)
	}
}

func BenchmarkExact(b *testing.B) {
	x := build(b, draw(256, 20_000, 4), 0)
	for b.Loop() {
		if _, err := x.Exact(x.rows[:256], 10); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/20_000, "ns/row")
}
