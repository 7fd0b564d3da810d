package signal_test

import (
	"fmt"

	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// A signal is a signed statement about an episode.
func Example() {
	key := sign.FromSeed([32]byte{1}, "alice")
	_, raw, err := signal.New(key, object.SumText("episode"), signal.Reward, ir.U64Scalar(1), 1_767_322_800_000_000)
	if err != nil {
		fmt.Println(err)
		return
	}
	s, _, err := signal.Open(raw) // checks id and signature
	fmt.Println(signal.TypeName(s.SignalType), s.Signer.Hint, err)
	// Output: reward alice <nil>
}
