package golden

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/internal/conform/golden/input"
	"github.com/mythos-project/mythos/internal/conform/pack"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/sign"
)

// datasetIn is a definition and all visible evidence.
type datasetIn struct {
	Definition json.RawMessage `json:"definition"` // the JSON view of a DatasetDef
	Corpora    [][]object.Hash `json:"corpora"`    // the ids of each corpus, in its order
	Episodes   []input.Hex     `json:"episodes,omitempty"`
	Receipts   []input.Hex     `json:"receipts,omitempty"`
	Signals    []input.Hex     `json:"signals,omitempty"`
	SignalLogs [][]object.Hash `json:"signal_logs,omitempty"`
}

type datasetOut struct {
	DefinitionID object.Hash   `json:"dataset_def_id"`
	Selected     []object.Hash `json:"selected"`
	Manifest     object.Hash   `json:"manifest_root"`
	Warnings     int           `json:"warnings"`
}

func datasetOf(in json.RawMessage) (any, error) {
	var v datasetIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	raw, err := input.View("DatasetDef", v.Definition)
	if err != nil {
		return nil, err
	}
	def, err := dataset.OpenDef(raw)
	if err != nil {
		return refused(err)
	}
	src, err := v.source()
	if err != nil {
		return nil, err
	}
	sel, err := dataset.Select(context.Background(), src, def)
	if errors.Is(err, object.ErrInvalid) {
		return refused(err)
	}
	if err != nil {
		return nil, err
	}
	manifest, err := merkle.ListRoot(sel.IDs)
	if err != nil {
		return nil, err
	}
	return datasetOut{def.DatasetDefID, append([]object.Hash{}, sel.IDs...), manifest.CID, len(sel.Warnings)}, nil
}

// given is a dataset.Source in memory.
type given struct {
	nodes    pack.Nodes
	episodes map[object.Hash][]byte
	receipts map[object.Hash]*ledger.Receipt
	signals  map[object.Hash][][]byte // by episode
}

func (v datasetIn) source() (*given, error) {
	e := &given{pack.Nodes{}, map[object.Hash][]byte{}, map[object.Hash]*ledger.Receipt{}, map[object.Hash][][]byte{}}
	for _, ids := range append(slices.Clone(v.Corpora), v.SignalLogs...) {
		if _, err := pack.List(e.nodes, ids); err != nil {
			return nil, err
		}
	}
	for _, raw := range v.Episodes {
		_, id, err := object.Open[object.EpisodeRef](raw, object.EpisodeRule)
		if err != nil {
			return nil, fmt.Errorf("episode: %w", err)
		}
		e.episodes[id] = raw
	}
	for _, raw := range v.Receipts {
		r, id, err := ledger.OpenReceipt(raw)
		if err != nil {
			return nil, err
		}
		e.receipts[id] = r
	}
	return e, e.addSignals(v.Signals)
}

// addSignals adds the signals whose id and signature verify, ascending by id.
func (e *given) addSignals(raws []input.Hex) error {
	type identified struct {
		id  object.Hash
		raw []byte
	}
	by := map[object.Hash][]identified{}
	for _, raw := range raws {
		s, id, err := signal.Open(raw)
		if errors.Is(err, sign.ErrSignature) {
			continue
		}
		if err != nil {
			return err
		}
		by[s.EpisodeID] = append(by[s.EpisodeID], identified{id, raw})
	}
	for episode, all := range by {
		slices.SortFunc(all, func(a, b identified) int { return a.id.Compare(b.id) })
		for _, s := range all {
			e.signals[episode] = append(e.signals[episode], s.raw)
		}
	}
	return nil
}

func (e *given) Nodes(context.Context) merkle.NodeReader { return e.nodes }

func (e *given) Episode(_ context.Context, id object.Hash) ([]byte, error) {
	raw, ok := e.episodes[id]
	if !ok {
		return nil, fmt.Errorf("episode %s: %w", id.Short(), pack.ErrNoEvidence)
	}
	return raw, nil
}

func (e *given) Receipt(_ context.Context, id object.Hash) (*ledger.Receipt, error) {
	r, ok := e.receipts[id]
	if !ok {
		return nil, fmt.Errorf("receipt %s: %w", id.Short(), pack.ErrNoEvidence)
	}
	return r, nil
}

func (e *given) Signals(_ context.Context, episode object.Hash) ([][]byte, error) {
	return e.signals[episode], nil
}
