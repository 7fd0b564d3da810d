package dataset

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// Types of a Signal.
const (
	Reward     uint8 = 1
	Label      uint8 = 2
	Constraint uint8 = 3
)

// Signal is what somebody says of an episode, signed.
type Signal struct {
	SignalID     object.Hash      `can:"1,signal_id"`
	EpisodeID    object.Hash      `can:"2,episode_id"`
	SignalType   uint8            `can:"3,signal_type"` // Reward, Label or Constraint
	ValueKind    uint8            `can:"4,value_kind"`  // ir.KindI64 to ir.KindHash
	ValueBytes   []byte           `can:"5,value_bytes"` // canonical encoding of the value
	Signer       object.AgentID   `can:"6,signer"`
	TimeObserved object.Time      `can:"7,time_observed"`
	Signature    object.Signature `can:"8,signature"`
}

// Check refuses unknown types and values that are not of their kind.
func (s Signal) Check() error {
	if s.SignalType < Reward || s.SignalType > Constraint {
		return fmt.Errorf("signal type %d is not known", s.SignalType)
	}
	if s.ValueKind < ir.KindI64 || s.ValueKind > ir.KindHash {
		return fmt.Errorf("value kind %d is not known", s.ValueKind)
	}
	_, err := ir.ParseScalar(s.ValueKind, s.ValueBytes)
	return err
}

// SignalRule is how signals are identified and signed.
var SignalRule = object.Rule{Mask: can.Mask{1: nil, 8: nil}, IDField: 1, Signer: 6, Sig: 8}

// NewSignal signs a value for an episode and returns the signal's id and bytes.
func NewSignal(s sign.Signer, episode object.Hash, kind uint8, value ir.Scalar, now object.Time) (object.Hash, []byte, error) {
	raw, err := value.Encode()
	if err != nil {
		return object.Hash{}, nil, err
	}
	g := Signal{EpisodeID: episode, SignalType: kind, ValueKind: value.Kind(), ValueBytes: raw, Signer: s.Agent(), TimeObserved: now}
	if err := g.Check(); err != nil {
		return object.Hash{}, nil, fmt.Errorf("signal: %w", err)
	}
	if g.SignalID, err = SignalRule.IDOf(&g); err != nil {
		return object.Hash{}, nil, err
	}
	if g.Signature, err = sign.ID(s, g.SignalID); err != nil {
		return object.Hash{}, nil, err
	}
	out, err := can.Marshal(&g)
	return g.SignalID, out, err
}

// OpenSignal decodes canonical bytes and checks fields, id and signature.
func OpenSignal(raw []byte) (*Signal, object.Hash, error) {
	s, id, err := object.Open[Signal](raw, SignalRule)
	if err != nil {
		return nil, id, fmt.Errorf("signal: %w", err)
	}
	if err := sign.VerifyID(s.Signer, id, s.Signature); err != nil {
		return nil, id, fmt.Errorf("signal %s: %w", id.Short(), err)
	}
	return s, id, nil
}

// DatasetDef says which episodes make a dataset.
type DatasetDef struct {
	DatasetDefID object.Hash   `can:"1,dataset_def_id"`
	CorpusRoots  []object.Hash `can:"2,corpus_roots"`
	Query        QueryDef      `can:"3,query"`
	Sampling     SamplingDef   `can:"4,sampling"`
	Stratify     *StratifyDef  `can:"5,stratify"`
	// SignalRoots, ours, pins the signal log: only these signals are seen. Absent:
	// every signal that is here.
	SignalRoots []object.Hash `can:"6,signal_roots,optional"`
}

// QueryDef is a predicate with an id.
type QueryDef struct {
	QueryID   object.Hash `can:"1,query_id"`
	Predicate ir.Expr     `can:"2,predicate"`
}

// Sampling modes.
const (
	SampleAll    uint8 = 1
	SampleFirstN uint8 = 2 // the first N in streaming order
	SampleHashN  uint8 = 3 // the N with the smallest keyed hash
)

// SamplingDef bounds how many episodes are taken, and which.
type SamplingDef struct {
	Mode uint8       `can:"1,mode"`
	N    *uint64     `can:"2,n"` // of SampleFirstN and SampleHashN
	Seed object.Hash `can:"3,seed"`
}

// Check refuses unknown modes and a missing n.
func (s SamplingDef) Check() error {
	switch {
	case s.Mode < SampleAll || s.Mode > SampleHashN:
		return fmt.Errorf("sampling mode %d is not known", s.Mode)
	case s.Mode != SampleAll && s.N == nil:
		return errors.New("FIRST_N and HASH_N need n")
	}
	return nil
}

// StratifyDef takes the same number of episodes from each bucket of a key. It
// overrides sampling.
type StratifyDef struct {
	KeyPath    ir.Path     `can:"1,key_path"`
	PerBucketN uint64      `can:"2,per_bucket_n"`
	Seed       object.Hash `can:"3,seed"`
}

// Check refuses keys over signals, of which an episode may have many.
func (s StratifyDef) Check() error {
	if s.KeyPath.Root != ir.RootEpisode {
		return errors.New("strata over signal paths are refused")
	}
	return nil
}

// Check refuses malformed predicates.
func (d DatasetDef) Check() error {
	if err := ir.CheckExpr(&d.Query.Predicate, nil); err != nil {
		return err
	}
	if _, err := queryID(d.Query); err != nil {
		return err
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

func queryID(q QueryDef) (object.Hash, error) { return QueryRule.IDOf(&q) }

// Structs describes the structs of this package.
var Structs = []object.Struct{
	object.Define[Signal]("Signal", SignalRule),
	object.Define[DatasetDef]("DatasetDef", DefRule),
	object.Define[QueryDef]("QueryDef", QueryRule),
	object.Define[SamplingDef]("SamplingDef", object.Rule{}),
	object.Define[StratifyDef]("StratifyDef", object.Rule{}),
	object.Define[DatasetRef]("DatasetRef", object.Rule{}),
}

// NewDef fills in the ids of a definition and returns its canonical bytes.
func NewDef(d DatasetDef) (*DatasetDef, []byte, error) {
	var err error
	if d.Query.QueryID, err = queryID(d.Query); err != nil {
		return nil, nil, err
	}
	if d.DatasetDefID, err = DefRule.IDOf(&d); err != nil {
		return nil, nil, err
	}
	if err := object.CheckAll(&d); err != nil {
		return nil, nil, fmt.Errorf("dataset definition: %w", err)
	}
	raw, err := can.Marshal(&d)
	return &d, raw, err
}

// OpenDef decodes a canonical definition and checks fields and ids.
func OpenDef(raw []byte) (*DatasetDef, error) {
	d, _, err := object.Open[DatasetDef](raw, DefRule)
	if err != nil {
		return nil, fmt.Errorf("dataset definition: %w", err)
	}
	query, err := can.Field(raw, 3)
	if err != nil {
		return nil, err
	}
	if _, err := QueryRule.CheckID(query); err != nil {
		return nil, fmt.Errorf("dataset definition: query: %w", err)
	}
	return d, nil
}
