package why

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
)

// Lineage is the origin and the later use of a model, from the objects that are here. Each was verified when it was
// read; use [Explain] and [judge.Evaluate] for trust.
type Lineage struct {
	Model        object.Hash          `json:"model"`
	WeightsCID   object.Hash          `json:"weights"`
	WeightsBytes uint64               `json:"weights_bytes"`           // of all files, where they are a folder
	WeightsFiles *uint64              `json:"weights_files,omitempty"` // of a folder; absent: they are one blob
	Code         object.Hash          `json:"code"`                    // that trained it; of an imported model the hash of nothing
	Parent       *object.Hash         `json:"parent,omitempty"`
	Children     []object.Hash        `json:"children"` // models trained from it, ascending
	Rings        []int                `json:"rings"`    // rings that have it now
	Trainings    []LineageTraining    `json:"trainings"`
	Imports      []LineageImport      `json:"imports"` // of a model that was trained elsewhere
	Evaluations  []LineageEvaluation  `json:"evaluations"`
	Attestations []LineageAttestation `json:"attestations"`
	Promotions   []LineagePromotion   `json:"promotions"` // the oldest first
}

// LineageTraining is a training whose result is the model.
type LineageTraining struct {
	Receipt  object.Hash      `json:"receipt"`
	Recipe   object.Hash      `json:"recipe"`
	Dataset  object.Hash      `json:"dataset"` // manifest
	Label    string           `json:"label,omitempty"`
	Examples uint64           `json:"examples"`
	Tokens   uint64           `json:"tokens"`
	GPUms    uint64           `json:"gpu_ms"`
	Metrics  map[string]int64 `json:"metrics"`
	By       string           `json:"by"`
	Time     object.Time      `json:"time"`
}

// LineageImport is an effect that took in a model which was trained elsewhere.
type LineageImport struct {
	Receipt object.Hash `json:"receipt"`
	Format  string      `json:"format,omitempty"` // of the weights, as the importer says
	Source  string      `json:"source,omitempty"` // where they are from, as the importer says
	By      string      `json:"by"`
	Time    object.Time `json:"time"`
}

// LineageEvaluation is an evaluation of the model.
type LineageEvaluation struct {
	Receipt  object.Hash      `json:"receipt"`
	Suite    object.Hash      `json:"suite"`
	Examples uint64           `json:"examples"`
	Metrics  map[string]int64 `json:"metrics"`
	By       string           `json:"by"`
	Time     object.Time      `json:"time"`
}

// LineageAttestation is an attestation about the model.
type LineageAttestation struct {
	Attestation object.Hash `json:"attestation"`
	Claim       string      `json:"claim"`
	Result      uint16      `json:"result"`
	By          string      `json:"by"`
	Time        object.Time `json:"time"`
}

// LineagePromotion is a record that put the model into a ring.
type LineagePromotion struct {
	Promotion object.Hash `json:"promotion"`
	Ring      uint8       `json:"ring"`
	Action    string      `json:"action"`
	Policy    object.Hash `json:"policy"`
	By        string      `json:"by"`
	Time      object.Time `json:"time"`
}

