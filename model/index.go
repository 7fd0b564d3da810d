package model

import (
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// The effects of retrieval indexes.
var (
	IndexUpdateTool   = ir.BuiltinTool("index.update")   // IndexUpdate → IndexState
	IndexRollbackTool = ir.BuiltinTool("index.rollback") // IndexRollback → IndexState
)

// IndexUpdate asks to add episodes to a retrieval index (our addition, spec/learning.md#index): the request of the
// index.update effect.
type IndexUpdate struct {
	Name     string       `can:"1,name"`
	Add      object.Hash  `can:"2,add"`              // root of the list of episodes: a corpus or a manifest
	Replace  bool         `can:"3,replace,omitzero"` // replace the present episodes
	After    *object.Hash `can:"4,after"`            // the state at the time of the request; absent: there was no such index
	Embedder *Embedder    `can:"5,embedder"`         // of the episodes' vectors; absent: no vectors
}

// IndexRollback asks to restore an earlier state of an index (our addition): the request of the index.rollback effect.
type IndexRollback struct {
	Name  string      `can:"1,name"`
	State object.Hash `can:"2,state"` // the state to undo: the index's state at the time of the request
}

// IndexState describes the content of a retrieval index (our addition). The index is made only from it, so it can be
// deleted and built again.
type IndexState struct {
	StateID  object.Hash   `can:"1,state_id"`
	Name     string        `can:"2,name"`
	Sequence uint64        `can:"3,sequence"` // in the index's history, from 1
	Manifest object.Hash   `can:"4,manifest"` // root of the list of its episodes
	Count    uint64        `can:"5,count"`    // episodes
	Previous *object.Hash  `can:"6,previous"` // the previous state
	Restore  *object.Hash  `can:"7,restore"`  // the state that a rollback restores; absent: none
	Action   uint8         `can:"8,action"`   // 1 updated, 2 rolled back
	Vectors  *IndexVectors `can:"9,vectors"`  // absent: there are none
}

// IndexRule leaves out the state's own id.
var IndexRule = object.Rule{Mask: can.Mask{1: nil}, IDField: 1}

// Check checks the name [field-39].
func (u IndexUpdate) Check() error { return checkIndexName(u.Name) }

// Check checks the name.
func (u IndexRollback) Check() error { return checkIndexName(u.Name) }

// Check checks the name and the action.
func (s IndexState) Check() error {
	if s.Action != ActionPromote && s.Action != ActionRollback {
		return fmt.Errorf("action %d is not known (1 update, 2 rollback)", s.Action)
	}
	return checkIndexName(s.Name)
}

// IndexContent is the content of a state of an index.
type IndexContent struct {
	Manifest object.Hash
	Count    uint64
	Vectors  *IndexVectors
}

func checkIndexName(name string) error {
	if name == "" || len(name) > 64 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		return fmt.Errorf("%q is not a name of an index: 1 to 64 of a to z, 0 to 9, _ and -", name)
	}
	return nil
}

// OpenIndexState decodes canonical bytes and checks fields and id.
func OpenIndexState(raw []byte) (*IndexState, object.Hash, error) {
	s, id, err := object.Open[IndexState](raw, IndexRule)
	if err != nil {
		return nil, object.Hash{}, fmt.Errorf("index state: %w", err)
	}
	return s, id, nil
}

// NewIndexState computes the id of s and encodes s.
func NewIndexState(s IndexState) (*IndexState, []byte, error) {
	_, raw, err := seal(IndexRule, &s, &s.StateID)
	return &s, raw, err
}
