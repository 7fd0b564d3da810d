// Package migrate moves a repository between its folder and shared storage.
//
// All keys and chunks are copied while the source is in use; then, while nobody can write to it, what has changed
// since. Everything is compared before the source is marked moved, and only after that can the destination be opened.
// If a move is interrupted at any point, the next one continues it.
package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// Options say what is moved where.
type Options struct {
	Root       string // the source, a .mythos folder
	To         engine.Destination
	AcceptLoss bool                 // the servers there may lose what they have acknowledged
	Furnish    func() error         // gives an arriving folder the files of a machine's own
	Step       func(what string)    // called when a step begins
	Bar        store.Progress       // counts what is copied; each key and chunk counts as one
	Now        func() object.Time   // of the source
	Wait       time.Duration        // for storage that is busy or unreachable
	Debugf     func(string, ...any) //
}

// Report is what was moved.
type Report struct {
	Keys, Chunks uint64
	Entries      uint64 // of the log
	Root         [32]byte
	Before       bool // an earlier attempt had already done everything
}

// Run moves a repository. The error wraps kv.ErrMoved if it has already moved elsewhere, engine.ErrTaken or
// engine.ErrInUse.
func Run(ctx context.Context, o Options) (rep Report, err error) {
	from, err := engine.ID(o.Root)
	if err != nil {
		return rep, err
	}
	src, err := o.open()
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	gone, err := src.Gone(ctx)
	switch {
	case err != nil:
		return rep, err
	case gone != "" && gone != o.To.String():
		return rep, fmt.Errorf("%w; it is in %s", kv.ErrMoved, gone)
	}
	dst, err := engine.Arrive(ctx, from, o.To, o.AcceptLoss, engine.Options{Wait: o.Wait, Debugf: o.Debugf})
	if gone != "" && errors.Is(err, engine.ErrTaken) {
		rep.Before = true
		return rep, errors.Join(o.Furnish(), o.count(ctx, src, &rep))
	}
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	if gone == "" {
		o.Step("copying; the repository can be used meanwhile")
		if err := (&copier{src: src, dst: dst.Engine, bar: o.Bar, moving: true}).all(ctx); err != nil {
			return rep, err
		}
		if err := o.finally(ctx, dst); err != nil {
			return rep, err
		}
	}
	// The source has moved, and the destination is complete.
	ctx = context.WithoutCancel(ctx)
	if err := dst.Done(ctx); err != nil {
		return rep, err
	}
	if err := o.Furnish(); err != nil {
		return rep, err
	}
	return rep, o.count(ctx, dst.Engine, &rep)
}

func (o Options) open() (*engine.Engine, error) {
	return engine.Open(o.Root, engine.Options{Wait: o.Wait, Debugf: o.Debugf})
}

// finally copies the rest while nobody writes, compares everything, and marks the source moved.
func (o Options) finally(ctx context.Context, dst *engine.Arrival) (err error) {
	src, err := o.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	o.Step("copying what has changed; nobody can write to the repository")
	alone, err := src.Alone(ctx)
	if err != nil {
		return err
	}
	defer alone.Release()
	if err := o.underWay(ctx, src); err != nil {
		return err
	}
	if err := (&copier{src: src, dst: dst.Engine, bar: o.Bar}).all(ctx); err != nil {
		return err
	}
	o.Step("comparing")
	c := &copier{src: src, dst: dst.Engine, bar: o.Bar, compare: true}
	if err := c.keys(ctx); err != nil {
		return err
	}
	if err := sameLog(ctx, src.DB, dst.DB); err != nil {
		return err
	}
	return alone.Moved(ctx, o.To.String())
}

// sameLog replays the log of the copy: its leaves must give the root of the source.
func sameLog(ctx context.Context, src, dst kv.KV) error {
	want, _, err := mlog.New(src).EdgeStored(ctx)
	if err != nil {
		return err
	}
	have, err := replay(ctx, dst, want.Size)
	if err == nil && have != want.Root() {
		err = fmt.Errorf("%w: the log's %d entries give another root than the log has: `mythos ledger verify` says more", store.ErrCorrupt, want.Size)
	}
	return err
}

func replay(ctx context.Context, db kv.KV, size uint64) ([32]byte, error) {
	var edge mlog.Frontier
	err := mlog.New(db).AllLeaves(ctx, 0, size, func(_ mlog.Place, leaf []byte) error {
		edge.AddLeaf(leaf)
		return nil
	})
	return edge.Root(), err
}

// count counts the contents of a repository.
func (o Options) count(ctx context.Context, e *engine.Engine, rep *Report) error {
	edge, _, err := mlog.New(e.DB).EdgeStored(ctx)
	if err != nil {
		return err
	}
	rep.Entries, rep.Root = edge.Size, edge.Root()
	if err := e.DB.Scan(ctx, firstKey, lastKey, func(string, []byte) error { rep.Keys++; return nil }); err != nil {
		return err
	}
	return e.Chunks.ScanChunks(ctx, func(object.Hash, int64) error { rep.Chunks++; return nil })
}
