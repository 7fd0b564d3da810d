package runcmd

import (
	"context"
	"errors"
	"math"
	"os"
	"runtime/debug"

	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/internal/units"
)

// batchLine describes one call of a batch. It has a key, or says that it has none: without its key an effect would
// happen again in every run.
type batchLine struct {
	Key     *string `json:"key"`
	Keyless bool    `json:"keyless"`
	File    *string `json:"file"`    // the request is this file's content,
	Request *string `json:"request"` // or this text; default: empty
}

// check reports missing or superfluous members of a line.
func (l *batchLine) check() error {
	switch {
	case l.Key == nil && !l.Keyless:
		return errors.New(`the member "key" is missing; write "keyless":true if the call may happen again with every run`)
	case l.Key != nil && l.Keyless:
		return errors.New(`it has both "key" and "keyless"`)
	case l.Key != nil && *l.Key == "":
		return errors.New(`the key is empty; if the call may happen again with every run, leave "key" out and write "keyless":true`)
	case l.File != nil && l.Request != nil:
		return errors.New(`it has both "file" and "request"`)
	case l.File != nil && *l.File == "":
		return errors.New("the file's name is empty")
	}
	return nil
}

func (l *batchLine) key() string {
	if l.Key == nil {
		return ""
	}
	return *l.Key
}

// pending is one unfinished call of a batch; done is closed when line is set.
type pending struct {
	in   batchLine
	line callLine
	err  error
	done chan struct{}
}

// runBatch runs the calls in the batch file, at most o.Parallel at a time, and writes their outcomes in the order of
// the lines. Calls that use the ledger at the same time share its syncs.
func runBatch(ctx context.Context, f *cmdutil.Factory, o *callOptions) error {
	if o.Key != "" || o.In != "" || o.Parallel < 1 || o.Parallel > 256 {
		return clierr.Usagef("--batch takes keys and requests from its lines; --parallel is 1 to 256")
	}
	if err := checkBatch(f, o.Batch); err != nil {
		return err
	}
	n, s, err := prepare(ctx, f, o)
	if err != nil {
		return err
	}
	if s.Caps == nil { // each call takes those that cover it
		if s.Held, err = n.Caller.HeldFor(ctx, s.Tool.ID); err != nil {
			return err
		}
	}
	defer boundHeap(o.Parallel)()
	r, closeFile, err := f.Open(o.Batch)
	if err != nil {
		return err
	}
	defer closeFile()
	reading, stop := context.WithCancel(ctx)
	defer stop()
	b := batch{f: f, o: o, n: n, spec: s, order: make(chan *pending, o.Parallel), slots: make(chan struct{}, o.Parallel)}
	readErr := make(chan error, 1)
	go func() {
		defer close(b.order)
		readErr <- cmdutil.EachLine(o.Batch, r, func(num int, in batchLine) error { return b.begin(ctx, reading.Done(), num, in) })
	}()
	err = b.report()
	stop() // if the outcomes cannot be written, nothing more is begun, and running calls end
	for p := range b.order {
		<-p.done
	}
	rerr := <-readErr
	if rerr != nil && (err == nil || !errors.Is(rerr, context.Canceled)) {
		return rerr
	}
	return err
}

// checkBatch reads a whole batch before anything runs, if possible: a pipe can be read only once, so there the first
// wrong line ends the batch.
func checkBatch(f *cmdutil.Factory, name string) error {
	if st, err := os.Stat(name); name == "-" || err != nil || !st.Mode().IsRegular() {
		return nil
	}
	r, done, err := f.Open(name)
	if err != nil {
		return err
	}
	defer done()
	return cmdutil.EachLine(name, r, func(num int, in batchLine) error {
		if err := in.check(); err != nil {
			return cmdutil.LineError(name, num, err)
		}
		return nil
	})
}

// Bounds of a batch's heap: the garbage may be half of the memory in use and, beyond heapBase and heapCall for each
// running call, almost nothing. Most of the memory in use is responses and the database's tables, a few large buffers
// that cost nothing to scan; the database briefly needs twice its own whenever it writes out or merges tables.
const (
	gcPercent = 50
	heapBase  = 128 << 20
	heapCall  = 4 << 20
)

// boundHeap applies these bounds until restore is called. A bound from the environment (GOMEMLIMIT) stays.
func boundHeap(parallel int) (restore func()) {
	percent, limit := debug.SetGCPercent(gcPercent), debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		debug.SetMemoryLimit(heapBase + int64(parallel)*heapCall)
	}
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// batch is a run of many calls. At most --parallel of them are in memory.
type batch struct {
	f     *cmdutil.Factory
	o     *callOptions
	n     *repo.Repo
	spec  calls.Spec
	order chan *pending // in the order of the lines
	slots chan struct{} // one for each call that is running or waits to be written
}

// begin begins the call of a line when there is a free slot.
func (b *batch) begin(ctx context.Context, stopped <-chan struct{}, num int, in batchLine) error {
	if err := in.check(); err != nil {
		return cmdutil.LineError(b.o.Batch, num, err)
	}
	p := &pending{in: in, done: make(chan struct{})}
	select {
	case b.slots <- struct{}{}:
	case <-stopped:
		return context.Canceled
	}
	go func() {
		p.line, p.err = callOne(ctx, b.n, b.spec, p.in)
		<-b.slots
		close(p.done)
	}()
	b.order <- p // report takes it, or runBatch does
	return nil
}

func callOne(ctx context.Context, n *repo.Repo, s calls.Spec, in batchLine) (callLine, error) {
	s.Key = []byte(in.key())
	switch {
	case in.Request != nil:
		s.Request = []byte(*in.Request)
	case in.File != nil:
		data, err := os.ReadFile(*in.File)
		if err != nil {
			return callLine{Key: in.key()}, cmdutil.FileError(*in.File, err)
		}
		s.Request = data
	}
	called, err := n.Caller.Call(ctx, s)
	if err != nil {
		return callLine{Key: in.key()}, Refusal(n, err, s.Tool.Name)
	}
	return lineOf(in.key(), called), nil
}

// report writes the outcomes and returns the first error of a call, after all have run.
func (b *batch) report() error {
	bar := b.f.IO.Count("call "+b.o.Tool, 0)
	defer bar.Stop()
	var first error
	var invoked, replayed, failed int
	for p := range b.order {
		<-p.done
		bar.Add(1)
		err := p.outcome(b.o.Tool, b.f.CodeOf)
		switch {
		case err != nil:
			failed++
			if first == nil {
				first = err
			}
		case p.line.Replayed:
			replayed++
		default:
			invoked++
		}
		if err := b.f.Emit(p.line, func() {
			b.f.IO.Printf("%s\t%d\t%t\t%s\n", p.line.Receipt, p.line.Status, p.line.Replayed, ui.Clean(p.line.Key))
		}); err != nil {
			return err
		}
	}
	b.f.IO.Notef("%s: %d invoked, %d replayed, %d failed", units.Count(invoked+replayed+failed, "effect"), invoked, replayed, failed)
	return first
}

// outcome is why the call or its tool failed; nil: neither did.
func (p *pending) outcome(tool string, code func(error) int) error {
	switch {
	case p.err != nil:
		p.line.Error, p.line.ErrorCode = p.err.Error(), code(p.err)
		return p.err
	case p.line.Status >= 300:
		err := failure(tool, p.line.Status, p.line.Receipt, p.line.Replayed)
		p.line.Error, p.line.ErrorCode = err.Error(), code(err)
		return err
	}
	return nil
}
