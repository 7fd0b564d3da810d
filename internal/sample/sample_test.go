package sample_test

import (
	"bytes"
	"testing"

	"github.com/mythos-project/mythos/internal/catalog"
	"github.com/mythos-project/mythos/internal/sample"
)

// TestEveryStruct makes samples of all structs. Full, minimal and varied samples differ wherever the type allows it.
func TestEveryStruct(t *testing.T) {
	for _, s := range catalog.All() {
		full, err := sample.Object(s, sample.Options{})
		if err != nil {
			t.Error(err)
			continue
		}
		minimal, err := sample.Object(s, sample.Options{Minimal: true})
		if err != nil {
			t.Error(err)
			continue
		}
		other, err := sample.Object(s, sample.Options{Variant: 1})
		if err != nil {
			t.Error(err)
			continue
		}
		if len(minimal) > len(full) || bytes.Equal(full, other) {
			t.Errorf("%s: %d bytes full, %d minimal; another variant is the same: %v", s.Name, len(full), len(minimal), bytes.Equal(full, other))
		}
	}
}
