// Package transfer walks the trees that are sent between repositories: their parts, what is missing here, and who sent
// it.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/redact"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/internal/authority"
	"github.com/mythos-project/mythos/internal/datasets"
	"github.com/mythos-project/mythos/internal/episodes"
	"github.com/mythos-project/mythos/internal/explain"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/lookup"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/packet"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// Transfer sends trees to other repositories and receives theirs.
type Transfer struct {
	ID       *identity.Identity
	DB       kv.KV
	Store    *store.Store
	Models   *registry.Registry
	Source   *dataset.StoreSource
	Quotas   *quota.Quotas
	Auth     *authority.Authority
	Episodes *episodes.Episodes
	Datasets *datasets.Datasets
	Find     *lookup.Finder
	Explain  *explain.Explainer
}

// Kinds of a Part besides the names of structs.
const (
	partNode  = "node"  // a Merkle node
	partBytes = "bytes" // a chunk or a byte string
	partBlob  = "blob"  // a BlobRef; its parts come before it
)

// Part is one piece of a tree that is sent between peers.
type Part packet.Frame

// Item is a part that is sent between peers, before its data is read.
type Item struct {
	Kind string
	ID   object.Hash
	Size uint64 // bytes of data
}

// Items calls fn with every part below top, children of blobs before the blob: for a list its nodes, episodes and
// signals; for an episode its trace, outcome, receipts, requests, responses, the trees that these name, capabilities and
// signals; for a blob its
// chunks, which are not read; for any other object everything that it rests on according to [explain.Explainer.Why].
func (tr *Transfer) Items(ctx context.Context, top Top, fn func(Item) error) error {
	return tr.walk(ctx, top, nil, func(it Item, _ func() ([]byte, error)) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return fn(it)
	})
}

// Sendable reports whether a tree may leave. If the setting redact names rules, a tree with an episode that was not
// redacted under them, or with the trace of a run, may not: the error wraps ErrUnredacted.
func (tr *Transfer) Sendable(ctx context.Context, top Top) error {
	rules, err := tr.Episodes.PolicyRedaction()
	if err != nil || rules == nil {
		return err
	}
	return tr.walk(ctx, top, rules, func(Item, func() ([]byte, error)) error { return ctx.Err() })
}

// Send calls emit with the parts below top that wanted selects, if the tree is Sendable. A part's data is valid only
// during emit.
func (tr *Transfer) Send(ctx context.Context, top Top, wanted func(Key) bool, emit func(Part) error) error {
	if err := tr.Sendable(ctx, top); err != nil {
		return err
	}
	return tr.walk(ctx, top, nil, func(it Item, load func() ([]byte, error)) error {
		if !wanted(it.Key()) {
			return ctx.Err()
		}
		data, err := load()
		if err != nil {
			return err
		}
		return emit(Part{it.Kind, it.ID, data})
	})
}

func (tr *Transfer) walk(ctx context.Context, top Top, rules *redact.Rules, emit func(Item, func() ([]byte, error)) error) error {
	w := tr.walker(ctx, rules, emit)
	switch {
	case top == Top{}:
		return nil
	case top.file != nil:
		return w.file(*top.file)
	}
	return w.any(top.ID)
}

func (tr *Transfer) walker(ctx context.Context, rules *redact.Rules, emit func(Item, func() ([]byte, error)) error) *walker {
	return &walker{ctx: ctx, n: tr, visit: emit, done: map[object.Hash]bool{}, blobs: map[object.Hash]bool{}, rules: rules,
		mine: func(Key) (bool, error) { return true, nil }}
}

type walker struct {
	ctx   context.Context
	n     *Transfer
	visit func(it Item, load func() ([]byte, error)) error
	done  map[object.Hash]bool
	blobs map[object.Hash]bool
	rules *redact.Rules // not nil: episodes have been redacted under them
	buf   []byte        // the last chunk read

	// mine says which parts count as present. It is asked where a walk continues without a missing part; for the others
	// visit can tell.
	mine func(Key) (bool, error)
}

// emit visits a part whose data is already read.
func (w *walker) emit(p Part) error {
	return w.visit(Item{p.Kind, p.ID, uint64(len(p.Data))}, func() ([]byte, error) { return p.Data, nil })
}

func (w *walker) once(id object.Hash) bool {
	if w.done[id] {
		return false
	}
	w.done[id] = true
	return true
}

func (w *walker) any(id object.Hash) error {
	mine, err := w.mine(Key{1, id})
	if err != nil {
		return err
	}
	if ref, err := w.n.Store.BlobRef(w.ctx, id); mine && err == nil {
		return w.blob(ref)
	}
	if folder, err := w.isFolder(id); err != nil {
		return err
	} else if folder {
		return w.folder(id)
	}
	if _, err := merkle.OpenList(w.n.Store.Nodes(w.ctx), id); err == nil {
		return w.list(id)
	}
	return w.object(id)
}

func (w *walker) object(id object.Hash) error {
	if w.done[id] {
		return nil
	}
	kind, raw, err := w.n.Find.Object(w.ctx, id)
	if err != nil {
		return err
	}
	switch kind {
	case dataset.KindEpisode, "DatasetDef", signal.Kind, "RunRecord":
	default:
		return w.grounds(kind, id)
	}
	w.done[id] = true
	switch kind {
	case dataset.KindEpisode:
		if err := w.episode(raw); err != nil {
			return err
		}
	case "DatasetDef":
		d, err := dataset.OpenDef(raw)
		if err != nil {
			return err
		}
		for _, root := range append(append([]object.Hash{}, d.CorpusRoots...), d.SignalRoots...) {
			if err := w.any(root); err != nil {
				return err
			}
		}
	}
	return w.emit(Part{kind, id, raw})
}

