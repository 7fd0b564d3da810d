package run

import (
	"bytes"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
)

// brought is a blob whose bytes come with a run. Whoever starts the run has the bytes, so no authority to read them is
// needed. BLOB_GET of the whole blob returns the bytes, takes no capability and leaves no receipt. The trace and the
// spent budget are as if the blob had been read [ir-78].
type brought struct {
	cid   object.Hash
	data  []byte
	whole []byte // the blob.get request for the whole blob
}

func bring(data []byte) (*brought, error) {
	ref, err := merkle.HashBlob(bytes.NewReader(data), merkle.DefaultChunkSize)
	if err != nil {
		return nil, err
	}
	whole, err := can.Marshal(&vm.BlobGetRequest{CID: ref.CID})
	return &brought{ref.CID, data, whole}, err
}

// answer is the outcome of an effect that asks for the blob.
func (b *brought) answer(e vm.Effect) (vm.Outcome, bool) {
	if b == nil || e.Tool != exec.BuiltinID(vm.ToolBlobGet) || !bytes.Equal(e.Request, b.whole) {
		return vm.Outcome{}, false
	}
	return vm.Outcome{Body: b.data, Status: exec.StatusOK, RequestHash: object.Sum(e.Request), ResponseHash: object.Sum(b.data)}, true
}
