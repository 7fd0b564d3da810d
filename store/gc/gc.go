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
	// Grace is how long byte strings and nodes that were put by themselves
	// (PutBytes, NodeWriter) stay after a collection first saw that nothing reaches
	// them; 0: a day, negative: none. The one who puts them has that long to refer to them.
	Grace time.Duration
	// Roots calls keep for every hash that records outside the store's own keys
	// reach: byte strings, nodes, blobs. It is called twice. Objects are never collected.
	Roots func(ctx context.Context, keep func(object.Hash)) error
	// Trash is how long what is collected can be brought back ([RestoreTrash]);
	// 0: not at all, negative: not at all, and what is in the trash goes, too. On a full
	// disk it is as if it were negative.
	Trash  time.Duration
	DryRun bool // report only
	// Progress, which may be nil, is told how many roots there are to follow, twice,
	// and of each when it was followed.
	Progress store.Progress
}

// DefaultGrace is used when Options has none.
const DefaultGrace = 24 * time.Hour

// Report counts what a garbage collection found.
type Report struct {
	Nodes, Chunks uint64 // what was freed, or would be
	Bytes         uint64 // of them, and of what lay dead in packs that were rewritten
	Repacked      uint64 // packs of small byte strings that were mostly dead, and were rewritten
	Waiting       uint64 // loose things that nothing reaches and whose grace has not passed
	Wanted        uint64 // chunks that nothing reaches yet, but a running put may need
	Kept          uint64 // hashes that are reachable
	Trashed       bool   // what was freed lies in the trash
}

// Run frees chunks and nodes that no blob, pin, ref or root reaches. A blob is
// kept by its reference, which RemoveBlob takes away, and by pins and roots.
//
// It never waits for puts and puts never wait for it, in any process:
//   - a chunk file is kept when a put that was running when the collection began,
//     or began later, has written or found it (ChunkSweep.Wanted);
//   - keys are first marked and then, after reachability was looked at once more,
//     deleted if their marks are still there; a put takes the mark away (package layout);
//   - what is in use of a pack that is mostly dead is copied into another one before
//     its entries are changed, each if it still is what it was.
//
// Only one collection runs at a time; the error wraps ErrCollecting otherwise. It
// holds one entry of about 64 bytes for every reachable hash.
func Run(ctx context.Context, s *store.Store, o Options) (rep Report, err error) {
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	ctx = store.MakingRoom(ctx)
	// A scan that does not see everything would take the rest for garbage.
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
	trash   bool // what is taken away can be brought back
	kept    map[object.Hash]bool
	rep     Report
	keys    []doomed
	files   []doomed
	changes []change
	live    map[object.Hash]int64 // bytes that are in use, of each pack
}

// doomed is something that nothing reached at the first look.
type doomed struct {
	h     object.Hash
	key   string // in the KV; empty: a chunk file
	size  int
	mark  []byte // nil: it has none
	loose bool   // a file that was put by itself
	pack  bool   // a pack whose live parts were copied; size is that of the others
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
	// What puts have finished since is reachable now.
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
