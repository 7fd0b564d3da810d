package repo_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/cell"
	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
)

// TestQuotaOnDisk: 64 callers append events under one capability and one below it, on the real store; the repository is
// closed and opened again in between. Exactly what the limits allow happens.
func TestQuotaOnDisk(t *testing.T) {
	dir, c := t.TempDir(), clockAt()
	if _, _, err := repo.Init(dir, "alice", engine.Make); err != nil {
		t.Fatal(err)
	}
	var root, leaf caps.Chain
	var done [2]atomic.Int64
	for round := range 2 {
		n, err := repo.Open(t.Context(), filepath.Join(dir, repo.Folder), repo.Options{
			Config: &config.Config{Lease: time.Minute, Busy: time.Second}, Now: c.now,
		})
		if err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			scope, err := n.Find.Scope(t.Context(), "cell.write:log,events=200")
			if err != nil {
				t.Fatal(err)
			}
			l, err := n.Auth.Issue(t.Context(), caps.Draft{Subject: n.Self(), Scope: scope, NotBefore: n.Now(), ExpiresAt: n.Now().Add(time.Hour), Delegable: true})
			if err != nil {
				t.Fatal(err)
			}
			root = caps.Chain{l}
			if scope, err = n.Find.Scope(t.Context(), "cell.write:log,events=50"); err != nil {
				t.Fatal(err)
			}
			if l, err = n.Auth.Attenuate(t.Context(), l.ID, caps.Draft{Subject: n.Self(), Scope: scope}); err != nil {
				t.Fatal(err)
			}
			leaf = caps.Chain{l, root[0]}
		}
		hammer(t, n, []caps.Chain{root, leaf}, &done, 2*(round+1))
		for i, chain := range []caps.Chain{root, leaf} {
			used, err := n.Quotas.Used(t.Context(), chain[0].ID)
			want := uint64(done[i].Load())
			if i == 0 {
				want += uint64(done[1].Load()) // what is below is also charged to it
			}
			if err != nil || used[scope.Events] != want {
				t.Errorf("round %d: %v events charged, %d happened (%v)", round, used, want, err)
			}
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := done[0].Load(), done[1].Load(); b != 50 || a != 150 {
		t.Errorf("%d and %d events happened, expected 150 and 50", a, b)
	}
}

// hammer makes 64 callers append one event, each several times.
func hammer(t *testing.T, n *repo.Repo, chains []caps.Chain, done *[2]atomic.Int64, times int) {
	request := encode(t, &cell.AppendRequest{CellID: object.SumText("cell:log"), Events: []cell.Event{{Type: 1, Key: []byte{}, Data: []byte{}}}})
	var wg sync.WaitGroup
	for g := range 64 {
		wg.Go(func() {
			for range times {
				_, err := n.Gate.Do(context.Background(), exec.Effect{Tool: exec.BuiltinID("cell.append"), Request: request, Caps: chains[g%2 : g%2+1]})
				switch {
				case err == nil:
					done[g%2].Add(1)
				case !errors.Is(err, caps.ErrQuota):
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
