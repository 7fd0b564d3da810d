package export

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/object"
)

// SplitPart is one part of a split, for example train with weight 9 beside test with weight 1.
type SplitPart struct {
	Name   string
	Weight uint64
}

// splitSeed keys the choice, to make it independent of HASH_N's.
var splitSeed = object.SumText("mythos.dataset.split")

// Part returns the part of a split for an id. The choice depends only on the id and the weights, never on the dataset.
// So an episode is in the same part of every dataset that is split alike, and never leaks from one part into another
// (spec/datasets.md#splits): with r = U64be(SHA-256(SHA-256("mythos.dataset.split") || id)[:8]) and W the sum of all
// weights, it is the first part whose weights, added up to it, exceed floor(r*W / 2^64). W is below 2^64 [ds-47].
func Part(id object.Hash, weights []uint64) int {
	var total uint64
	for _, w := range weights {
		total += w
	}
	at, _ := bits.Mul64(dataset.Rank(splitSeed, id), total)
	for i, w := range weights {
		if at < w {
			return i
		}
		at -= w
	}
	return max(len(weights)-1, 0)
}

// maxParts bounds a split, so that its weights add up to less than 2^64.
const maxParts = 16

// ParseSplit reads "train=0.9,test=0.1": names with decimal weights of any sum, of at
// most nine digits after the point.
func ParseSplit(text string) ([]SplitPart, error) {
	var parts []SplitPart
	seen := map[string]bool{}
	for item := range strings.SplitSeq(text, ",") {
		name, number, ok := strings.Cut(strings.TrimSpace(item), "=")
		if !ok || !validName(name) || seen[name] {
			return nil, fmt.Errorf("split %q: expected names, each once, with weights, such as train=0.9,test=0.1", text)
		}
		seen[name] = true
		if len(parts) == maxParts {
			return nil, fmt.Errorf("split %q: more than %d parts", text, maxParts)
		}
		weight, err := parseWeight(number)
		if err != nil {
			return nil, fmt.Errorf("split %q: %s: %w", text, name, err)
		}
		parts = append(parts, SplitPart{name, weight})
	}
	return parts, nil
}

// parseWeight reads a decimal as billionths.
func parseWeight(text string) (uint64, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	var n uint64
	if len(whole) == 0 || len(whole) > 9 || len(fraction) > 9 {
		return 0, errors.New("a weight has 1 to 9 digits before the point and up to 9 after it")
	}
	for _, r := range whole + fraction + strings.Repeat("0", 9-len(fraction)) {
		if r < '0' || r > '9' {
			return 0, fmt.Errorf("%q is not a weight", text)
		}
		n = n*10 + uint64(r-'0')
	}
	if n == 0 {
		return 0, errors.New("a weight is above 0")
	}
	return n, nil
}

// validName reports whether a part's name is valid in a file name.
func validName(name string) bool {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return false
		}
	}
	return name != "" && len(name) <= 64
}
