package transfer

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/internal/explain"
	"github.com/mythos-project/mythos/model/why"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// grounds visits an object with everything that [explain.Explainer.Why] walks to from there, so that the receiver can
// also ask why. What is not stored is left out, except for parts of a blob.
func (w *walker) grounds(kind string, id object.Hash) error {
	r := &recorder{Local: w.n.Explain.Resolver(), w: w, lists: map[object.Hash]object.BlobRef{}}
	o := w.n.Explain.Options(w.ctx, explain.Options{Width: 1})
	o.MaxNodes, o.MaxDepth, o.Blob = maxGrounds, maxGrounds, r.blob
	_, err := why.Explain(w.ctx, r, why.Start{ID: id, Kind: kind}, o)
	var visit visitError
	if errors.As(err, &visit) {
		err = visit.err
	}
	if err == nil && !w.done[id] {
		err = fmt.Errorf("%s %s: %w", kind, id.Short(), store.ErrNotFound)
	}
	for id, ref := range r.lists {
		if err == nil && !w.blobs[id] {
			w.blobs[id] = true
			err = w.reference(ref)
		}
	}
	return err
}

const maxGrounds = 1 << 30

// recorder is a Resolver that visits everything it is asked for.
type recorder struct {
	*why.Local
	w     *walker
	lists map[object.Hash]object.BlobRef // of manifests and corpora, whose nodes are visited
}

var _ why.Resolver = (*recorder)(nil)

// visitError is why a visit failed. The walk must not interpret the error that it wraps.
type visitError struct{ err error }

func (e visitError) Error() string { return e.err.Error() }

// Raw implements model.Resolver.
func (r *recorder) Raw(ctx context.Context, kind string, id object.Hash) ([]byte, error) {
	mine, err := r.w.mine(keyOf(kind, id))
	if err == nil && !mine {
		err = fmt.Errorf("%s %s: %w", kind, id.Short(), store.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	raw, err := r.Local.Raw(ctx, kind, id)
	if err != nil {
		return nil, err
	}
	if err := r.visit(kind, id, raw); err != nil {
		return nil, visitError{err}
	}
	return raw, nil
}

// keyOf returns the name of the part that the model packages know under a kind.
func keyOf(kind string, id object.Hash) Key {
	switch kind {
	case "BlobRef":
		return Key{1, id}
	case why.KindBytes, why.KindNode:
		return Key{0, id}
	}
	return Key{2, id}
}

func (r *recorder) visit(kind string, id object.Hash, raw []byte) error {
	switch kind {
	case "BlobRef":
		ref, err := object.Decode[object.BlobRef](raw)
		if err != nil {
			return err
		}
		return r.w.blob(*ref)
	case dataset.KindEpisode:
		return r.w.object(id)
	case why.KindBytes:
		kind = partBytes
	case why.KindNode:
		kind = partNode
		mine, err := r.w.mine(Key{1, id})
		if err != nil {
			return err
		}
		ref, err := r.w.n.Store.BlobRef(r.w.ctx, id)
		if mine && err == nil {
			r.lists[id] = ref
		} else if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	if !r.w.once(id) {
		return nil
	}
	return r.w.emit(Part{kind, id, raw})
}

func (r *recorder) blob(ref object.BlobRef) error {
	if err := r.w.blob(ref); err != nil {
		return visitError{err}
	}
	return nil
}
