package run

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Answer is an executor's statement about a submitted task (spec/wire.md#answers). It travels in the extension
// mythos.answer of a bundle that gives the result when it runs.
type Answer struct {
	PacketID   object.Hash      `can:"1,packet_id"` // of the submission
	BundleID   object.Hash      `can:"2,bundle_id"`
	TaskID     object.Hash      `can:"3,task_id"`
	ResultHash object.Hash      `can:"4,result_hash"`
	Result     []byte           `can:"5,result"`   // canonical encoding of the value
	Receipts   [][]byte         `can:"6,receipts"` // canonical receipts, in order
	TraceRef   *object.TraceRef `can:"7,trace_ref"`
	EpisodeID  *object.Hash     `can:"8,episode_id"`
	Halted     *string          `can:"9,halted"`  // why the task was halted, for people
	CPUus      *uint64          `can:"10,cpu_us"` // spent, if it is a task of a spawn
}

// ErrAnswer means that an answer does not fit its question.
var ErrAnswer = errors.New("the answer does not fit")

// Check compares the result with its hash and checks the receipts [field-20].
func (a Answer) Check() error {
	if got := object.Sum(a.Result); got != a.ResultHash {
		return fmt.Errorf("the result hashes to %s, not %s", got.Short(), a.ResultHash.Short())
	}
	for _, raw := range a.Receipts {
		if _, _, err := ledger.OpenReceipt(raw); err != nil {
			return err
		}
	}
	return nil
}
