package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/agents"
	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
)

// null gives the answer of the bare server, without asking it.
type null struct{}

func (null) Run(context.Context, exec.Call) (exec.Response, error) {
	return exec.Response{Status: exec.StatusOK, Body: []byte(`{"content":[{"type":"text","text":"done"}]}`)}, nil
}

// bareGate is the executor in this process, with a tool that does nothing: the cost of a recorded call, whoever asks
// for it.
type bareGate struct {
	*repo.Repo
	tool  object.Hash
	chain caps.Chain
	keys  string // begins them
	last  atomic.Int64
}

func openGate(ctx context.Context, dir, agent, tool string) (*bareGate, error) {
	n, err := repo.Open(ctx, filepath.Join(dir, repo.Folder), repo.Options{Config: &config.Config{Lease: time.Minute, Busy: time.Minute}, Now: func() object.Time { return object.TimeOf(time.Now()) }})
	if err != nil {
		return nil, err
	}
	n.Gate.Runners[exec.KindMCP] = null{}
	t, err := n.Tools.Find(ctx, tool)
	if err != nil {
		return nil, err
	}
	a, err := agents.Named(ctx, n, agent)
	if err != nil {
		return nil, err
	}
	held, err := a.Held(ctx, n)
	if err != nil || len(held) != 1 {
		return nil, fmt.Errorf("%d capabilities, %w", len(held), err)
	}
	return &bareGate{Repo: n, tool: t.ID, chain: held[0], keys: rand.Text()}, nil
}

func (g *bareGate) call(ctx context.Context) error {
	out, err := g.Gate.Do(ctx, exec.Effect{Tool: g.tool, Request: []byte(`{"text":"a"}`), Key: fmt.Appendf(nil, "scout/k/%s%d", g.keys, g.last.Add(1)), Caps: []caps.Chain{g.chain}})
	if err == nil && (out.Replayed || out.Status != exec.StatusOK) {
		err = fmt.Errorf("status %d, replayed %v", out.Status, out.Replayed)
	}
	return err
}

// many makes n calls, callers of them at a time.
func (g *bareGate) many(ctx context.Context, n, callers int) (time.Duration, error) {
	began := time.Now()
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	errs := make(chan error, callers)
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := g.call(ctx); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return time.Since(began), <-errs
}