func (w *walker) episode(raw []byte) error {
	e, err := object.Decode[object.EpisodeRef](raw)
	if err != nil {
		return err
	}
	if w.rules != nil && !w.rules.Made(e) {
		return fmt.Errorf("episode %s: %w", e.EpisodeID.Short(), episodes.ErrUnredacted)
	}
	if err := w.blob(e.TraceRef.TraceBlob); err != nil {
		return err
	}
	if err := w.bytes(e.OutcomeHash, true); err != nil { // its value; for a redacted episode nobody has it
		return err
	}
	for _, id := range e.TraceRef.ReceiptIDs {
		if err := w.receipt(id); err != nil {
			return err
		}
	}
	signals, err := w.n.Source.Signals(w.ctx, e.EpisodeID)
	if err != nil {
		return err
	}
	for _, g := range signals {
		id, err := signal.Rule.ID(g)
		if err != nil {
			return err
		}
		mine, err := w.mine(Key{2, id})
		if err != nil {
			return err
		}
		if mine && w.once(id) {
			if err := w.emit(Part{signal.Kind, id, g}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *walker) receipt(id object.Hash) error {
	if !w.once(id) {
		return nil
	}
	raw, err := w.n.Source.ReceiptBytes(w.ctx, id)
	if err != nil {
		return err
	}
	r, _, err := ledger.OpenReceipt(raw)
	if err != nil {
		return err
	}
	for _, h := range []object.Hash{r.RequestHash, r.ResponseHash} {
		if err := w.bytes(h, true); err != nil {
			return err
		}
		if err := w.named(h, r.Evidence); err != nil {
			return err
		}
	}
	for _, h := range r.Evidence {
		if err := w.capability(h); err != nil {
			return err
		}
	}
	return w.emit(Part{dataset.KindReceipt, id, raw})
}

// capability emits the chain of a stored capability; other evidence is skipped.
func (w *walker) capability(id object.Hash) error {
	if mine, err := w.mine(Key{2, id}); err != nil || !mine || !w.once(id) {
		return err
	}
	o, err := w.n.Store.Object(w.ctx, id)
	if errors.Is(err, store.ErrNotFound) || (err == nil && o.Kind != objects.KindCapability) {
		delete(w.done, id)
		return nil
	}
	if err != nil {
		return err
	}
	link, err := caps.Open(o.Raw)
	if err != nil {
		return err
	}
	if parent := link.Cap.AttenuationParent; parent != nil {
		if err := w.capability(*parent); err != nil {
			return err
		}
	}
	return w.emit(Part{objects.KindCapability, id, o.Raw})
}

// bytes emits a byte string; with optional, it may be missing because it was not captured.
func (w *walker) bytes(h object.Hash, optional bool) error {
	if w.done[h] {
		return nil
	}
	if mine, err := w.mine(Key{0, h}); err != nil || (optional && !mine) {
		return err
	}
	data, err := w.n.Store.Bytes(w.ctx, h)
	if optional && errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	w.done[h] = true
	return w.emit(Part{partBytes, h, data})
}

func (w *walker) blob(ref object.BlobRef) error {
	if w.rules != nil && strings.HasPrefix(ref.Media, run.TraceMedia) && ref.Media != redact.Media {
		return fmt.Errorf("trace %s: %w", ref.CID.Short(), episodes.ErrUnredacted)
	}
	if w.blobs[ref.CID] {
		return nil
	}
	w.blobs[ref.CID] = true
	if ref.Chunks > 0 {
		if err := w.chunks(ref.CID); err != nil {
			return err
		}
		return w.reference(ref)
	}
	have, err := w.n.Store.HasBytes(w.ctx, ref.CID)
	if err != nil {
		return err
	}
	switch folder, ferr := w.isFolder(ref.CID); {
	case have:
		err = w.bytes(ref.CID, false)
	case ferr != nil:
		err = ferr
	case folder:
		err = w.folder(ref.CID)
	default:
		err = w.list(ref.CID)
	}
	if err != nil {
		return err
	}
	return w.reference(ref)
}

// reference emits the reference of a blob whose parts were visited.
func (w *walker) reference(ref object.BlobRef) error {
	raw, err := can.Marshal(&ref)
	if err != nil {
		return err
	}
	return w.emit(Part{partBlob, ref.CID, raw})
}

func (w *walker) nodes(tree *merkle.Tree) error {
	return tree.Nodes(func(cid object.Hash, raw []byte) error {
		w.done[cid] = true
		return w.emit(Part{partNode, cid, raw})
	})
}

func (w *walker) chunks(root object.Hash) error {
	tree, err := merkle.OpenChunks(w.n.Store.Nodes(w.ctx), root)
	if err != nil {
		return err
	}
	if err := w.nodes(tree); err != nil {
		return err
	}
	return tree.Walk(0, tree.Len(), func(_ uint64, c merkle.Chunk) error {
		if !w.once(c.Hash) {
			return nil
		}
		return w.visit(Item{partBytes, c.Hash, uint64(c.Len)}, func() (data []byte, err error) {
			w.buf, err = w.n.Store.ReadBytes(w.ctx, c.Hash, c.Len, w.buf)
			return w.buf, err
		})
	})
}

func (w *walker) list(root object.Hash) error {
	if !w.once(root) {
		return nil
	}
	tree, err := merkle.OpenList(w.n.Store.Nodes(w.ctx), root)
	if err != nil {
		return err
	}
	if err := w.nodes(tree); err != nil {
		return err
	}
	return tree.Walk(0, tree.Len(), func(_ uint64, c merkle.Chunk) error { return w.object(c.Hash) })
}
