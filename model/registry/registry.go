// Package registry stores models and everything known about them: their measurements, who vouches for them, the rings
// with their policies and holds, and the retrieval indexes. It gathers the evidence for package judge, and moves rings
// in one durable step.
package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/judge"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// KV is the key-value store that the registry needs. Update applies put, durably, if every key in check has exactly
// that value (nil: is absent), and reports whether it did.
type KV = kv.KV

// Receipts finds receipts; *kvledger.Ledger is one.
type Receipts interface {
	Receipt(ctx context.Context, id object.Hash) ([]byte, error)
}

// Responses finds byte strings by their hash; *store.Store is one.
type Responses interface {
	Bytes(ctx context.Context, h object.Hash) ([]byte, error)
}

// Pinner protects objects from garbage collection; *store.Store is one.
type Pinner interface {
	Pin(ctx context.Context, cid object.Hash, until object.Time, reason string) error
	Unpin(ctx context.Context, cid object.Hash) error
	Pins(ctx context.Context, fn func(store.Pin) error) error
}

// Registry stores models and everything known about them, policies and rings. Set all fields before its first use. It
// is safe for concurrent use, and several processes may open one over the same store.
type Registry struct {
	KV        KV
	Store     model.Store
	Receipts  Receipts
	Responses Responses
	Pins      Pinner
	Trust     model.Trust
	Now       func() object.Time
}

const MaxIndexed = 4096 // most objects of one kind about one model that are read

// Kinds in the index of a model's objects, besides those of objects.
const (
	AboutTraining    = "train"
	AboutImport      = "import"
	AboutEvaluation  = "eval"
	AboutReport      = "EvalReport"
	AboutAttestation = "Attestation"
	AboutDecision    = "deploy" // of a PromotionRecord, RingHold, PolicyDef or IndexState: receipts of the effect
)

func aboutKey(about object.Hash, kind string) string {
	return kv.AboutModels + about.String() + "/" + kind + "/"
}

// Add verifies an object and stores it under its id. Kinds are the names of the protocol: RecipeDef, ModelRef,
// EvalSuiteDef, EvalReport, Attestation, PolicyDef. Trust in the signer is checked when the object is used, not here.
func (r *Registry) Add(ctx context.Context, kind string, raw []byte) (object.Hash, error) {
	id, about, err := open(kind, raw)
	if err != nil {
		return object.Hash{}, err
	}
	if err := r.Store.PutObjects(ctx, store.Object{ID: id, Kind: kind, Raw: raw}); err != nil {
		return id, err
	}
	if about == nil {
		return id, nil
	}
	return id, r.index(ctx, *about, kind, id)
}

// kinds are the kinds of objects that a registry accepts. Each is opened by the rules of its kind, which also return
// its model, if any.
var kinds = map[string]func(raw []byte) (id object.Hash, about *object.Hash, err error){
	"RecipeDef":    opened[model.RecipeDef](model.RecipeRule),
	"ModelRef":     opened[model.ModelRef](model.ModelRule),
	"EvalSuiteDef": opened[model.EvalSuiteDef](model.SuiteRule),
	"PolicyDef": func(raw []byte) (object.Hash, *object.Hash, error) {
		_, id, err := model.OpenPolicy(raw)
		return id, nil, err
	},
	AboutReport: func(raw []byte) (object.Hash, *object.Hash, error) {
		r, id, err := model.OpenReport(raw)
		if err != nil {
			return id, nil, err
		}
		return id, &r.ModelID, nil
	},
	AboutAttestation: func(raw []byte) (object.Hash, *object.Hash, error) {
		a, id, err := model.OpenAttestation(raw)
		if err != nil {
			return id, nil, err
		}
		return id, &a.SubjectHash, nil
	},
}

func opened[T any](rule object.Rule) func(raw []byte) (object.Hash, *object.Hash, error) {
	return func(raw []byte) (object.Hash, *object.Hash, error) {
		_, id, err := object.Open[T](raw, rule)
		return id, nil, err
	}
}

func open(kind string, raw []byte) (id object.Hash, about *object.Hash, err error) {
	read, ok := kinds[kind]
	if !ok {
		return id, nil, fmt.Errorf("%s: %s is not a kind of object of the model registry", kind, kind)
	}
	if id, about, err = read(raw); err != nil {
		return object.Hash{}, nil, fmt.Errorf("%s: %w", kind, err)
	}
	return id, about, nil
}

// Kind reports whether Add takes objects of this kind.
func Kind(name string) bool { return kinds[name] != nil }

func (r *Registry) index(ctx context.Context, about object.Hash, kind string, id object.Hash) error {
	_, err := r.KV.Update(ctx, nil, map[string][]byte{aboutKey(about, kind) + id.String(): {}})
	return err
}

