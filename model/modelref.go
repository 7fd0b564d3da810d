package model

import (
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/tree"
)

// Media types of a model's blobs.
const (
	ConfigMedia  = "application/mythos.model.config" // a canonical ModelConfig
	WeightsMedia = "application/octet-stream"        // if the training code names no other
)

// ModelRef is a model: its weights, its configuration, the code that made it and its parent model. Its id covers all of
// these, so that the same training on the same dataset gives the same model.
type ModelRef struct {
	ModelID       object.Hash    `can:"1,model_id"`
	Weights       object.BlobRef `can:"2,weights"` // reference of a blob or of a tree; the media type says which
	Config        object.BlobRef `can:"3,config"`
	CodeHash      object.Hash    `can:"4,code_hash"`       // the code that trained it; SHA-256 of the empty string: unknown
	ParentModelID *object.Hash   `can:"5,parent_model_id"` // absent: trained from scratch, or not known
}

// ModelRule leaves out the model's own id.
var ModelRule = object.Rule{Mask: can.Mask{1: nil}, IDField: 1}

// IsFolder reports whether the weights are a folder: their reference is that of a tree.
func (m ModelRef) IsFolder() bool { return m.Weights.Media == tree.Media }

// Check refuses a model that is its own parent, and a reference of a tree that is none [field-33].
func (m ModelRef) Check() error {
	if w := m.Weights; m.IsFolder() && (w.Codec != 0 || w.Chunks != 0 || w.Encryption != nil) {
		return fmt.Errorf("weights %s: the reference of a tree has codec 0, no chunks and no encryption", w.CID.Short())
	}
	if m.ParentModelID != nil && *m.ParentModelID == m.ModelID {
		return fmt.Errorf("model %s names itself as its parent", m.ModelID.Short())
	}
	return nil
}

// NewModel fills in the id and encodes the model.
func NewModel(m ModelRef) (object.Hash, []byte, error) { return seal(ModelRule, &m, &m.ModelID) }

// ModelConfig is the content of the configuration blob of a model trained here (our addition, spec/learning.md#config):
// how to use the weights, and where they came from. It has no time and no signer, so that a model is reproducible.
type ModelConfig struct {
	RecipeID    object.Hash       `can:"1,recipe_id"`
	DatasetDef  object.Hash       `can:"2,dataset_def_id"`
	Manifest    object.Hash       `can:"3,manifest"` // cid of the dataset's manifest
	Format      string            `can:"4,format"`   // of the weights, in the code's own words
	Hyperparams map[string]string `can:"5,hyperparams"`
}

// EvalReport is the result of an evaluation (our addition, spec/learning.md#report). An EvalMetric attestation names it
// as evidence. Its id is the hash of its bytes.
type EvalReport struct {
	ModelID   object.Hash      `can:"1,model_id"`
	SuiteID   object.Hash      `can:"2,suite_id"`
	Metrics   map[string]int64 `can:"3,metrics"`    // integers, by name
	ReceiptID object.Hash      `can:"4,receipt_id"` // of the evaluation
}

// Check checks the names of the metrics [field-32].
func (r EvalReport) Check() error { return CheckMetrics(r.Metrics) }

// CheckMetrics checks the names of metrics.
func CheckMetrics(metrics map[string]int64) error {
	if len(metrics) > maxParams {
		return fmt.Errorf("%d metrics, at most %d", len(metrics), maxParams)
	}
	for name := range metrics {
		if err := checkMetric(name); err != nil {
			return err
		}
	}
	return nil
}

// NewReport encodes a report and computes its id.
func NewReport(r EvalReport) (object.Hash, []byte, error) {
	if err := can.Check(&r); err != nil {
		return object.Hash{}, nil, err
	}
	raw, err := can.Marshal(&r)
	return object.Sum(raw), raw, err
}

// OpenReport decodes canonical bytes and checks fields.
func OpenReport(raw []byte) (*EvalReport, object.Hash, error) {
	r, err := object.Decode[EvalReport](raw)
	if err != nil {
		return nil, object.Hash{}, fmt.Errorf("evaluation report: %w", err)
	}
	return r, object.Sum(raw), nil
}