// LineageOf gathers the lineage of a model. The error wraps store.ErrNotFound if the model is not here.
func LineageOf(ctx context.Context, r *registry.Registry, id object.Hash) (*Lineage, error) {
	m, err := model.Load(ctx, r.Store, id, "ModelRef", model.ModelRule, object.Open[model.ModelRef])
	if err != nil {
		return nil, err
	}
	l := &Lineage{Model: id, WeightsCID: m.Weights.CID, WeightsBytes: m.Weights.Size, Code: m.CodeHash, Parent: m.ParentModelID,
		Children: []object.Hash{}, Rings: []int{}, Trainings: []LineageTraining{}, Imports: []LineageImport{}, Evaluations: []LineageEvaluation{},
		Attestations: []LineageAttestation{}, Promotions: []LineagePromotion{}}
	if m.IsFolder() {
		l.WeightsBytes, l.WeightsFiles = 0, new(uint64) // until the folder is here
		if d, err := tree.Open(r.Store.Nodes(ctx), m.Weights.CID); err == nil {
			l.WeightsBytes, *l.WeightsFiles = d.Size, d.Files
		} else if !model.NotHere(err) {
			return nil, fmt.Errorf("weights of model %s: %w", id.Short(), err)
		}
	}
	for _, step := range []func(context.Context, *registry.Registry, *Lineage) error{lineTrainings, lineImports, lineEvaluations, lineAttestations, linePromotions, lineChildren} {
		if err := step(ctx, r, l); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// effects calls fn with the effects of a kind about a model that are completely here.
func effects(ctx context.Context, r *registry.Registry, model object.Hash, kind string, fn func(*ledger.Receipt, []byte) error) error {
	ids, err := r.About(ctx, model, kind)
	if err != nil {
		return err
	}
	for _, id := range ids {
		effect, err := r.EffectOf(ctx, id)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			continue // it proves nothing
		}
		rec, _, err := ledger.OpenReceipt(effect.Receipt)
		if err == nil {
			err = fn(rec, effect.Response)
		}
		if err != nil {
			return fmt.Errorf("receipt %s: %w", id.Short(), err)
		}
	}
	return nil
}

func lineTrainings(ctx context.Context, r *registry.Registry, l *Lineage) error {
	return effects(ctx, r, l.Model, registry.AboutTraining, func(rec *ledger.Receipt, response []byte) error {
		res, _, _, err := model.OpenTrainResult(response)
		if err != nil {
			return err
		}
		t := LineageTraining{Receipt: rec.ReceiptID, Recipe: res.Job.RecipeID, Dataset: res.Job.Manifest, Examples: res.Examples, Tokens: res.Tokens,
			GPUms: res.GPUms, Metrics: res.Metrics, By: who(rec.Signer), Time: rec.TimeObserved}
		if recipe, err := model.Load(ctx, r.Store, t.Recipe, "RecipeDef", model.RecipeRule, object.Open[model.RecipeDef]); err == nil {
			t.Label = recipe.Hyperparams["label"]
		}
		l.Trainings = append(l.Trainings, t)
		return nil
	})
}

func lineImports(ctx context.Context, r *registry.Registry, l *Lineage) error {
	err := effects(ctx, r, l.Model, registry.AboutImport, func(rec *ledger.Receipt, response []byte) error {
		res, _, _, err := model.OpenImportResult(response)
		if err == nil {
			l.Imports = append(l.Imports, LineageImport{rec.ReceiptID, res.Job.Format, res.Job.Source, who(rec.Signer), rec.TimeObserved})
		}
		return err
	})
	slices.SortStableFunc(l.Imports, func(a, b LineageImport) int { return cmp.Compare(a.Time, b.Time) })
	return err
}

func lineEvaluations(ctx context.Context, r *registry.Registry, l *Lineage) error {
	err := effects(ctx, r, l.Model, registry.AboutEvaluation, func(rec *ledger.Receipt, response []byte) error {
		res, _, err := model.OpenEvalResult(response)
		if err == nil {
			l.Evaluations = append(l.Evaluations, LineageEvaluation{rec.ReceiptID, res.Job.SuiteID, res.Examples, res.Metrics, who(rec.Signer), rec.TimeObserved})
		}
		return err
	})
	slices.SortStableFunc(l.Evaluations, func(a, b LineageEvaluation) int { return cmp.Compare(a.Time, b.Time) })
	return err
}

func lineAttestations(ctx context.Context, r *registry.Registry, l *Lineage) error {
	ids, err := r.About(ctx, l.Model, registry.AboutAttestation)
	if err != nil {
		return err
	}
	for _, id := range ids {
		a, err := model.Load(ctx, r.Store, id, registry.AboutAttestation, model.AttestationRule, func(raw []byte, _ object.Rule) (*model.Attestation, object.Hash, error) {
			return model.OpenAttestation(raw)
		})
		if err != nil {
			return err
		}
		l.Attestations = append(l.Attestations, LineageAttestation{id, model.ClaimName(a.ClaimType), a.Result, who(a.Signer), a.TimeObserved})
	}
	slices.SortStableFunc(l.Attestations, func(a, b LineageAttestation) int { return cmp.Compare(a.Time, b.Time) })
	return nil
}

func linePromotions(ctx context.Context, r *registry.Registry, l *Lineage) error {
	err := r.Rings(ctx, func(s *model.RingState) error {
		if s.ModelID == l.Model {
			l.Rings = append(l.Rings, int(s.RingID))
		}
		return r.Log(ctx, s.RingID, func(id object.Hash, p *model.PromotionRecord) error {
			if p.ModelID == l.Model {
				l.Promotions = append(l.Promotions, LineagePromotion{id, p.RingID, p.ActionName(), p.PolicyID, who(p.Signer), p.TimeObserved})
			}
			return nil
		})
	})
	slices.SortStableFunc(l.Promotions, func(a, b LineagePromotion) int { return cmp.Compare(a.Time, b.Time) })
	return err
}

func lineChildren(ctx context.Context, r *registry.Registry, l *Lineage) error {
	return r.Models(ctx, func(id object.Hash, m *model.ModelRef) error {
		if m.ParentModelID != nil && *m.ParentModelID == l.Model {
			l.Children = append(l.Children, id)
		}
		return nil
	})
}

const maxAncestors = 256 // of a lineage tree

// LineageTree is a model's lineage as a tree for display: dataset and recipe, training, evaluations, attestations,
// promotions, and then the same for its ancestors.
func LineageTree(ctx context.Context, r *registry.Registry, id object.Hash, toolName func(object.Hash) string) (*Node, error) {
	var root, below *Node
	for depth := 0; depth < maxAncestors; depth++ {
		l, err := LineageOf(ctx, r, id)
		if err != nil && root != nil && model.NotHere(err) {
			below.leaf("ModelRef", id, "parent: model %s", id.Short()).fail("it is not here")
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		n := l.node(toolName)
		if root == nil {
			root = n
		} else {
			n.Label = "parent: " + n.Label
			below.Children = append(below.Children, n)
		}
		if l.Parent == nil {
			return root, nil
		}
		below, id = n, *l.Parent
	}
	return nil, errors.New("the lineage does not end")
}

// node makes the tree of a lineage.
func (l *Lineage) node(toolName func(object.Hash) string) *Node {
	n := &Node{Kind: "ModelRef", ID: l.Model, Verified: true, Label: fmt.Sprintf("model %s%s", l.Model.Short(), l.where())}
	for _, t := range l.Trainings {
		c := n.leaf("Receipt", t.Receipt, "trained by %s, %s: %s%s", OneLine(t.By), minute(t.Time), units.Count(int(t.Examples), "example"), metricsText(t.Metrics))
		label := "recipe " + t.Recipe.Short()
		if t.Label != "" {
			label += " for " + t.Label
		}
		c.leaf("RecipeDef", t.Recipe, "%s, code %s", label, OneLine(toolName(l.Code)))
		c.leaf("Manifest", t.Dataset, "dataset %s", t.Dataset.Short())
	}
	for _, i := range l.Imports {
		from := ""
		if i.Source != "" {
			from = " from " + OneLine(i.Source)
		}
		n.leaf("Receipt", i.Receipt, "imported by %s, %s%s; nothing is known of its training", OneLine(i.By), minute(i.Time), from)
	}
	for _, e := range l.Evaluations {
		n.leaf("Receipt", e.Receipt, "measured by %s, %s, suite %s:%s", OneLine(e.By), minute(e.Time), e.Suite.Short(), metricsText(e.Metrics))
	}
	for _, a := range l.Attestations {
		verdict := "yes"
		if a.Result != model.ResultPass {
			verdict = fmt.Sprintf("no (%d)", a.Result)
		}
		n.leaf(registry.AboutAttestation, a.Attestation, "%s by %s, %s: %s", a.Claim, OneLine(a.By), minute(a.Time), verdict)
	}
	for _, p := range l.Promotions {
		n.leaf("PromotionRecord", p.Promotion, "%s into ring %d by %s, %s, policy %s", p.Action, p.Ring, OneLine(p.By), minute(p.Time), p.Policy.Short())
	}
	for _, c := range l.Children {
		n.leaf("ModelRef", c, "went on to model %s", c.Short())
	}
	return n
}

// where lists the rings that have the model.
func (l *Lineage) where() string {
	if len(l.Rings) == 0 {
		return ", in no ring"
	}
	var names []string
	for _, ring := range l.Rings {
		names = append(names, fmt.Sprint(ring))
	}
	return ", in ring " + strings.Join(names, " and ")
}
