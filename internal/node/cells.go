package node

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// The bounds of cells.
const (
	maxCellEvents = 1024    // in one append, and in one answer
	maxCellScan   = 16384   // events that one cell.read looks at
	maxCellAnswer = 4 << 20 // bytes of keys and data in one answer
	maxCellKey    = 1 << 10 // bytes of a key
)

// Keys of a cell, after "cell/" and its id.
const (
	cellPrefix = "cell/"
	cellSize   = "/n"  // the number of events
	cellEvents = "/e/" // and a number of 16 hex digits: an event
	cellOnce   = "/k/" // and an idempotency id: what a keyed append answered
	cellEvery  = "/p"  // the snapshot policy
	cellState  = "/s"  // the newest snapshot
)

// cellName begins the keys of a cell.
func cellName(id object.Hash) string { return cellPrefix + id.String() }

func eventKey(cell string, number uint64) string {
	return fmt.Sprintf("%s%s%016x", cell, cellEvents, number)
}

// writers let one append to a cell be under way in this process; those of others are
// found out by comparing.
type writers [64]sync.Mutex

func (w *writers) of(cell object.Hash) *sync.Mutex { return &w[cell.Sum[0]%byte(len(w))] }

// cellBuiltins registers what can be done with cells. A cell is an append-only log of
// events; it begins with its first event.
func (n *Node) cellBuiltins() {
	n.Gate.Builtin(effectAppend, exec.Builtin{Use: useAppend, Run: n.runAppend, RetrySafe: true, Writes: true})
	n.Gate.Builtin(effectRead, exec.Builtin{
		Use: cellUse(func(q *exec.CellReadRequest) caps.Use {
			return caps.Use{Kind: caps.KindCellRead, Cell: q.CellID, Key: q.KeyPrefix}
		}),
		Run: n.runCellRead, RetrySafe: true,
	})
	n.Gate.Builtin(effectState, exec.Builtin{
		Use: cellUse(func(q *exec.CellSnapshotRequest) caps.Use {
			return caps.Use{Kind: caps.KindCellRead, Cell: q.CellID, Key: q.KeyPrefix}
		}),
		Run: n.runCellState, RetrySafe: true,
	})
	n.Gate.Builtin(effectEvery, exec.Builtin{
		Use: cellUse(func(q *exec.CellPolicyRequest) caps.Use { return caps.Use{Kind: caps.KindCellWrite, Cell: q.CellID} }),
		Run: n.runCellPolicy, RetrySafe: true, Writes: true,
	})
}

// cellUse says what a request needs, in either of the two shapes that it may have.
func cellUse[T any](use func(*T) caps.Use) func([]byte) (caps.Use, error) {
	return func(request []byte) (caps.Use, error) {
		q, err := exec.DecodeRequest[T](request)
		if err != nil {
			return caps.Use{}, err
		}
		return use(q), nil
	}
}

func useAppend(request []byte) (caps.Use, error) {
	q, err := openAppend(request)
	if err != nil {
		return caps.Use{}, err
	}
	use := caps.Use{Kind: caps.KindCellWrite, Cell: q.CellID, Events: uint64(len(q.Events))}
	for i := range q.Events {
		use.EventTypes = append(use.EventTypes, q.Events[i].Type)
	}
	return use, nil
}

func openAppend(request []byte) (*exec.CellAppendRequest, error) {
	q, err := exec.DecodeRequest[exec.CellAppendRequest](request)
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
	one := n.writers.of(q.CellID)
	one.Lock()
	defer one.Unlock()
	cell := cellName(q.CellID)
	var note string
	if len(c.Key) > 0 {
		idem := ledger.IdemID(c.Tool, c.Key)
		note = cell + cellOnce + hex.EncodeToString(idem.Sum[:])
		if raw, found, err := n.DB.Get(ctx, note); err != nil || found {
			return exec.Response{Body: raw, Status: exec.StatusOK}, err
		}
	}
	for {
		ok, res, err := n.tryAppend(ctx, cell, note, q)
		if err != nil || !ok {
			if err != nil || ctx.Err() != nil {
				return res, errors.Join(err, ctx.Err())
			}
			continue // another process wrote meanwhile
		}
		if res.Status == exec.StatusOK {
			n.keepSnapshot(ctx, q.CellID)
		}
		return res, nil
	}
}

func (n *Node) tryAppend(ctx context.Context, cell, note string, q *exec.CellAppendRequest) (bool, exec.Response, error) {
	size, sizeRaw, err := n.cellSize(ctx, cell)
	if err != nil {
		return false, exec.Response{}, err
	}
	if q.Expect != nil && *q.Expect != size {
		body, err := can.Marshal(&exec.CellAppended{First: size})
		return true, exec.Response{Body: body, Status: exec.StatusConflict, Undone: true, Notes: fmt.Sprintf("the cell has %d events, expected were %d", size, *q.Expect)}, err
	}
	body, err := can.Marshal(&exec.CellAppended{First: size, Count: uint64(len(q.Events))})
	if err != nil {
		return false, exec.Response{}, err
	}
	check, put := map[string][]byte{cell + cellSize: sizeRaw}, map[string][]byte{}
	if note != "" {
		check[note], put[note] = nil, body
	}
	for i := range q.Events {
		if put[eventKey(cell, size+uint64(i))], err = can.Marshal(&q.Events[i]); err != nil {
			return false, exec.Response{}, err
		}
	}
	if put[cell+cellSize], err = can.Marshal(&exec.CellAppended{Count: size + uint64(len(q.Events))}); err != nil {
		return false, exec.Response{}, err
	}
	ok, err := n.DB.Update(ctx, check, put)
	return ok, exec.Response{Body: body, Status: exec.StatusOK}, err
}

