package gc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/layout"
)

// Options say what a garbage collection keeps.
type Options struct {
	Now object.Time // pins that end later are kept
	// Grace is how long byte strings and nodes that were put by themselves (PutBytes, NodeWriter) stay after a
	// collection first saw that nothing reaches them; 0: a day, negative: none. Within that time something must refer
	// to them.
	Grace time.Duration
	// Roots calls keep for every hash that records outside the store's own keys reach: byte strings, nodes, blobs. Run
	// calls it twice. Objects are never collected.
	Roots func(ctx context.Context, keep func(object.Hash)) error
	// Trash is how long collected things can be restored ([RestoreTrash]); 0: not at all; negative: not at all, and the
	// trash is emptied, too. A full disk counts as negative.
	Trash  time.Duration
	DryRun bool // report only
	// Progress, which may be nil, receives the number of roots to follow, twice, and each root after it was followed.
	Progress store.Progress
}

// DefaultGrace is the grace if Options has none.
const DefaultGrace = 24 * time.Hour

// Report counts what a garbage collection found.
type Report struct {
	Nodes, Chunks uint64 // freed, or would be freed
	Bytes         uint64 // of the freed things, and of dead data in rewritten packs
	Repacked      uint64 // packs of small byte strings that were mostly dead and were rewritten
	Waiting       uint64 // unreachable loose things whose grace has not passed
	Wanted        uint64 // unreachable chunks that a running put may need
	Kept          uint64 // hashes that are reachable
	Trashed       bool   // the freed things are in the trash
}

// Run frees chunks and nodes that no blob, pin, ref or root reaches. A blob's reference keeps it until RemoveBlob
// removes the reference; pins and roots keep it, too.
//
// It never waits for puts and puts never wait for it, in any process:
//   - a chunk file is kept when a put that was running when the collection began,
//     or began later, has written or found it (ChunkSweep.Wanted);
//   - keys are first marked and then, after reachability was computed again,
//     deleted if their marks are still there; a put removes the mark (package layout);
//   - the live parts of a pack that is mostly dead are copied into another one before
//     the entries change; an entry that others have changed stays.
//
// Only one collection runs at a time; the error wraps ErrCollecting otherwise. It holds one entry of about 64 bytes for
// every reachable hash.
func Run(ctx context.Context, s *store.Store, o Options) (rep Report, err error) {
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	ctx = store.MakingRoom(ctx)
	// A scan that misses something would treat the rest as garbage.
	if v, ok := s.KV().(store.Verifier); ok {
		if err := v.Verify(ctx); err != nil {
			return rep, fmt.Errorf("gc: %w", err)
		}
	}
	sweep, err := s.Chunks().Sweep(ctx)
	if err != nil {
		return rep, fmt.Errorf("gc: %w", err)
	}
	defer func() { err = errors.Join(err, sweep.Close()) }()
	c := &collector{s: s, o: o, sweep: sweep, kept: map[object.Hash]bool{}}
	if err := c.run(ctx); err != nil {
		return c.rep, fmt.Errorf("gc: %w", err)
	}
	return c.rep, nil
}

// collector is one run.
type collector struct {
	s       *store.Store
	o       Options
	sweep   store.ChunkSweep
	trash   bool // deleted things can be restored
	kept    map[object.Hash]bool
	rep     Report
	keys    []doomed
	files   []doomed
	changes []change
	live    map[object.Hash]int64 // live bytes of each pack
}

// doomed is something that was unreachable at the first look.
type doomed struct {
	h     object.Hash
	key   string // in the KV; empty: a chunk file
	size  int
	mark  []byte // nil: it has no mark
	loose bool   // a file that was put by itself
	pack  bool   // a pack whose live parts were copied; size is that of the dead parts
}

func (c *collector) run(ctx context.Context) (err error) {
	if !c.o.DryRun {
		if _, err := c.s.KV().Update(ctx, nil, map[string][]byte{layout.Collecting: layout.NewMark(layout.Dead, c.o.Now)}); err != nil {
			return err
		}
		defer func() {
			_, end := c.s.KV().Update(context.WithoutCancel(ctx), nil, map[string][]byte{layout.Collecting: nil})
			err = errors.Join(err, end)
		}()
	}
	c.trash = c.trashes(ctx)
	c.rep.Trashed = c.trash
	if err := c.mark(ctx); err != nil {
		return fmt.Errorf("mark: %w", err)
	}
	if err := c.condemn(ctx); err != nil {
		return fmt.Errorf("condemn: %w", err)
	}
	// Puts that have finished since have made more reachable.
	if err := c.mark(ctx); err != nil {
		return fmt.Errorf("mark: %w", err)
	}
	if err := c.sweepKeys(ctx); err != nil {
		return fmt.Errorf("sweep keys: %w", err)
	}
	if err := c.packs(ctx); err != nil {
		return fmt.Errorf("packs: %w", err)
	}
	c.rep.Kept = uint64(len(c.kept))
	if err := c.repack(ctx); err != nil {
		return fmt.Errorf("repack: %w", err)
	}
	if err := c.sweepFiles(ctx); err != nil {
		return fmt.Errorf("sweep chunks: %w", err)
	}
	if err := c.emptyTrash(ctx); err != nil {
		return err
	}
	if r, ok := c.s.KV().(store.Reclaimer); ok && !c.o.DryRun && c.rep.Nodes+c.rep.Chunks > 0 {
		return r.Reclaim(ctx)
	}
	return nil
}
