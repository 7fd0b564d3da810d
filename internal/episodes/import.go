package episodes

import (
	"context"
	"encoding/json"
	"io"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/ingest"
	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/object"
)

// ImportEffect is the effect that a receipt of an import names. It cannot be called.
const ImportEffect = "episode.import"

// importRequest is the request in the receipt of an import.
type importRequest struct {
	Form string      `json:"form"`
	Code object.Hash `json:"code_hash"` // of the rules by which the format is read
	From string      `json:"from"`
}

// Import stores foreign evidence, marked as such, and records the import. opt says how; its store and signer are the
// node's. It returns the corpus of the imported evidence.
func (ep *Episodes) Import(ctx context.Context, form foreign.Reader, from string, r io.Reader, opt ingest.Importer) (*ingest.Imported, object.Hash, error) {
	opt.Store, opt.Signer = ep.Store, ep.ID.Key
	got, err := opt.Import(ctx, form, r)
	if err != nil {
		return got, object.Hash{}, err
	}
	root, _, err := dataset.SnapshotCorpus(ctx, ep.Store, got.Episodes)
	if err != nil {
		return got, root.CID, err
	}
	request, err := json.Marshal(importRequest{form.Name(), form.Code(), from})
	if err != nil {
		return got, root.CID, err
	}
	return got, root.CID, ep.Auth.Record(ctx, ImportEffect, request, root.CID)
}