// AddEffect indexes the receipt of a learning effect under its subject: the model of a train, import or eval effect, the record
// of a promotion or rollback, a hold, a policy that came into force, the state of an index. The effect must be in
// Receipts and Responses. It returns the model (of a train, import, eval, promote or rollback effect) or the hold, policy or
// state. It refuses receipts of other tools ([Learning]).
func (r *Registry) AddEffect(ctx context.Context, receipt object.Hash) (about object.Hash, err error) {
	effect, err := r.EffectOf(ctx, receipt)
	if err != nil {
		return object.Hash{}, err
	}
	rec, _, err := ledger.OpenReceipt(effect.Receipt)
	if err != nil {
		return object.Hash{}, err
	}
	switch rec.ToolID {
	case model.TrainTool:
		res, _, _, err := model.OpenTrainResult(effect.Response)
		if err != nil {
			return object.Hash{}, err
		}
		return res.Model.ModelID, r.index(ctx, res.Model.ModelID, AboutTraining, receipt)
	case model.ImportTool:
		res, _, _, err := model.OpenImportResult(effect.Response)
		if err != nil {
			return object.Hash{}, err
		}
		return res.Model.ModelID, r.index(ctx, res.Model.ModelID, AboutImport, receipt)
	case model.EvalTool:
		res, _, err := model.OpenEvalResult(effect.Response)
		if err != nil {
			return object.Hash{}, err
		}
		return res.Job.ModelID, r.index(ctx, res.Job.ModelID, AboutEvaluation, receipt)
	case model.PromoteTool, model.RollbackTool:
		p, id, err := model.OpenPromotion(effect.Response)
		if err != nil {
			return object.Hash{}, err
		}
		return p.ModelID, r.index(ctx, id, AboutDecision, receipt)
	case model.IndexUpdateTool, model.IndexRollbackTool:
		_, id, err := model.OpenIndexState(effect.Response)
		if err != nil {
			return object.Hash{}, err
		}
		return id, r.index(ctx, id, AboutDecision, receipt)
	case model.FreezeTool, model.ThawTool:
		_, id, err := model.OpenHold(effect.Response)
		if err != nil {
			return object.Hash{}, err
		}
		return id, r.index(ctx, id, AboutDecision, receipt)
	case model.PolicyTool:
		s, err := object.Decode[model.PolicyState](effect.Response)
		if err != nil {
			return object.Hash{}, err
		}
		return s.PolicyID, r.index(ctx, s.PolicyID, AboutDecision, receipt)
	}
	return object.Hash{}, fmt.Errorf("receipt %s is of no effect of learning", receipt.Short())
}

// Learning reports whether AddEffect accepts the receipts of a tool.
func Learning(tool object.Hash) bool {
	switch tool {
	case model.TrainTool, model.ImportTool, model.EvalTool, model.PromoteTool, model.RollbackTool, model.IndexUpdateTool, model.IndexRollbackTool, model.FreezeTool, model.ThawTool, model.PolicyTool:
		return true
	}
	return false
}

// effect loads a receipt and its response.
func (r *Registry) EffectOf(ctx context.Context, receipt object.Hash) (judge.Effect, error) {
	raw, err := r.Receipts.Receipt(ctx, receipt)
	if errors.Is(err, ledger.ErrNotFound) {
		var o store.Object // a receipt of another executor's ledger
		if o, err = r.Store.Object(ctx, receipt); err == nil {
			raw = o.Raw
		}
	}
	if err != nil {
		return judge.Effect{}, fmt.Errorf("receipt %s: %w", receipt.Short(), err)
	}
	rec, id, err := ledger.OpenReceipt(raw)
	if err != nil {
		return judge.Effect{}, err
	}
	if id != receipt {
		return judge.Effect{}, fmt.Errorf("receipt %s: %w: it is %s", receipt.Short(), object.ErrID, id.Short())
	}
	body, err := r.Responses.Bytes(ctx, rec.ResponseHash)
	if err != nil {
		return judge.Effect{}, fmt.Errorf("response of receipt %s: %w", id.Short(), err)
	}
	return judge.Effect{Receipt: raw, Response: body}, nil
}

// About lists the ids of the index's entries about a model, ascending: kind is "train", "import", "eval" (receipts), "EvalReport"
// or "Attestation".
func (r *Registry) About(ctx context.Context, about object.Hash, kind string) ([]object.Hash, error) {
	prefix := aboutKey(about, kind)
	var list []object.Hash
	err := r.KV.Scan(ctx, prefix, kv.End(prefix), func(key string, _ []byte) error {
		if len(list) == MaxIndexed {
			return fmt.Errorf("model %s: more than %d objects of kind %s", about.Short(), MaxIndexed, kind)
		}
		id, err := object.ParseHash(strings.TrimPrefix(key, prefix))
		list = append(list, id)
		return err
	})
	return list, err
}

// Decisions lists the receipts of the effects that decided a promotion or rollback, a hold, a policy coming into force
// or an index's state, by its id.
func (r *Registry) Decisions(ctx context.Context, id object.Hash) ([]object.Hash, error) {
	return r.About(ctx, id, AboutDecision)
}

// Decided indexes the receipt of the effect that made or decided on an object, for objects that AddEffect does not
// know.
func (r *Registry) Decided(ctx context.Context, id, receipt object.Hash) error {
	return r.index(ctx, id, AboutDecision, receipt)
}

// Models calls fn for every model, ascending by id.
func (r *Registry) Models(ctx context.Context, fn func(object.Hash, *model.ModelRef) error) error {
	return r.Store.Objects(ctx, "ModelRef", func(o store.Object) error {
		m, id, err := object.Open[model.ModelRef](o.Raw, model.ModelRule)
		if err != nil {
			return fmt.Errorf("model %s: %w", o.ID.Short(), err)
		}
		return fn(id, m)
	})
}
