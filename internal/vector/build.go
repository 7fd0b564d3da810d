package vector

import (
	"context"
	"runtime"
	"slices"

	"github.com/mythos-project/mythos/internal/par"
)

// Index is a searchable set of vectors. It is made only from its rows: the same rows give the same index. It is safe
// for concurrent use.
type Index struct {
	dim    int
	rows   []float32 // unit vectors
	codes  []uint64  // one per row, of words(dim) each; empty: each search compares all rows
	centre []float32 // the origin of the codes
	enough int       // how many rows a search computes scores for, at least
	recall float64   // measured with that many
}

// Len returns the number of rows.
func (x *Index) Len() int { return len(x.rows) / stride(x.dim) }

// Dim returns the dimension.
func (x *Index) Dim() int { return x.dim }

// Coded reports whether searches compare codes first.
func (x *Index) Coded() bool { return len(x.codes) > 0 }

// Recall returns the measured share of the ten nearest rows that searches found.
func (x *Index) Recall() float64 { return x.recall }

// Enough returns how many rows a search computes scores for, at least.
func (x *Index) Enough() int { return min(x.enough, x.Len()) }

// MaxExact is up to how many rows there are no codes.
const MaxExact = 100_000

const (
	wanted = 0.97 // the recall aimed at, for rows of the index: real queries lie farther off
	probes = 100  // rows that are searched for
	probed = 10   // neighbours of each
)

// Same reports whether two indexes have the same rows, bit for bit, and everything that is derived from them.
func (x *Index) Same(y *Index) bool {
	return x.dim == y.dim && x.enough == y.enough && x.recall == y.recall && slices.Equal(x.codes, y.codes) &&
		slices.Equal(x.centre, y.centre) && slices.Equal(x.rows, y.rows)
}

// SameRow reports whether two indexes of one dimension have the same vector in a row.
func (x *Index) SameRow(y *Index, row int) bool {
	return slices.Equal(x.row(row), y.row(row))
}

// row returns the unit vector of a row.
func (x *Index) row(i int) []float32 {
	s := stride(x.dim)
	return x.rows[i*s : i*s+s]
}

// Builder collects rows.
type Builder struct {
	dim  int
	rows []float32
}

// NewBuilder makes a Builder for about n vectors of a dimension.
func NewBuilder(dim, n int) *Builder {
	return &Builder{dim, make([]float32, 0, n*stride(dim))}
}

// Add adds a row. The error wraps ErrVector.
func (b *Builder) Add(v []float32) error {
	if err := Check(v, b.dim); err != nil {
		return err
	}
	from := len(b.rows)
	b.rows = slices.Grow(b.rows, stride(b.dim))[:from+stride(b.dim)]
	unit(b.rows[from:], v)
	return nil
}

// AddUnit adds a row of another index of the same dimension.
func (b *Builder) AddUnit(row []float32) { b.rows = append(b.rows, row...) }

// Build makes the index, once. With more than exact rows (0: MaxExact) it has codes.
func (b *Builder) Build(ctx context.Context, exact int) (*Index, error) {
	x := &Index{dim: b.dim, rows: b.rows, recall: 1}
	b.rows = nil
	x.enough = x.Len()
	if exact == 0 {
		exact = MaxExact
	}
	if x.Len() <= exact {
		return x, ctx.Err()
	}
	x.centre = x.mean()
	w := words(x.dim)
	x.codes = make([]uint64, x.Len()*w)
	coder := newCoder(x.dim)
	if err := x.pieces(ctx, func(from, to int) {
		c := coder.fresh()
		for i := from; i < to; i++ {
			c.code(x.codes[i*w:i*w+w], x.row(i), x.centre)
		}
	}); err != nil {
		return nil, err
	}
	return x, x.measure(ctx)
}

// pieces calls fn for runs of rows that together are all of them, several in parallel.
func (x *Index) pieces(ctx context.Context, fn func(from, to int)) error {
	const piece = 4096
	n := x.Len()
	return par.Each(ctx, (n+piece-1)/piece, runtime.GOMAXPROCS(0), func(ctx context.Context, i int) error {
		fn(i*piece, min(n, (i+1)*piece))
		return ctx.Err()
	})
}

// mean returns the mean of the rows: their sum in float64 in the order of the rows, divided by their number and rounded
// to float32.
func (x *Index) mean() []float32 {
	s := stride(x.dim)
	sum := make([]float64, s)
	for from := 0; from < len(x.rows); from += s {
		for i, v := range x.rows[from : from+s] {
			sum[i] += float64(v)
		}
	}
	mean := make([]float32, s)
	for i, v := range sum {
		mean[i] = float32(v / float64(x.Len()))
	}
	return mean
}

// measure finds for how many rows a search has to compute scores: it searches for some of the rows, without themselves,
// and counts for each neighbour how many rows have a code that is no farther. The share wanted of these counts
// determines enough. Rows that are zero are not searched for: every row is as near to them as any other, and a tenth of
// them would have each search compute all scores.
func (x *Index) measure(ctx context.Context) error {
	n := x.Len()
	count := min(probes, n)
	needs := make([][]int, count)
	if err := par.Each(ctx, count, runtime.GOMAXPROCS(0), func(ctx context.Context, i int) error {
		if row := i * n / count; !isZero(x.row(row)) {
			needs[i] = x.needed(row)
		}
		return ctx.Err()
	}); err != nil {
		return err
	}
	all := slices.Concat(needs...)
	if len(all) == 0 {
		x.enough = n
		return nil
	}
	slices.Sort(all)
	x.enough = all[min(int(wanted*float64(len(all))), len(all)-1)]
	within, _ := slices.BinarySearch(all, x.enough+1)
	x.recall = float64(within) / float64(len(all))
	return nil
}

// needed returns, for each neighbour of a row, how many rows have a code that is no farther.
func (x *Index) needed(row int) (needs []int) {
	u := x.row(row)
	far, counts := x.distances(u)
	for i := 1; i < len(counts); i++ {
		counts[i] += counts[i-1]
	}
	for _, hit := range x.all(u, probed+1) {
		if hit.Row != row && len(needs) < probed {
			needs = append(needs, counts[far[hit.Row]])
		}
	}
	return needs
}