// cellSize is the number of events of a cell and the record that says so.
func (n *Node) cellSize(ctx context.Context, cell string) (uint64, []byte, error) {
	raw, found, err := n.DB.Get(ctx, cell+cellSize)
	if err != nil || !found {
		return 0, nil, err
	}
	size, err := object.Decode[exec.CellAppended](raw)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", cell, err)
	}
	return size.Count, raw, nil
}

var errEnoughEvents = errors.New("enough events")

// events calls fn for the events from one number to another. The error says which is
// missing.
func (n *Node) events(ctx context.Context, cell string, from, to uint64, fn func(number uint64, e *exec.CellEvent) error) error {
	at := from
	err := n.DB.Scan(ctx, eventKey(cell, from), eventKey(cell, to), func(key string, raw []byte) error {
		if key != eventKey(cell, at) {
			return fmt.Errorf("event %d of %s is missing", at, cell)
		}
		e, err := object.Decode[exec.CellEvent](raw)
		if err != nil {
			return fmt.Errorf("event %d of %s: %w", at, cell, err)
		}
		if err := fn(at, e); err != nil {
			return err
		}
		at++
		return ctx.Err()
	})
	if err == nil && at < to {
		return fmt.Errorf("event %d of %s is missing", at, cell)
	}
	return err
}

func (n *Node) runCellRead(ctx context.Context, c exec.Call) (exec.Response, error) {
	q, err := exec.DecodeRequest[exec.CellReadRequest](c.Request)
	if err != nil {
		return exec.Response{}, err
	}
	cell := cellName(q.CellID)
	size, _, err := n.cellSize(ctx, cell)
	if err != nil {
		return exec.Response{}, err
	}
	res := exec.CellEvents{Events: []exec.CellEvent{}, Numbers: []uint64{}}
	at, total := q.From, 0
	if at < size {
		err = n.events(ctx, cell, at, min(size, at+min(maxCellScan, size-at)), func(number uint64, e *exec.CellEvent) error {
			if bytes.HasPrefix(e.Key, q.KeyPrefix) {
				if len(res.Events) == maxCellEvents || total >= maxCellAnswer {
					return errEnoughEvents
				}
				res.Events, res.Numbers = append(res.Events, *e), append(res.Numbers, number)
				total += len(e.Key) + len(e.Data)
			}
			at = number + 1
			return nil
		})
	}
	if err != nil && !errors.Is(err, errEnoughEvents) {
		return exec.Response{}, err
	}
	if at < size {
		res.Next = &at
	}
	body, err := can.Marshal(&res)
	return exec.Response{Body: body, Status: exec.StatusOK}, err
}

// CellID is the id of a cell by name, or by 64 hex digits.
func CellID(name string) object.Hash {
	if h, err := object.ParseHash(name); err == nil {
		return h
	}
	return object.SumText("cell:" + name)
}

// CellInfo is what is known of a cell.
type CellInfo struct {
	ID       object.Hash `json:"cell_id"`
	Events   uint64      `json:"events"`
	Every    uint64      `json:"snapshot_every"` // events between two snapshots that are kept; 0: none is
	Snapshot uint64      `json:"snapshot_at"`    // events that the newest kept one is made of; 0: there is none
}

// Cells calls fn for every cell, ascending by id.
func (n *Node) Cells(ctx context.Context, fn func(CellInfo) error) error {
	for from := cellPrefix; ; {
		var next string
		err := n.DB.Scan(ctx, from, cellPrefix+"~", func(key string, _ []byte) error {
			next = key
			return errEnoughEvents
		})
		if err != nil && !errors.Is(err, errEnoughEvents) {
			return err
		}
		if next == "" {
			return nil
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(next, cellPrefix), "/")
		id, err := object.ParseHash(name)
		if err != nil {
			return fmt.Errorf("cell %q: %w", name, err)
		}
		info, err := n.cellInfo(ctx, id)
		if err != nil {
			return err
		}
		if err := fn(info); err != nil {
			return err
		}
		from = cellName(id) + "~"
	}
}

func (n *Node) cellInfo(ctx context.Context, id object.Hash) (info CellInfo, err error) {
	info.ID = id
	if info.Events, _, err = n.cellSize(ctx, cellName(id)); err != nil {
		return info, err
	}
	if info.Every, err = n.cellEvery(ctx, id); err != nil {
		return info, err
	}
	s, err := n.cellSnapshot(ctx, id)
	info.Snapshot = s.At
	return info, err
}
