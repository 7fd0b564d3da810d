package node

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// The bounds of cells.
const (
	maxCellEvents = 1024      // in one append, and in one answer
	maxCellScan   = 16384     // events that one cell.read looks at
	maxCellAnswer = 4 << 20   // bytes of keys and data in one answer
	maxCellKey    = 1 << 10   // bytes of a key
	cellPrefix    = "cell/"   // cell/<cell id>/n: the number of events; cell/<cell id>/e/<number>: an event
	cellNumber    = "%s%016x" // of an event
)

// cellBuiltins registers cell.append and cell.read. A cell is an append-only log of
// events; it begins with its first event.
func (n *Node) cellBuiltins() {
	n.Gate.Builtin(effectAppend, exec.Builtin{
		Use: func(request []byte) (caps.Use, error) {
			q, err := openAppend(request)
			if err != nil {
				return caps.Use{}, err
			}
			use := caps.Use{Kind: caps.KindCellWrite, Cell: q.CellID, Events: uint64(len(q.Events))}
			for i := range q.Events {
				use.EventTypes = append(use.EventTypes, q.Events[i].Type)
			}
			return use, nil
		},
		Run: n.runAppend, RetrySafe: true, Writes: true,
	})
	n.Gate.Builtin(effectRead, exec.Builtin{
		Use: decoded(func(q *exec.CellReadRequest) caps.Use {
			return caps.Use{Kind: caps.KindCellRead, Cell: q.CellID, Key: q.KeyPrefix}
		}),
		Run: n.runCellRead, RetrySafe: true,
	})
}

func openAppend(request []byte) (*exec.CellAppendRequest, error) {
	q, err := object.Decode[exec.CellAppendRequest](request)
	if err != nil {
		return nil, err
	}
	if len(q.Events) == 0 || len(q.Events) > maxCellEvents {
		return nil, fmt.Errorf("%d events are not 1 to %d", len(q.Events), maxCellEvents)
	}
	for i := range q.Events {
		if len(q.Events[i].Key) > maxCellKey {
			return nil, fmt.Errorf("event %d: a key of %d bytes is longer than %d", i, len(q.Events[i].Key), maxCellKey)
		}
	}
	return q, nil
}

// runAppend writes the events and their number in one step. With a key, it also
// notes where they went, so that a repetition finds them.
func (n *Node) runAppend(ctx context.Context, c exec.Call) (exec.Response, error) {
	q, err := openAppend(c.Request)
	if err != nil {
		return exec.Response{}, err
	}
	cell := cellPrefix + q.CellID.String()
	var note string
	if len(c.Key) > 0 {
		idem := ledger.IdemID(c.Tool, c.Key)
		note = cell + "/k/" + hex.EncodeToString(idem.Sum[:])
		if raw, found, err := n.DB.Get(ctx, note); err != nil || found {
			return exec.Response{Body: raw, Status: exec.StatusOK}, err
		}
	}
	for {
		ok, res, err := n.tryAppend(ctx, cell, note, q.Events)
		if ok || err != nil {
			return res, err
		}
	}
}

func (n *Node) tryAppend(ctx context.Context, cell, note string, events []exec.CellEvent) (bool, exec.Response, error) {
	size, sizeRaw, err := n.cellSize(ctx, cell)
	if err != nil {
		return false, exec.Response{}, err
	}
	body, err := can.Marshal(&exec.CellAppended{First: size, Count: uint64(len(events))})
	if err != nil {
		return false, exec.Response{}, err
	}
	check, put := map[string][]byte{cell + "/n": sizeRaw}, map[string][]byte{}
	if note != "" {
		check[note], put[note] = nil, body
	}
	for i := range events {
		if put[fmt.Sprintf(cellNumber, cell+"/e/", size+uint64(i))], err = can.Marshal(&events[i]); err != nil {
			return false, exec.Response{}, err
		}
	}
	if put[cell+"/n"], err = can.Marshal(&exec.CellAppended{Count: size + uint64(len(events))}); err != nil {
		return false, exec.Response{}, err
	}
	ok, err := n.DB.Update(ctx, check, put)
	return ok, exec.Response{Body: body, Status: exec.StatusOK}, err
}

// cellSize is the number of events of a cell and the record that says so.
func (n *Node) cellSize(ctx context.Context, cell string) (uint64, []byte, error) {
	raw, found, err := n.DB.Get(ctx, cell+"/n")
	if err != nil || !found {
		return 0, nil, err
	}
	size, err := object.Decode[exec.CellAppended](raw)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", cell, err)
	}
	return size.Count, raw, nil
}

func (n *Node) runCellRead(ctx context.Context, c exec.Call) (exec.Response, error) {
	q, err := object.Decode[exec.CellReadRequest](c.Request)
	if err != nil {
		return exec.Response{}, err
	}
	cell := cellPrefix + q.CellID.String()
	size, _, err := n.cellSize(ctx, cell)
	if err != nil {
		return exec.Response{}, err
	}
	res := exec.CellEvents{Events: []exec.CellEvent{}, Numbers: []uint64{}}
	at, bytes := q.From, 0
	for ; at < size && at-q.From < maxCellScan && len(res.Events) < maxCellEvents && bytes < maxCellAnswer; at++ {
		raw, found, err := n.DB.Get(ctx, fmt.Sprintf(cellNumber, cell+"/e/", at))
		if err != nil {
			return exec.Response{}, err
		}
		if !found {
			return exec.Response{}, fmt.Errorf("event %d of cell %s is missing", at, q.CellID.Short())
		}
		e, err := object.Decode[exec.CellEvent](raw)
		if err != nil {
			return exec.Response{}, fmt.Errorf("event %d of cell %s: %w", at, q.CellID.Short(), err)
		}
		if hasPrefix(e.Key, q.KeyPrefix) {
			res.Events, res.Numbers = append(res.Events, *e), append(res.Numbers, at)
			bytes += len(e.Key) + len(e.Data)
		}
	}
	if at < size {
		res.Next = &at
	}
	body, err := can.Marshal(&res)
	return exec.Response{Body: body, Status: exec.StatusOK}, err
}

func hasPrefix(key, prefix []byte) bool {
	return len(key) >= len(prefix) && string(key[:len(prefix)]) == string(prefix)
}
