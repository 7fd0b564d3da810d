package indexcmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/indexes"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

// vectors describes the vectors of a state of an index.
type vectors struct {
	Tool      object.Hash `json:"tool_id"`
	Form      string      `json:"form"` // bytes or json
	Dimension uint32      `json:"dimension"`
	MaxText   uint32      `json:"max_text"` // bytes of a text that are embedded
	Model     *string     `json:"model,omitempty"`
	Receipts  object.Hash `json:"receipts"` // root of the list of their receipts
}

func vectorsOf(v *model.IndexVectors) *vectors {
	if v == nil {
		return nil
	}
	e := v.Embedder
	form := formBytes
	if e.Form == model.EmbedJSON {
		form = formJSON
	}
	return &vectors{e.Tool, form, e.Dimension, e.MaxText, e.Model, v.Receipts}
}

// indexed is an index after an update or a rollback.
type indexed struct {
	State    object.Hash `json:"state"`
	Index    string      `json:"index"`
	Sequence uint64      `json:"sequence"` // number in the index's history, from 1
	Manifest object.Hash `json:"manifest"`
	Episodes uint64      `json:"episodes"`
	Receipt  object.Hash `json:"receipt"`

	Vectors *vectors `json:"vectors,omitempty"`
}

// stateLine is one state in an index's history.
type stateLine struct {
	Index    string      `json:"index"`
	State    object.Hash `json:"state"`
	Sequence uint64      `json:"sequence"`
	Action   string      `json:"action"`
	Episodes uint64      `json:"episodes"`
	Manifest object.Hash `json:"manifest"`

	Vectors *vectors `json:"vectors,omitempty"`
}

// verified is an index whose vectors are valid.
type verified struct {
	Index    string      `json:"index"`
	State    object.Hash `json:"state"`
	Episodes uint64      `json:"episodes"`
	Vectors  bool        `json:"vectors"`
	Exact    bool        `json:"exact"`        // a search examines all vectors
	Recall   int64       `json:"recall_micro"` // measured, in millionths
}

// voted is the answer that the found episodes agree on.
type voted struct {
	Vote  string             `json:"vote"`
	Share int64              `json:"share_micro"` // of the score, in millionths
	Found []indexes.Recalled `json:"found"`
}

var results = cmdutil.Results{"update": cmdutil.Document(indexed{}), "rollback": cmdutil.Document(indexed{}), "ls": cmdutil.JSONLines(stateLine{}),
	"log": cmdutil.JSONLines(stateLine{}), "search": cmdutil.JSONLines(indexes.Recalled{}, voted{}), "verify": cmdutil.Document(verified{})}
