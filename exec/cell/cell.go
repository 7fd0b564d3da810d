// Package cell implements cells: append-only logs of events by key, which effects append to and read
// (spec/capabilities.md [cap-106]). A cell begins with its first event. Its state is the newest event of each key;
// snapshots of the state, taken from time to time, only save work.
package cell

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store/kv"
)

// Names of the built-in effects on cells.
const (
	Append   = "cell.append"
	Read     = "cell.read"
	Snapshot = "cell.snapshot"
	Policy   = "cell.policy"
)

// Bytes stores snapshots; *store.Store is one.
type Bytes interface {
	PutBytes(ctx context.Context, data []byte) (object.Hash, error)
	Bytes(ctx context.Context, h object.Hash) ([]byte, error)
}

// Cells are the cells of a repository. Set its fields before the first use.
type Cells struct {
	KV     exec.KV
	Store  Bytes
	Debugf func(format string, args ...any) // receives the reason if a snapshot could not be stored

	writing writers
}

// The bounds of cells.
const (
	maxEvents = 1024    // in one append, and in one answer
	maxScan   = 16384   // events that one cell.read looks at
	maxAnswer = 4 << 20 // bytes of keys and data in one answer
	maxKey    = 1 << 10 // bytes of a key
)

// Keys of a cell, after "cell/" and its id.
const (
	prefix    = kv.Cells
	sizeKey   = "/n"  // the number of events
	eventKeys = "/e/" // and a number of 16 hex digits: an event
	onceKeys  = "/k/" // and an idempotency id: what a keyed append answered
	everyKey  = "/p"  // the snapshot policy
	stateKey  = "/s"  // the newest snapshot
)

// keysOf is the prefix of a cell's keys.
func keysOf(id object.Hash) string { return prefix + id.String() }

func eventKey(cell string, number uint64) string {
	return fmt.Sprintf("%s%s%016x", cell, eventKeys, number)
}

// writers serializes appends to a cell in this process; compare-and-set detects those of other processes.
type writers [64]sync.Mutex

func (w *writers) of(cell object.Hash) *sync.Mutex { return &w[cell.Sum[0]%byte(len(w))] }

// Register adds the built-in effects on cells. A cell is an append-only log of events; it begins with its first event.
func (c *Cells) Register(g *exec.Gate) {
	g.Builtin(Append, exec.Builtin{Use: useAppend, Run: c.runAppend, RetrySafe: true, Writes: true})
	g.Builtin(Read, exec.Builtin{
		Use: use(func(q *ReadRequest) scope.Use {
			return scope.Use{Kind: scope.KindCellRead, Cell: q.CellID, Key: q.KeyPrefix}
		}),
		Run: c.runRead, RetrySafe: true,
	})
	g.Builtin(Snapshot, exec.Builtin{
		Use: use(func(q *SnapshotRequest) scope.Use {
			return scope.Use{Kind: scope.KindCellRead, Cell: q.CellID, Key: q.KeyPrefix}
		}),
		Run: c.runState, RetrySafe: true,
	})
	g.Builtin(Policy, exec.Builtin{
		Use: use(func(q *PolicyRequest) scope.Use { return scope.Use{Kind: scope.KindCellWrite, Cell: q.CellID} }),
		Run: c.runPolicy, RetrySafe: true, Writes: true,
	})
}

// use returns the authority for a request in either of its two forms.
func use[T any](of func(*T) scope.Use) func([]byte) (scope.Use, error) {
	return func(request []byte) (scope.Use, error) {
		q, err := vm.DecodeRequest[T](request)
		if err != nil {
			return scope.Use{}, err
		}
		return of(q), nil
	}
}

func useAppend(request []byte) (scope.Use, error) {
	q, err := openAppend(request)
	if err != nil {
		return scope.Use{}, err
	}
	use := scope.Use{Kind: scope.KindCellWrite, Cell: q.CellID, Events: uint64(len(q.Events))}
	for i := range q.Events {
		use.EventTypes = append(use.EventTypes, q.Events[i].Type)
	}
	return use, nil
}

func openAppend(request []byte) (*AppendRequest, error) {
	q, err := vm.DecodeRequest[AppendRequest](request)
	if err != nil {
		return nil, err
	}
	if len(q.Events) == 0 || len(q.Events) > maxEvents {
		return nil, fmt.Errorf("%d events are not 1 to %d", len(q.Events), maxEvents)
	}
	for i := range q.Events {
		if len(q.Events[i].Key) > maxKey {
			return nil, fmt.Errorf("event %d: a key of %d bytes is longer than %d", i, len(q.Events[i].Key), maxKey)
		}
	}
	return q, nil
}

// runAppend writes the events and their number in one step. With a key it also records their places, so that a
// repetition finds them.
func (c *Cells) runAppend(ctx context.Context, call exec.Call) (exec.Response, error) {
	q, err := openAppend(call.Request)
	if err != nil {
		return exec.Response{}, err
	}
	one := c.writing.of(q.CellID)
	one.Lock()
	defer one.Unlock()
	cell := keysOf(q.CellID)
	var note string
	if len(call.Key) > 0 {
		idem := ledger.IdemID(call.Tool, call.Key)
		note = cell + onceKeys + hex.EncodeToString(idem.Sum[:])
		if raw, found, err := c.KV.Get(ctx, note); err != nil || found {
			return exec.Response{Body: raw, Status: exec.StatusOK}, err
		}
	}
	for {
		ok, res, err := c.tryAppend(ctx, cell, note, q)
		if err != nil || !ok {
			if err != nil || ctx.Err() != nil {
				return res, errors.Join(err, ctx.Err())
			}
			continue // another process wrote meanwhile
		}
		if res.Status == exec.StatusOK {
			c.keepSnapshot(ctx, q.CellID)
		}
		return res, nil
	}
}

