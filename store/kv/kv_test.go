package kv_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/store/kv"
)

// TestSpacesAreApart: no key belongs to two spaces.
func TestSpacesAreApart(t *testing.T) {
	for i, a := range kv.Spaces {
		for _, b := range kv.Spaces[i+1:] {
			if strings.HasPrefix(a, b) || strings.HasPrefix(b, a) {
				t.Errorf("%q and %q overlap", a, b)
			}
		}
		if strings.Contains(a, "\xff") || a == "" {
			t.Errorf("%q is not a prefix", a)
		}
	}
}

func ExampleEnd() {
	fmt.Printf("%q\n", kv.End(kv.Refs))
	// Output: "r/\xff"
}
