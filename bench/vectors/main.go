// Command vectors measures searches of internal/vector: exact ones compared with a bare loop over the same memory,
// those by codes compared with exact ones, with their recall, and sqlite-vec compared with both. See bench/vectors.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/mythos-project/mythos/internal/vector"
)

const (
	dim = 256
	k   = 10
)

var (
	rows    = flag.Int("n", 1_000_000, "vectors")
	queries = flag.Int("queries", 21, "searches of each kind")
	texts   = flag.Int("texts", 200_000, "pieces of the Go toolchain's sources that are embedded with wordvec")
	sqlite  = flag.Int("sqlite", 100_000, "vectors in sqlite-vec")
)

func main() {
	flag.Parse()
	dir, err := os.MkdirTemp("", "mythos-vectors-")
	if err == nil {
		err = run(dir)
		_ = os.RemoveAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vectors:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	made := newModel(24, 0.3)
	if err := measure(dir, fmt.Sprintf("%d vectors like those of a model", *rows), *rows, made.vectors(*queries), made.next); err != nil {
		return err
	}
	if *sqlite > 0 {
		if err := besideSQLite(dir, newModel(24, 0.3)); err != nil {
			return err
		}
	}
	if *texts == 0 {
		return nil
	}
	sources, asked, err := goSources(*texts, *queries)
	if err != nil {
		return err
	}
	at := 0
	return measure(dir, fmt.Sprintf("%d pieces of Go, by wordvec", len(sources)), len(sources), asked, func() []float32 {
		at++
		return sources[at-1]
	})
}

// model returns vectors like those of trained models: a few directions that matter, and noise.
type model struct {
	r          *rand.Rand
	rank       int
	noise      float64
	directions []float64
}

func newModel(rank int, noise float64) *model {
	m := &model{r: rand.New(rand.NewPCG(1, 2)), rank: rank, noise: noise, directions: make([]float64, rank*dim)}
	for i := range m.directions {
		m.directions[i] = m.r.NormFloat64() / math.Sqrt(float64(rank))
	}
	return m
}

func (m *model) next() []float32 {
	var sum [dim]float64
	for r := range m.rank {
		weight := m.r.NormFloat64()
		for i := range sum {
			sum[i] += weight * m.directions[r*dim+i]
		}
	}
	v := make([]float32, dim)
	for i := range v {
		v[i] = float32(sum[i] + m.noise*m.r.NormFloat64())
	}
	return v
}

func (m *model) vectors(n int) (list [][]float32) {
	for range n {
		list = append(list, m.next())
	}
	return list
}

// measure builds an index of n vectors and prints how it compares.
func measure(dir, title string, n int, asked [][]float32, next func() []float32) error {
	b := vector.NewBuilder(dim, n)
	for range n {
		if err := b.Add(next()); err != nil {
			return err
		}
	}
	begin := time.Now()
	x, err := b.Build(context.Background(), 0)
	if err != nil {
		return err
	}
	built := time.Since(begin)
	name := filepath.Join(dir, "index")
	if err := vector.Write(name, x, nil, nil); err != nil {
		return err
	}
	f, err := vector.Open(name, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	fmt.Printf("%s: built in %.1f s; a search by codes computes %.2f %% of the scores (recall %.3f of its own rows)\n",
		title, built.Seconds(), 100*float64(f.Enough())/float64(n), f.Recall())
	var bare, exact, coded []time.Duration
	found := 0
	sum := bareLoop(f, asked[0]) // its pages are read
	for _, q := range asked {
		bare = append(bare, timed(func() { sum += bareLoop(f, q) }))
		var want, got []vector.Neighbour
		exact = append(exact, timed(func() { want, err = f.Exact(q, k) }))
		if err != nil {
			return err
		}
		coded = append(coded, timed(func() { got, err = f.Search(q, k) }))
		if err != nil {
			return err
		}
		for _, hit := range want {
			if slices.Contains(got, hit) {
				found++
			}
		}
	}
	if math.IsNaN(float64(sum)) {
		return errors.New("a row is no vector")
	}
	fmt.Printf("  bare loop %v, exact %v, by codes %v (medians)\n", median(bare), median(exact), median(coded))
	fmt.Printf("  exact / bare loop %.2f; exact / by codes %.1f; recall %.3f\n", ratio(exact, bare), ratio(exact, coded), float64(found)/float64(k*len(asked)))
	return nil
}

// bareLoop computes the dot product of a vector with every row, and returns only their sum.
func bareLoop(f *vector.File, q []float32) (all float32) {
	for row := range f.Len() {
		v := f.Row(row)
		var s0, s1, s2, s3, s4, s5, s6, s7 float32
		for w := q; len(v) >= 8 && len(w) >= 8; v, w = v[8:], w[8:] {
			a, b := (*[8]float32)(v), (*[8]float32)(w)
			s0 += a[0] * b[0]
			s1 += a[1] * b[1]
			s2 += a[2] * b[2]
			s3 += a[3] * b[3]
			s4 += a[4] * b[4]
			s5 += a[5] * b[5]
			s6 += a[6] * b[6]
			s7 += a[7] * b[7]
		}
		all += s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7
	}
	return all
}

func timed(fn func()) time.Duration {
	begin := time.Now()
	fn()
	return time.Since(begin)
}

func median(list []time.Duration) time.Duration {
	list = slices.Clone(list)
	slices.Sort(list)
	return list[len(list)/2].Round(10 * time.Microsecond)
}

// ratio returns the median of the ratios of successive measurements.
func ratio(a, b []time.Duration) float64 {
	list := make([]float64, len(a))
	for i := range a {
		list[i] = float64(a[i]) / float64(b[i])
	}
	slices.Sort(list)
	return list[len(list)/2]
}
