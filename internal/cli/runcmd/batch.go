package runcmd

import (
	"context"
	"encoding/json"
	"os"
	"sync"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/node"
)

// batchLine describes one call of a batch.
type batchLine struct {
	Key     string  `json:"key"`
	File    string  `json:"file"`    // the request is this file's content,
	Request *string `json:"request"` // or this text
}

// pending is one call of a batch on its way; done is closed when line is set.
type pending struct {
	in   batchLine
	line callLine
	err  error
	done chan struct{}
}

// runBatch runs the calls that the batch file describes, at most o.Parallel at a
// time, and writes their outcomes in the order of the lines. Calls that go through
// the ledger at the same time share its syncs.
func runBatch(ctx context.Context, f *cmdutil.Factory, o *callOptions) error {
	if o.Key != "" || o.In != "" || o.Parallel < 1 || o.Parallel > 256 {
		return clierr.Usagef("--batch takes keys and requests from its lines, and --parallel 1 to 256")
	}
	n, s, err := prepare(ctx, f, o)
	if err != nil {
		return err
	}
	if s.Caps == nil {
		if s.Caps, err = n.Covering(ctx, caps.Use{Kind: caps.KindToolCall, Tool: s.Tool.ID}); err != nil {
			return err
		}
	}
	r, closeFile, err := f.Open(o.Batch)
	if err != nil {
		return err
	}
	defer closeFile()
	order := make(chan *pending, o.Parallel)
	slots := make(chan struct{}, o.Parallel)
	readErr := make(chan error, 1)
	var wg sync.WaitGroup
	go func() {
		defer close(order)
		readErr <- cmdutil.Lines(r, func(num int, text string) error {
			p := &pending{done: make(chan struct{})}
			if err := json.Unmarshal([]byte(text), &p.in); err != nil {
				return clierr.New(clierr.Failed, "%s, line %d: %w", o.Batch, num, err)
			}
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			wg.Go(func() {
				p.line, p.err = callOne(ctx, n, s, p.in)
				<-slots
				close(p.done)
			})
			order <- p
			return nil
		})
	}()
	err = report(f, o, order)
	wg.Wait()
	if rerr := <-readErr; rerr != nil {
		return rerr
	}
	return err
}

func callOne(ctx context.Context, n *node.Node, s node.CallSpec, in batchLine) (callLine, error) {
	s.Key = []byte(in.Key)
	switch {
	case in.Request != nil:
		s.Request = []byte(*in.Request)
	case in.File != "":
		data, err := os.ReadFile(in.File)
		if err != nil {
			return callLine{Key: in.Key}, cmdutil.FileError(in.File, err)
		}
		s.Request = data
	}
	called, err := n.Call(ctx, s)
	if err != nil {
		return callLine{Key: in.Key}, err
	}
	return lineOf(in.Key, called), nil
}

// report writes the outcomes and gives the first error of a call, after all ran.
func report(f *cmdutil.Factory, o *callOptions, order <-chan *pending) error {
	bar := f.IO.Count("call "+o.Tool, 0)
	defer bar.Stop()
	var first error
	var invoked, replayed, failed int
	for p := range order {
		<-p.done
		bar.Add(1)
		switch {
		case p.err != nil:
			failed++
			p.line.Error, p.line.ErrorCode = p.err.Error(), clierr.Failed
			if first == nil {
				first = p.err
			}
		case p.line.Replayed:
			replayed++
		default:
			invoked++
		}
		if err := f.Emit(p.line, func() {
			f.IO.Printf("%s\t%d\t%t\t%s\n", p.line.Receipt, p.line.Status, p.line.Replayed, p.line.Key)
		}); err != nil {
			return err
		}
	}
	f.IO.Notef("%d effects: %d invoked, %d replayed, %d failed", invoked+replayed+failed, invoked, replayed, failed)
	return first
}