func (c *Cells) tryAppend(ctx context.Context, cell, note string, q *AppendRequest) (bool, exec.Response, error) {
	size, sizeRaw, err := c.size(ctx, cell)
	if err != nil {
		return false, exec.Response{}, err
	}
	if q.Expect != nil && *q.Expect != size {
		body, err := can.Marshal(&Appended{First: size})
		return true, exec.Response{Body: body, Status: exec.StatusConflict, Undone: true, Notes: fmt.Sprintf("the cell has %d events, expected were %d", size, *q.Expect)}, err
	}
	body, err := can.Marshal(&Appended{First: size, Count: uint64(len(q.Events))})
	if err != nil {
		return false, exec.Response{}, err
	}
	check, put := map[string][]byte{cell + sizeKey: sizeRaw}, map[string][]byte{}
	if note != "" {
		check[note], put[note] = nil, body
	}
	for i := range q.Events {
		if put[eventKey(cell, size+uint64(i))], err = can.Marshal(&q.Events[i]); err != nil {
			return false, exec.Response{}, err
		}
	}
	if put[cell+sizeKey], err = can.Marshal(&Appended{Count: size + uint64(len(q.Events))}); err != nil {
		return false, exec.Response{}, err
	}
	ok, err := c.KV.Update(ctx, check, put)
	return ok, exec.Response{Body: body, Status: exec.StatusOK}, err
}

// size is the number of events of a cell and the record that says so.
func (c *Cells) size(ctx context.Context, cell string) (uint64, []byte, error) {
	raw, found, err := c.KV.Get(ctx, cell+sizeKey)
	if err != nil || !found {
		return 0, nil, err
	}
	size, err := object.Decode[Appended](raw)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", cell, err)
	}
	return size.Count, raw, nil
}

var errEnoughEvents = errors.New("enough events")

// events calls fn for the events in a range of numbers. The error names a missing one.
func (c *Cells) events(ctx context.Context, cell string, from, to uint64, fn func(number uint64, e *Event) error) error {
	at := from
	err := c.KV.Scan(ctx, eventKey(cell, from), eventKey(cell, to), func(key string, raw []byte) error {
		if key != eventKey(cell, at) {
			return fmt.Errorf("event %d of %s is missing", at, cell)
		}
		e, err := object.Decode[Event](raw)
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

func (c *Cells) runRead(ctx context.Context, call exec.Call) (exec.Response, error) {
	q, err := vm.DecodeRequest[ReadRequest](call.Request)
	if err != nil {
		return exec.Response{}, err
	}
	cell := keysOf(q.CellID)
	size, _, err := c.size(ctx, cell)
	if err != nil {
		return exec.Response{}, err
	}
	res := Events{Events: []Event{}, Numbers: []uint64{}}
	at, total := q.From, 0
	if at < size {
		err = c.events(ctx, cell, at, min(size, at+min(maxScan, size-at)), func(number uint64, e *Event) error {
			if bytes.HasPrefix(e.Key, q.KeyPrefix) {
				if len(res.Events) == maxEvents || total >= maxAnswer {
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

// ID is the id of a cell from its name or from 64 hex digits.
func ID(name string) object.Hash {
	if h, err := object.ParseHash(name); err == nil {
		return h
	}
	return object.SumText("cell:" + name)
}

// Info describes a cell.
type Info struct {
	ID       object.Hash `json:"cell_id"`
	Events   uint64      `json:"events"`
	Every    uint64      `json:"snapshot_every"` // events between two snapshots; 0: none are taken
	Snapshot uint64      `json:"snapshot_at"`    // number of events in the newest snapshot; 0: there is none
}

// Each calls fn for every cell, ascending by id.
func (c *Cells) Each(ctx context.Context, fn func(Info) error) error {
	for from := prefix; ; {
		var next string
		err := c.KV.Scan(ctx, from, prefix+"~", func(key string, _ []byte) error {
			next = key
			return errEnoughEvents
		})
		if err != nil && !errors.Is(err, errEnoughEvents) {
			return err
		}
		if next == "" {
			return nil
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(next, prefix), "/")
		id, err := object.ParseHash(name)
		if err != nil {
			return fmt.Errorf("cell %q: %w", name, err)
		}
		info, err := c.info(ctx, id)
		if err != nil {
			return err
		}
		if err := fn(info); err != nil {
			return err
		}
		from = keysOf(id) + "~"
	}
}

func (c *Cells) info(ctx context.Context, id object.Hash) (info Info, err error) {
	info.ID = id
	if info.Events, _, err = c.size(ctx, keysOf(id)); err != nil {
		return info, err
	}
	if info.Every, err = c.every(ctx, id); err != nil {
		return info, err
	}
	s, err := c.snapshot(ctx, id)
	info.Snapshot = s.At
	return info, err
}
