package dataset_test

import (
	"fmt"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/object"
)

// A definition is written by people; its id is that of its canonical bytes.
func Example() {
	text := "corpus: ['@all']\nquery: status == 200\nsampling: {mode: first_n, n: 10}\n"
	refs := func(string) (object.Hash, error) { return object.SumText("corpus"), nil }
	d, _, err := dataset.ParseDef([]byte(text), dataset.Names{Hash: refs})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.SamplingText(), len(d.CorpusRoots))
	// Output: the first 10 1
}
