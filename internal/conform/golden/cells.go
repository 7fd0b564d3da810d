package golden

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/cell"
	"github.com/mythos-project/mythos/internal/conform/golden/input"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store/memory"
)

// cellsIn is a sequence of one agent's effects on cells, under root capabilities by anyone.
type cellsIn struct {
	As    string      `json:"as"` // a golden key, who holds the capabilities
	At    int64       `json:"at_us"`
	Caps  []input.Hex `json:"caps"`
	Steps []cellStep  `json:"steps"`
}

type cellStep struct {
	Effect  string          `json:"effect"` // cell.append, cell.read, cell.snapshot or cell.policy
	Request json.RawMessage `json:"request"`
	Key     input.Hex       `json:"key,omitempty"`   // idempotency key
	Zeros   int             `json:"zeros,omitempty"` // the data of each event is so many zero bytes
	Times   int             `json:"times,omitempty"` // repeat so often; the answer is the last one
}

type cellStepOut struct {
	Status       uint16       `json:"status"`
	Response     *input.Hex   `json:"response,omitempty"` // absent if refused, or longer than 4 KiB
	ResponseHash *object.Hash `json:"response_sha256,omitempty"`
}

const maxCellResponse = 4 << 10

var cellRequests = map[string]string{cell.Append: "CellAppendRequest", cell.Read: "CellReadRequest", cell.Snapshot: "CellSnapshotRequest", cell.Policy: "CellPolicyRequest"}

// cellsOf runs the effects in an empty repository.
func cellsOf(in json.RawMessage) (any, error) {
	var v cellsIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	db := memory.New()
	gate, s := gateOver(db, v.As, v.At)
	cells := &cell.Cells{KV: db, Store: s, Debugf: func(string, ...any) {}}
	cells.Register(gate)
	held, err := chainsOf(v.Caps)
	if err != nil {
		return nil, err
	}
	out := []cellStepOut{}
	for i, step := range v.Steps {
		e, err := step.effect()
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
		e.Caps = held
		var got cellStepOut
		for range max(1, step.Times) {
			if got, err = cellAnswer(gate.Do(context.Background(), e)); err != nil {
				return nil, fmt.Errorf("step %d: %w", i, err)
			}
		}
		out = append(out, got)
	}
	return map[string]any{"steps": out}, nil
}

func (s cellStep) effect() (exec.Effect, error) {
	e := exec.Effect{Tool: exec.BuiltinID(s.Effect), Key: s.Key}
	raw, err := input.View(cellRequests[s.Effect], s.Request)
	if err != nil {
		return e, err
	}
	e.Request = raw
	if s.Zeros == 0 {
		return e, nil
	}
	q, err := object.Decode[cell.AppendRequest](raw)
	if err != nil {
		return e, err
	}
	for i := range q.Events {
		q.Events[i].Data = make([]byte, s.Zeros)
	}
	e.Request, err = can.Marshal(q)
	return e, err
}

func cellAnswer(o exec.Outcome, err error) (cellStepOut, error) {
	var refused *exec.RefusedError
	if errors.As(err, &refused) {
		return cellStepOut{Status: refused.Status}, nil
	}
	if err != nil {
		return cellStepOut{}, err
	}
	out := cellStepOut{Status: o.Status, ResponseHash: &o.ResponseHash}
	if len(o.Body) <= maxCellResponse {
		body := input.Hex(o.Body)
		out.Response = &body
	}
	return out, nil
}
