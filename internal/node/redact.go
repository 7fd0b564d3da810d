package node

import (
	"context"
	"encoding/json"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/object"
)

// redactRequest is the request in the receipt of a redaction.
type redactRequest struct {
	Corpus object.Hash `json:"corpus"` // what was redacted
	Rules  object.Hash `json:"rules"`
	Key    string      `json:"key_id"`
}

// RedactEpisodes makes redacted episodes of episodes, and records it. It returns their ids.
func (n *Node) RedactEpisodes(ctx context.Context, rules *dataset.Redaction, ids []object.Hash) ([]object.Hash, error) {
	r := &dataset.Redactor{Store: n.Store, Source: n.Source(), Signer: n.Key, Redaction: rules, Payload: dataset.StorePayload(n.Store)}
	out, err := r.Redact(ctx, ids)
	if err != nil {
		return nil, err
	}
	from, _, err := dataset.SnapshotCorpus(ctx, n.Store, ids)
	if err != nil {
		return nil, err
	}
	to, _, err := dataset.SnapshotCorpus(ctx, n.Store, out)
	if err != nil {
		return nil, err
	}
	request, err := json.Marshal(redactRequest{from.CID, rules.ID(), rules.KeyID()})
	if err != nil {
		return nil, err
	}
	return out, n.record(ctx, effectRedact, request, to.CID)
}
