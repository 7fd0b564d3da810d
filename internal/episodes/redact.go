package episodes

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/dataset/redact"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/object"
)

const effectRedact = "episode.redact" // recorded with a receipt

// redactRequest is the request in the receipt of a redaction.
type redactRequest struct {
	Corpus object.Hash `json:"corpus"` // what was redacted
	Rules  object.Hash `json:"rules"`
	Key    string      `json:"key_id"`
}

// Redact makes redacted copies of episodes, and records this. It returns their ids.
func (ep *Episodes) Redact(ctx context.Context, rules *redact.Rules, ids []object.Hash) ([]object.Hash, error) {
	return ep.redact(ctx, rules, ids, export.StorePayload(ep.Store))
}

// payloadSource finds captured bytes.
type payloadSource = func(ctx context.Context, h object.Hash) (data []byte, found bool, err error)

func (ep *Episodes) redact(ctx context.Context, rules *redact.Rules, ids []object.Hash, payload payloadSource) ([]object.Hash, error) {
	r := &export.Redactor{Store: ep.Store, Source: ep.Source, Signer: ep.ID.Key, Redaction: rules, Payload: payload}
	out, err := r.Redact(ctx, ids)
	if err != nil {
		return nil, err
	}
	from, _, err := dataset.SnapshotCorpus(ctx, ep.Store, ids)
	if err != nil {
		return nil, err
	}
	to, _, err := dataset.SnapshotCorpus(ctx, ep.Store, out)
	if err != nil {
		return nil, err
	}
	request, err := json.Marshal(redactRequest{from.CID, rules.ID(), rules.KeyID()})
	if err != nil {
		return nil, err
	}
	return out, ep.Auth.Record(ctx, effectRedact, request, to.CID)
}

// maxHeldRequests is how many bytes of requests are held in memory until a redacted run ends. Requests beyond that
// count as not captured.
const maxHeldRequests = 64 << 20

// requests are the requests of a run, by hash. They reach the disk only redacted.
type requests struct {
	mu    sync.Mutex
	bytes map[object.Hash][]byte
	size  int
}

func (r *requests) hold(e exec.Effect, out exec.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, have := r.bytes[out.RequestHash]; have || r.size+len(e.Request) > maxHeldRequests {
		return
	}
	r.bytes[out.RequestHash] = e.Request
	r.size += len(e.Request)
}

// Redacting calls run and, with rules, stores a redacted episode of it, if run left an episode of its own. Requests are
// redacted as if they had been captured.
func (ep *Episodes) Redacting(ctx context.Context, rules *redact.Rules, o run.Options, run func(run.Options) (*run.Result, error)) (*run.Result, *object.Hash, error) {
	if rules == nil {
		res, err := run(o)
		return res, nil, err
	}
	held := requests{bytes: map[object.Hash][]byte{}}
	also := o.OnEffect
	o.OnEffect = func(e exec.Effect, out exec.Outcome) {
		if held.hold(e, out); also != nil {
			also(e, out)
		}
	}
	res, err := run(o)
	if err != nil || res.EpisodeID == nil {
		return res, nil, err
	}
	stored := export.StorePayload(ep.Store)
	ids, err := ep.redact(context.WithoutCancel(ctx), rules, []object.Hash{*res.EpisodeID}, func(ctx context.Context, h object.Hash) ([]byte, bool, error) {
		if data, ok := held.bytes[h]; ok {
			return data, true, nil
		}
		return stored(ctx, h)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("redact episode %s: %w", res.EpisodeID.Short(), err)
	}
	return res, &ids[0], nil
}
