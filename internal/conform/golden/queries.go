package golden

import (
	"encoding/json"
	"slices"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/internal/conform/golden/input"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// queryIn is the text of a query, and the tools' names for compiling it.
type queryIn struct {
	Text  string   `json:"text"`
	Tools []string `json:"tools,omitempty"` // each has the id SHA-256("tool:" + name)
}

type queryOut struct {
	Predicate json.RawMessage `json:"predicate"` // the JSON view of an Expr
	ID        object.Hash     `json:"query_id"`
}

// queryOf compiles a query.
func queryOf(in json.RawMessage) (any, error) {
	var v queryIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	predicate, err := query.Parse(v.Text, func(name string) (object.Hash, error) {
		if !slices.Contains(v.Tools, name) {
			return object.Hash{}, query.ErrNoTool
		}
		return object.SumText("tool:" + name), nil
	})
	if err != nil {
		return syntaxRefused(err)
	}
	def, _, err := dataset.NewDef(dataset.DatasetDef{CorpusRoots: []object.Hash{}, Query: dataset.QueryDef{Predicate: predicate},
		Sampling: dataset.SamplingDef{Mode: dataset.SampleAll, Seed: object.Sum(nil)}})
	if err != nil {
		return nil, err
	}
	raw, err := can.Marshal(&predicate)
	if err != nil {
		return nil, err
	}
	s, err := input.Struct("Expr")
	if err != nil {
		return nil, err
	}
	view, err := object.ToJSON(s.Type(), raw)
	return queryOut{view, def.Query.QueryID}, err
}

// splitIn is a split, and ids to assign to its parts.
type splitIn struct {
	Split string        `json:"split"`
	IDs   []object.Hash `json:"ids"`
}

// splitOf returns the part of each id.
func splitOf(in json.RawMessage) (any, error) {
	var v splitIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	split, err := export.ParseSplit(v.Split)
	if err != nil {
		return refusal{Refused: "split"}, nil
	}
	weights := make([]uint64, len(split))
	for i, part := range split {
		weights[i] = part.Weight
	}
	parts := []string{}
	for _, id := range v.IDs {
		parts = append(parts, split[export.Part(id, weights)].Name)
	}
	return map[string][]string{"parts": parts}, nil
}
