package epoch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/kv"
)

const (
	pace       = time.Second      // between two checkpoints of a process, and two looks for the mark
	lookAgain  = 10 * time.Second // after which what was published is looked at again
	away       = time.Minute      // more, where they could not be reached
	patience   = 2 * time.Second  // with whoever keeps them
	maxFollows = 1000             // checkpoints in one look
)

// Watch publishes the checkpoints of a log, and refuses to append while one is ahead of it.
type Watch struct {
	KV        kv.KV
	Log       *mlog.Log
	Signer    sign.Signer
	Now       func() object.Time
	Publisher Publisher // nil: nothing is published
	// Known are the agents, besides Signer, whose checkpoints an epoch may name.
	Known  func() []object.AgentID
	Debugf func(format string, args ...any)

	mu      sync.Mutex
	checked time.Time // that nothing was ahead
	looked  time.Time // at what was published

	grown   atomic.Bool
	once    sync.Once
	stop    chan struct{}
	stopped sync.WaitGroup
}

// New returns a Watch over a log, and has the log ask it. Close ends it.
func New(w *Watch) *Watch {
	w.stop = make(chan struct{})
	w.Log.Guard = w.Ready
	if w.Publisher != nil {
		w.Log.Grew = w.grew
	}
	return w
}

// Ready refuses to append while a checkpoint is ahead. The error wraps ErrBehind. That what was published cannot be reached is no
// reason to refuse.
func (w *Watch) Ready(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.checked) < pace {
		return nil
	}
	text, err := kv.GetOrNil(ctx, w.KV, aheadKey)
	if err != nil {
		return err
	}
	if text != nil {
		return w.behind(ctx, text)
	}
	if w.Publisher != nil && time.Since(w.looked) > lookAgain {
		limited, cancel := context.WithTimeout(ctx, patience)
		err := w.follow(limited)
		cancel()
		if errors.Is(err, ErrBehind) || errors.Is(err, kv.ErrCorrupt) {
			return err
		}
		w.looked = time.Now()
		if err != nil {
			w.looked = w.looked.Add(away)
			w.Debugf("published checkpoints: %v", err)
		}
	}
	w.checked = time.Now()
	return nil
}

func (w *Watch) behind(ctx context.Context, text []byte) error {
	b := &Behind{}
	if c, err := mlog.ReadCheckpoint(text); err == nil {
		b.Size = c.Size
	}
	var err error
	b.Have, err = w.Log.Size(ctx)
	if err != nil {
		return err
	}
	return fmt.Errorf("%w (%d entries here, %d in the checkpoint)", b, b.Have, b.Size)
}

// follow takes note of checkpoints that were published since the last one that the database knows of.
func (w *Watch) follow(ctx context.Context) error {
	for range maxFollows {
		known, err := w.last(ctx)
		if err != nil {
			return err
		}
		text, found, err := w.Publisher.Checkpoint(ctx, known.n+1, maxCheckpoint)
		if err != nil || !found {
			return err
		}
		c, err := mlog.ReadCheckpoint(text)
		if err != nil {
			return fmt.Errorf("%w: checkpoint %d that was published: %v", kv.ErrCorrupt, known.n+1, err)
		}
		if err = w.Log.CheckConsistent(ctx, c); errors.Is(err, mlog.ErrCheckpoint) {
			return w.Mark(ctx, text)
		}
		if err != nil {
			return err
		}
		if _, err := w.KV.Update(ctx, map[string][]byte{lastKey: known.stored}, map[string][]byte{lastKey: numbered(known.n+1, text)}); err != nil {
			return err
		}
	}
	return nil
}

// Mark keeps a checkpoint that is ahead of the log: nothing is appended until an epoch names it.
func (w *Watch) Mark(ctx context.Context, text []byte) error {
	if _, err := w.KV.Update(ctx, map[string][]byte{aheadKey: nil}, map[string][]byte{aheadKey: text}); err != nil {
		return err
	}
	return w.behind(ctx, text)
}

func numbered(n uint64, text []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, n), text...)
}

func (w *Watch) last(ctx context.Context) (l last, err error) {
	if l.stored, err = kv.GetOrNil(ctx, w.KV, lastKey); err != nil || l.stored == nil {
		return l, err
	}
	if len(l.stored) < 8 {
		return l, fmt.Errorf("%w: key %q", kv.ErrCorrupt, lastKey)
	}
	l.n = binary.BigEndian.Uint64(l.stored)
	c, err := mlog.ReadCheckpoint(l.stored[8:])
	l.size, l.root = c.Size, c.Root
	return l, err
}

// grew has the log's new end published soon.
func (w *Watch) grew() {
	w.grown.Store(true)
	w.once.Do(func() {
		w.stopped.Go(func() {
			tick := time.NewTicker(pace)
			defer tick.Stop()
			for {
				select {
				case <-w.stop:
					return
				case <-tick.C:
					w.publishSoon()
				}
			}
		})
	})
}

func (w *Watch) publishSoon() {
	if !w.grown.Swap(false) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.publish(ctx); err != nil {
		w.grown.Store(!errors.Is(err, ErrBehind))
		w.Debugf("publish a checkpoint: %v", err)
	}
}

// publish publishes a checkpoint of the log as it is, unless somebody else has done so.
func (w *Watch) publish(ctx context.Context) error {
	for range 3 {
		known, err := w.last(ctx)
		if err != nil {
			return err
		}
		edge, _, err := w.Log.EdgeStored(ctx)
		if err != nil || (edge.Size == known.size && edge.Root() == known.root) {
			return err
		}
		text, err := w.Log.Checkpoint(ctx, w.Signer)
		if err != nil {
			return err
		}
		made, err := w.Publisher.Publish(ctx, known.n+1, text)
		if err != nil {
			return err
		}
		if made {
			_, err = w.KV.Update(ctx, map[string][]byte{lastKey: known.stored}, map[string][]byte{lastKey: numbered(known.n+1, text)})
			return err
		}
		if err := w.follow(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close publishes what was not published yet, and ends the Watch.
func (w *Watch) Close() error {
	close(w.stop)
	w.stopped.Wait()
	w.publishSoon()
	return nil
}
