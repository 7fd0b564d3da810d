package calls

import (
	"context"
	"errors"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/cell"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// AppendCell appends events to a cell, as an effect; with a key, once. If the cell does not have the number of events
// that the request expects, the result is a Called with [exec.StatusConflict].
func (ca *Caller) AppendCell(ctx context.Context, q *cell.AppendRequest, key []byte, given []caps.Chain) (*cell.Appended, *Called, error) {
	return cellEffect[cell.Appended](ctx, ca, Spec{Tool: exec.BuiltinTool(cell.Append), Key: key, Caps: given}, q,
		&scope.CellWrite{CellID: q.CellID, MaxEvents: scope.NoLimit32})
}

// ReadCell reads events of a cell, as an effect.
func (ca *Caller) ReadCell(ctx context.Context, q *cell.ReadRequest, given []caps.Chain) (*cell.Events, error) {
	page, _, err := cellEffect[cell.Events](ctx, ca, Spec{Tool: exec.BuiltinTool(cell.Read), Caps: given}, q,
		&scope.CellRead{CellID: q.CellID})
	return page, err
}

// SnapshotCell reads the state of a cell, as an effect.
func (ca *Caller) SnapshotCell(ctx context.Context, q *cell.SnapshotRequest, given []caps.Chain) (*cell.State, error) {
	page, _, err := cellEffect[cell.State](ctx, ca, Spec{Tool: exec.BuiltinTool(cell.Snapshot), Caps: given}, q,
		&scope.CellRead{CellID: q.CellID})
	return page, err
}

// SetCellPolicy sets when snapshots of a cell are stored, as an effect.
func (ca *Caller) SetCellPolicy(ctx context.Context, id object.Hash, every uint64, given []caps.Chain) error {
	_, _, err := cellEffect[object.Hash](ctx, ca, Spec{Tool: exec.BuiltinTool(cell.Policy), Caps: given},
		&cell.PolicyRequest{CellID: id, Every: every}, &scope.CellWrite{CellID: id, MaxEvents: scope.NoLimit32})
	return err
}

// cellEffect calls one of the built-in tools for cells under the given chains, or held ones that cover the request or,
// unless require_cap is set, the owner's own.
func cellEffect[T any](ctx context.Context, n *Caller, s Spec, request any, scope scope.Scope) (*T, *Called, error) {
	var err error
	if s.Request, err = can.Marshal(request); err != nil {
		return nil, nil, err
	}
	own := func() error {
		chain, err := n.Auth.Own(ctx, scope)
		s.Caps = []caps.Chain{chain}
		return err
	}
	mine := s.Caps == nil && !n.Auth.RequireCap
	if mine {
		if s.Caps, err = n.covering(ctx, s); err == nil && len(s.Caps) == 0 {
			err = own()
		}
		if err != nil {
			return nil, nil, err
		}
	}
	called, err := n.Call(ctx, s)
	if mine && errors.Is(err, caps.ErrQuota) {
		if err := own(); err != nil {
			return nil, nil, err
		}
		called, err = n.Call(ctx, s)
	}
	if err != nil {
		return nil, nil, err
	}
	if len(called.Body) == 0 || (called.Status != exec.StatusOK && called.Status != exec.StatusConflict) {
		return nil, called, nil
	}
	res, err := object.Decode[T](called.Body)
	return res, called, err
}
