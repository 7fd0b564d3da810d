package dataset_test

import (
	"fmt"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// A query is text for people and a canonical expression in the definition.
func Example() {
	tool := func(name string) (object.Hash, error) { return object.SumText("tool:" + name), nil }
	q, err := dataset.ParseQuery(`status == 200 and signal.reward >= 1`, tool)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(dataset.DecompileQuery(&q))

	// A signal is a signed statement about an episode.
	key := sign.FromSeed([32]byte{1}, "alice")
	_, raw, err := dataset.NewSignal(key, object.SumText("episode"), dataset.Reward, ir.U64Scalar(1), 1_767_322_800_000_000)
	if err != nil {
		fmt.Println(err)
		return
	}
	s, _, err := dataset.OpenSignal(raw) // checks id and signature
	fmt.Println(dataset.SignalTypeName(s.SignalType), s.Signer.Hint, err)
	// Output:
	// status == 200 and (signal.reward >= u64("1") or signal.reward >= i64("1"))
	// reward alice <nil>
}
