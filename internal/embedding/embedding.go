// Package embedding has tools embed texts. Each text is embedded by each embedder once, as one effect with a receipt,
// no matter how often and for whom (spec/learning.md#vectors).
package embedding

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/authority"
	"github.com/mythos-project/mythos/internal/episodes"
	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/internal/toolbox"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Embeddings makes and finds embeddings.
type Embeddings struct {
	Gate     *exec.Gate
	Store    *store.Store
	Ledger   *kvledger.Ledger
	Source   *dataset.StoreSource
	Auth     *authority.Authority
	Toolbox  *toolbox.Toolbox
	Episodes *episodes.Episodes
}

const (
	atOnce = 8   // texts embedded at a time
	batch  = 256 // texts under one capability, which lasts a few minutes
)

// Vector is the embedding of a text.
type Vector struct {
	Parts   []float32
	Receipt object.Hash
}

// Query embeds one text that a person searches for. A text that was embedded here is read, so that asking again writes
// nothing.
func (em *Embeddings) Query(ctx context.Context, e model.Embedder, text string) (Vector, error) {
	if v, err := em.Find(ctx, e, text); !errors.Is(err, model.ErrEmbedding) {
		return v, err
	}
	chain, err := em.authority(ctx, e, 1)
	if err != nil {
		return Vector{}, err
	}
	return em.embed(ctx, e, text, chain)
}

// Each embeds n texts of episodes that are not embedded yet; done is called after each one. It stops at the first
// error; earlier embeddings remain.
func (em *Embeddings) Each(ctx context.Context, e model.Embedder, n int, text func(ctx context.Context, i int) (string, error), done func()) error {
	if err := em.mayLeave(ctx, e); err != nil {
		return err
	}
	for from := 0; from < n; from += batch {
		chain, err := em.authority(ctx, e, batch)
		if err != nil {
			return err
		}
		if err := par.Each(ctx, min(batch, n-from), atOnce, func(ctx context.Context, i int) error {
			t, err := text(ctx, from+i)
			if err == nil {
				_, err = em.Find(ctx, e, t) // for another index, or before an update that was interrupted
			}
			if errors.Is(err, model.ErrEmbedding) {
				_, err = em.embed(ctx, e, t, chain)
			}
			if err == nil {
				done()
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// authority returns the owner's authority for n calls of the embedder's tool.
func (em *Embeddings) authority(ctx context.Context, e model.Embedder, n uint32) (caps.Chain, error) {
	return em.Auth.Own(ctx, &scope.ToolCall{ToolID: e.Tool, MaxCalls: n})
}

// mayLeave refuses to send episodes to another machine, or to a server that may forward them, if they may leave only
// redacted.
func (em *Embeddings) mayLeave(ctx context.Context, e model.Embedder) error {
	t, err := em.Gate.Tools.Get(ctx, e.Tool)
	if err != nil {
		return err
	}
	if t.Module.Kind == exec.KindWasm || t.Module.Kind == exec.KindProcess {
		return nil
	}
	if err := em.Episodes.MayLeave(nil); err != nil {
		return fmt.Errorf("tool %s would be sent the requests of episodes: %w", t.Name, err)
	}
	return nil
}

// embed embeds a text. A failed or interrupted attempt is made again: embedding a text twice changes nothing.
func (em *Embeddings) embed(ctx context.Context, e model.Embedder, text string, chain caps.Chain) (Vector, error) {
	request, err := e.Request(text)
	if err != nil {
		return Vector{}, err
	}
	out, err := em.Gate.Do(ctx, exec.Effect{Tool: e.Tool, Request: request, Key: model.EmbedKey(request), Caps: []caps.Chain{chain}, Manner: exec.Manner{Anew: true, RetrySafe: true}})
	if err != nil {
		return Vector{}, fmt.Errorf("embed with tool %s: %w", em.Toolbox.Name(ctx, e.Tool), err)
	}
	if out.Status >= 300 {
		return Vector{}, fmt.Errorf("%w: tool %s ended with status %d, receipt %s", model.ErrEmbedding, em.Toolbox.Name(ctx, e.Tool), out.Status, out.ReceiptID.Short())
	}
	v, err := e.Vector(out.Body)
	if err != nil {
		return Vector{}, fmt.Errorf("tool %s, receipt %s: %w", em.Toolbox.Name(ctx, e.Tool), out.ReceiptID.Short(), err)
	}
	return Vector{v, out.ReceiptID}, nil
}

// Find returns the embedding of a text that was embedded here. Otherwise the error wraps model.ErrEmbedding.
func (em *Embeddings) Find(ctx context.Context, e model.Embedder, text string) (Vector, error) {
	request, err := e.Request(text)
	if err != nil {
		return Vector{}, err
	}
	s, err := em.Ledger.Read(ctx, ledger.IdemID(e.Tool, model.EmbedKey(request)))
	if err != nil {
		return Vector{}, err
	}
	if s.Commit == nil {
		return Vector{}, fmt.Errorf("%w: no receipt here says what tool %s made of this text", model.ErrEmbedding, em.Toolbox.Name(ctx, e.Tool))
	}
	r, id, err := ledger.OpenReceipt(s.Receipt)
	if err != nil {
		return Vector{}, err
	}
	return em.open(ctx, e, request, r, id)
}

// Check reads the vector that a receipt signs, and checks that it belongs to the text. Otherwise the error wraps
// model.ErrEmbedding.
func (em *Embeddings) Check(ctx context.Context, e model.Embedder, text string, receipt object.Hash) (Vector, error) {
	request, err := e.Request(text)
	if err != nil {
		return Vector{}, err
	}
	r, err := em.Source.Receipt(ctx, receipt)
	if err != nil {
		return Vector{}, err
	}
	return em.open(ctx, e, request, r, receipt)
}

func (em *Embeddings) open(ctx context.Context, e model.Embedder, request []byte, r *ledger.Receipt, id object.Hash) (Vector, error) {
	switch {
	case r.ToolID != e.Tool:
		return Vector{}, fmt.Errorf("%w: receipt %s is of another tool", model.ErrEmbedding, id.Short())
	case r.RequestHash != object.Sum(request):
		return Vector{}, fmt.Errorf("%w: receipt %s is of another text", model.ErrEmbedding, id.Short())
	case r.Status >= 300:
		return Vector{}, fmt.Errorf("%w: receipt %s has status %d", model.ErrEmbedding, id.Short(), r.Status)
	}
	v, err := em.Read(ctx, e, r, id)
	return Vector{v, id}, err
}

// Read returns the vector that a receipt signs.
func (em *Embeddings) Read(ctx context.Context, e model.Embedder, r *ledger.Receipt, id object.Hash) ([]float32, error) {
	response, err := em.Store.Bytes(ctx, r.ResponseHash)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("receipt %s: its vector is not here: %w", id.Short(), err)
	}
	if err != nil {
		return nil, err
	}
	v, err := e.Vector(response)
	if err != nil {
		return nil, fmt.Errorf("receipt %s: %w", id.Short(), err)
	}
	return v, nil
}
