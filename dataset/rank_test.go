package dataset

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/object"
)

// TestTies offers ids with few different ranks, which real hashes never have, in any order.
func TestTies(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var all []ranked
		for i := range rapid.IntRange(0, 30).Draw(rt, "ids") {
			id := object.Hash{Alg: object.SHA256}
			id.Sum[31] = byte(i)
			all = append(all, ranked{rapid.Uint64Range(0, 3).Draw(rt, "rank"), id})
		}
		s := smallest{n: rapid.Uint64Range(0, 30).Draw(rt, "n")}
		for _, r := range rapid.Permutation(all).Draw(rt, "order") {
			s.offer(r)
		}
		slices.SortFunc(all, func(a, b ranked) int { return a.compare(&b) })
		slices.SortFunc(s.kept, func(a, b ranked) int { return a.compare(&b) })
		if !slices.Equal(s.kept, all[:min(len(all), int(s.n))]) {
			rt.Fatalf("%d kept of %d", len(s.kept), len(all))
		}
	})
}
