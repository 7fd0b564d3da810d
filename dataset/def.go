package dataset

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// DatasetDef defines the episodes of a dataset.
type DatasetDef struct {
	DatasetDefID object.Hash   `can:"1,dataset_def_id"`
	CorpusRoots  []object.Hash `can:"2,corpus_roots"`
	Query        QueryDef      `can:"3,query"`
	Sampling     SamplingDef   `can:"4,sampling"`
	Stratify     *StratifyDef  `can:"5,stratify"`
	// only signals in these lists are visible; absent: every stored signal; empty: none
	SignalRoots []object.Hash `can:"6,signal_roots,optional"`
}

// Check refuses malformed predicates [field-26].
func (d DatasetDef) Check() error { return ir.CheckExpr(&d.Query.Predicate, nil) }

// QueryDef is a predicate with an id.
type QueryDef struct {
	QueryID   object.Hash `can:"1,query_id"`
	Predicate ir.Expr     `can:"2,predicate"`
}

// Sampling modes.
const (
	SampleAll    uint8 = 1
	SampleFirstN uint8 = 2 // the first N in streaming order
	SampleHashN  uint8 = 3 // the N with the smallest keyed hashes
)

// SamplingDef says how many episodes to take, and which.
type SamplingDef struct {
	Mode uint8       `can:"1,mode"`
	N    *uint64     `can:"2,n"` // for modes 2 and 3
	Seed object.Hash `can:"3,seed"`
}

// Check refuses unknown modes and a missing n [field-27].
func (s SamplingDef) Check() error {
	switch {
	case s.Mode < SampleAll || s.Mode > SampleHashN:
		return fmt.Errorf("sampling mode %d is not known", s.Mode)
	case s.Mode != SampleAll && s.N == nil:
		return errors.New("FIRST_N and HASH_N need n")
	}
	return nil
}

// StratifyDef takes up to the same number of episodes from each bucket of a key. It overrides sampling.
type StratifyDef struct {
	KeyPath    ir.Path     `can:"1,key_path"`
	PerBucketN uint64      `can:"2,per_bucket_n"`
	Seed       object.Hash `can:"3,seed"`
}

// Check refuses keys over signals, because an episode may have many [field-28].
func (s StratifyDef) Check() error {
	if s.KeyPath.Root != ir.RootEpisode {
		return errors.New("strata over signal paths are refused")
	}
	return nil
}

// DatasetRef names a built dataset.
type DatasetRef struct {
	DatasetDefID   object.Hash    `can:"1,dataset_def_id"`
	Manifest       object.BlobRef `can:"2,manifest"`
	Count          uint64         `can:"3,count"`
	BuildReceiptID object.Hash    `can:"4,build_receipt_id"`
}

// The rules of this package's ids.
var (
	DefRule   = object.Rule{Mask: can.Mask{1: nil}, IDField: 1}
	QueryRule = object.Rule{Mask: can.Mask{1: nil}, IDField: 1}
)

// Structs describes the structs of this package.
var Structs = []object.Struct{
	object.Define[DatasetDef]("DatasetDef", DefRule),
	object.Define[QueryDef]("QueryDef", QueryRule),
	object.Define[SamplingDef]("SamplingDef", object.Rule{}),
	object.Define[StratifyDef]("StratifyDef", object.Rule{}),
	object.Define[DatasetRef]("DatasetRef", object.Rule{}),
	object.Define[BuildAnswer]("DatasetBuilt", object.Rule{}),
}

// NewDef fills in the ids of a definition and returns it with its canonical bytes. Errors wrap object.ErrInvalid.
func NewDef(d DatasetDef) (*DatasetDef, []byte, error) {
	var err error
	if d.Query.QueryID, err = QueryRule.IDOf(&d.Query); err != nil {
		return nil, nil, fmt.Errorf("dataset definition: query: %w", err)
	}
	if d.DatasetDefID, err = DefRule.IDOf(&d); err != nil {
		return nil, nil, fmt.Errorf("dataset definition: %w", err)
	}
	if err := can.Check(&d); err != nil {
		return nil, nil, fmt.Errorf("dataset definition: %w", err)
	}
	raw, err := can.Marshal(&d)
	return &d, raw, err
}

// OpenDef decodes a canonical definition and checks its fields, its id and its query's id. Errors wrap a can.Error,
// object.ErrInvalid or object.ErrID.
func OpenDef(raw []byte) (*DatasetDef, error) {
	d, _, err := object.Open[DatasetDef](raw, DefRule)
	if err != nil {
		return nil, fmt.Errorf("dataset definition: %w", err)
	}
	query, err := can.Field(raw, 3)
	if err != nil {
		return nil, fmt.Errorf("dataset definition: %w", err)
	}
	if _, err := QueryRule.CheckID(query); err != nil {
		return nil, fmt.Errorf("dataset definition: query: %w", err)
	}
	return d, nil
}

// SamplingText describes the definition's sampling in words.
func (d *DatasetDef) SamplingText() string {
	switch s := d.Sampling; {
	case d.Stratify != nil:
		return fmt.Sprintf("%d for each %s under seed %s", d.Stratify.PerBucketN, query.PathText(d.Stratify.KeyPath), d.Stratify.Seed)
	case s.N == nil || s.Mode == SampleAll:
		return "all of them"
	case s.Mode == SampleFirstN:
		return fmt.Sprintf("the first %d", *s.N)
	default:
		return fmt.Sprintf("the %d smallest by hash under seed %s", *s.N, s.Seed)
	}
}
