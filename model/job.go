package model

import (
	"fmt"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// The built-in effects of this package.
var (
	TrainTool    = ir.BuiltinTool("train")    // TrainJob → TrainResult
	EvalTool     = ir.BuiltinTool("eval")     // EvalJob → EvalResult
	PromoteTool  = ir.BuiltinTool("promote")  // PromoteRequest → PromotionRecord
	RollbackTool = ir.BuiltinTool("rollback") // RollbackRequest → PromotionRecord
)

// TrainJob asks for one training (our addition): its canonical bytes are the request of the train effect. Its two
// bounds count against the TrainRun capability.
type TrainJob struct {
	RecipeID     object.Hash  `can:"1,recipe_id"`
	DatasetDef   object.Hash  `can:"2,dataset_def_id"`
	Manifest     object.Hash  `can:"3,manifest"`         // cid of the dataset's manifest
	BuildReceipt *object.Hash `can:"4,build_receipt_id"` // of the dataset
	MaxTokens    uint64       `can:"5,max_tokens"`       // the most that the code may report
	MaxGPUms     uint64       `can:"6,max_gpu_ms"`       // milliseconds
	Attempt      string       `can:"7,attempt,omitzero"` // distinguishes repeated trainings
}

// TrainResult is the answer of the train effect. It repeats the job, so that a receipt's request hash can be checked
// from the response alone.
type TrainResult struct {
	Job          TrainJob         `can:"1,job"`
	Model        ModelRef         `can:"2,model"`
	Metrics      map[string]int64 `can:"3,metrics"`
	Examples     uint64           `can:"4,examples"`
	Tokens       uint64           `can:"5,tokens"`
	GPUms        uint64           `can:"6,gpu_ms"`
	ToolRequest  object.Hash      `can:"7,tool_request_hash"`  // of the request to the code
	ToolResponse object.Hash      `can:"8,tool_response_hash"` // of the code's response
}

// Check checks the names of the metrics; OpenTrainResult checks the model's id.
func (r TrainResult) Check() error { return CheckMetrics(r.Metrics) }

// EvalJob asks for one evaluation (our addition): the request of the eval effect.
type EvalJob struct {
	ModelID object.Hash `can:"1,model_id"`
	SuiteID object.Hash `can:"2,suite_id"`
	Attempt string      `can:"3,attempt,omitzero"` // distinguishes repeated evaluations
}

// EvalResult is the answer of the eval effect; it repeats the job.
type EvalResult struct {
	Job          EvalJob          `can:"1,job"`
	Metrics      map[string]int64 `can:"2,metrics"`
	Examples     uint64           `can:"3,examples"`
	ToolRequest  object.Hash      `can:"4,tool_request_hash"`
	ToolResponse object.Hash      `can:"5,tool_response_hash"`
}

// Check checks the names of the metrics.
func (r EvalResult) Check() error { return CheckMetrics(r.Metrics) }

// PromoteRequest asks for a promotion (our addition): the request of the promote effect, whose answer is the
// PromotionRecord.
type PromoteRequest struct {
	ModelID  object.Hash  `can:"1,model_id"`
	RingID   uint8        `can:"2,ring_id"`
	PolicyID object.Hash  `can:"3,policy_id"`
	After    *object.Hash `can:"4,after"` // the ring's newest record at the time of the request; absent: the ring was empty
}

// RollbackRequest asks for a rollback (our addition): the request of the rollback effect.
type RollbackRequest struct {
	RingID   uint8       `can:"1,ring_id"`
	PolicyID object.Hash `can:"2,policy_id"` // the ring's policy, which the capability names
	Record   object.Hash `can:"3,record"`    // the record to undo: the ring's newest at the time of the request
	Reason   string      `can:"4,reason"`
}

// OpenTrainResult decodes the response of a train effect. It checks the id of the model inside, and returns the request
// hash that the effect must have and the model's own bytes.
func OpenTrainResult(raw []byte) (r *TrainResult, request object.Hash, modelRaw []byte, err error) {
	if r, err = object.Decode[TrainResult](raw); err != nil {
		return nil, object.Hash{}, nil, fmt.Errorf("training result: %w", err)
	}
	if request, modelRaw, err = jobAndModel(raw); err != nil {
		return nil, object.Hash{}, nil, fmt.Errorf("training result: %w", err)
	}
	return r, request, modelRaw, nil
}

// OpenEvalResult decodes the response of an eval effect and returns the request hash that the effect must have.
func OpenEvalResult(raw []byte) (r *EvalResult, request object.Hash, err error) {
	if r, err = object.Decode[EvalResult](raw); err != nil {
		return nil, object.Hash{}, fmt.Errorf("evaluation result: %w", err)
	}
	job, err := can.Field(raw, 1)
	return r, object.Sum(job), err
}

// Structs describes the structs of this package.
var Structs = []object.Struct{
	object.Define[RecipeDef]("RecipeDef", RecipeRule),
	object.Define[ModelRef]("ModelRef", ModelRule),
	object.Define[ModelConfig]("ModelConfig", object.Rule{}),
	object.Define[ImportConfig]("ImportConfig", object.Rule{}),
	object.Define[EvalSuiteDef]("EvalSuiteDef", SuiteRule),
	object.Define[EvalReport]("EvalReport", object.Rule{}),
	object.Define[Attestation]("Attestation", AttestationRule),
	object.Define[PolicyDef]("PolicyDef", PolicyRule),
	object.Define[Threshold]("PolicyThreshold", object.Rule{}),
	object.Define[PromotionRecord]("PromotionRecord", PromotionRule),
	object.Define[RingState]("RingState", object.Rule{}),
	object.Define[RingHold]("RingHold", HoldRule),
	object.Define[HoldRequest]("HoldRequest", object.Rule{}),
	object.Define[PolicyRequest]("PolicyRequest", object.Rule{}),
	object.Define[PolicyState]("PolicyState", object.Rule{}),
	object.Define[TrainJob]("TrainJob", object.Rule{}),
	object.Define[TrainResult]("TrainResult", object.Rule{}),
	object.Define[ImportJob]("ImportJob", object.Rule{}),
	object.Define[ImportResult]("ImportResult", object.Rule{}),
	object.Define[EvalJob]("EvalJob", object.Rule{}),
	object.Define[EvalResult]("EvalResult", object.Rule{}),
	object.Define[PromoteRequest]("PromoteRequest", object.Rule{}),
	object.Define[IndexUpdate]("IndexUpdate", object.Rule{}),
	object.Define[IndexRollback]("IndexRollback", object.Rule{}),
	object.Define[IndexState]("IndexState", IndexRule),
	object.Define[Embedder]("Embedder", object.Rule{}),
	object.Define[IndexVectors]("IndexVectors", object.Rule{}),
	object.Define[RollbackRequest]("RollbackRequest", object.Rule{}),
}
