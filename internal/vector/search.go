package vector

import (
	"cmp"
	"container/heap"
	"slices"
)

// Neighbour is a row that a search found.
type Neighbour struct {
	Row   int     // as it was added, from 0
	Score float32 // cosine similarity, -1 to 1
}

// before compares neighbours: the nearer one comes first, and of equally near ones the earlier row.
func before(a, b Neighbour) int {
	if c := cmp.Compare(b.Score, a.Score); c != 0 {
		return c
	}
	return cmp.Compare(a.Row, b.Row)
}

// nearest collects the k nearest of the rows that it is given: a heap with the farthest on top.
type nearest struct {
	k    int
	list []Neighbour
}

func (n *nearest) Len() int           { return len(n.list) }
func (n *nearest) Less(i, j int) bool { return before(n.list[i], n.list[j]) > 0 }
func (n *nearest) Swap(i, j int)      { n.list[i], n.list[j] = n.list[j], n.list[i] }
func (n *nearest) Push(x any)         { n.list = append(n.list, x.(Neighbour)) }
func (n *nearest) Pop() any           { panic("nothing is taken out") }

// take takes a row if it is among the nearest so far. Rows come in ascending order.
func (n *nearest) take(row int, score float32) {
	if len(n.list) < n.k {
		heap.Push(n, Neighbour{row, score})
	} else if score > n.list[0].Score {
		n.list[0] = Neighbour{row, score}
		heap.Fix(n, 0)
	}
}

func (n *nearest) sorted() []Neighbour {
	slices.SortFunc(n.list, before)
	return n.list
}

// Search finds the k nearest rows to a vector, nearest first. If rows have codes, it computes scores only for the rows
// whose codes are nearest, as many as were measured to be enough; zero has no direction, and codes say nothing of it. The
// error wraps ErrVector.
func (x *Index) Search(q []float32, k int) ([]Neighbour, error) {
	u, err := x.query(q)
	if err != nil || !x.Coded() || isZero(u) {
		return x.all(u, k), err
	}
	n := &nearest{k: k}
	for _, row := range x.candidates(u, max(x.enough, k)) {
		n.take(row, dot(u, x.row(row)))
	}
	return n.sorted(), nil
}

// Exact is Search, but computes the scores of all rows.
func (x *Index) Exact(q []float32, k int) ([]Neighbour, error) {
	u, err := x.query(q)
	return x.all(u, k), err
}

func (x *Index) query(q []float32) ([]float32, error) {
	if err := Check(q, x.dim); err != nil {
		return nil, err
	}
	u := make([]float32, stride(x.dim))
	unit(u, q)
	return u, nil
}

// all finds the k nearest of all rows to a unit vector.
func (x *Index) all(u []float32, k int) []Neighbour {
	s := len(u)
	if s == 0 || k < 1 {
		return nil
	}
	n := &nearest{k: k}
	for row, rest := 0, x.rows; len(rest) >= s; row, rest = row+1, rest[s:] {
		n.take(row, dot(u, rest[:s]))
	}
	return n.sorted()
}
