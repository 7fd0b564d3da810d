package export

import (
	"errors"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
)

// ErrRedactedFiles means that files were wanted with an episode that is redacted.
var ErrRedactedFiles = errors.New("it is redacted, and rules of redaction do not reach into files")

// Attached is a tree beside the rows of an export.
type Attached struct {
	ID    object.Hash
	Files uint64
	Bytes uint64
}

// Name is that of its folder.
func (a Attached) Name() string { return AttachedFolder + "/" + a.ID.String() }

// AttachedFolder is the folder in which the trees are.
const AttachedFolder = "files"

// trees passes on the trees that a receipt names.
func (x *exporter) trees(episode object.Hash, r *ledger.Receipt) {
	if x.o.Tree == nil {
		return
	}
	for _, payload := range []object.Hash{r.RequestHash, r.ResponseHash} {
		if id, ok := tree.Named(payload, r.Evidence); ok {
			x.o.Tree(id, episode)
		}
	}
}
