package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// waiting connects callers that wait for one key, lets the attempt at it end, and prints the server's peak memory. Each
// caller must get its answer after that, and none before.
func (b *bench) waiting(s *server, n int) error {
	limit := syscall.Rlimit{Cur: 20000, Max: 20000}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("%d callers need as many files: %w", n, err)
	}
	near, err := repo.Open(context.Background(), filepath.Join(b.dir, "near", repo.Folder), repo.Options{Config: &config.Config{Lease: time.Minute, Busy: time.Minute}, Now: func() object.Time { return object.TimeOf(time.Now()) }})
	if err != nil {
		return err
	}
	w, err := waitersOf(near, b.at)
	if err = errors.Join(err, near.Close()); err != nil { // from now on only its key is needed
		return err
	}
	holder := b.mythos("near", "call", "hold", "--key", "held", "--at", b.at)
	if err := holder.Start(); err != nil {
		return err
	}
	defer holder.Wait()
	for begun := false; !begun; time.Sleep(50 * time.Millisecond) {
		says, _ := b.out("far", "ledger", "show", w.idem) // 3 until it has begun
		begun = strings.Contains(says, "pending")
	}
	before, err := memory(s.cmd.Process.Pid, "VmRSS")
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	var failed atomic.Pointer[error]
	for range n {
		all.Go(func() {
			if err := w.wait(); err != nil {
				failed.Store(&err)
			}
		})
	}
	for w.connected.Load() < int64(n) && failed.Load() == nil {
		time.Sleep(50 * time.Millisecond)
	}
	connected, err := memory(s.cmd.Process.Pid, "VmRSS")
	if err != nil {
		return err
	}
	early := w.answered.Load()
	err = os.WriteFile(filepath.Join(b.dir, "go"), nil, 0o600)
	all.Wait()
	if e := failed.Load(); e != nil {
		err = errors.Join(err, *e)
	}
	if early != 0 {
		err = errors.Join(err, fmt.Errorf("%d were answered before the attempt ended", early))
	}
	most, merr := memory(s.cmd.Process.Pid, "VmHWM")
	if err = errors.Join(err, merr); err != nil {
		return err
	}
	fmt.Printf("%d callers wait for one key: server %d MiB before, %d MiB while they wait, %d MiB at most, with their answers\n", n, before>>20, connected>>20, most>>20)
	return nil
}

// waiters ask for the effect that is held.
type waiters struct {
	client              *peer.Client
	idem, path          string
	body                []byte
	chain               caps.Chain
	turn                chan struct{} // only a few connections are made at a time
	connected, answered atomic.Int64
}

func waitersOf(near *repo.Repo, at string) (*waiters, error) {
	ctx := context.Background()
	tool, err := near.Toolbox.Find(ctx, "hold")
	if err != nil {
		return nil, err
	}
	held, err := near.Caller.HeldFor(ctx, tool.ID)
	if err != nil {
		return nil, err
	}
	var chain caps.Chain
	for _, c := range held {
		s, err := c[0].Cap.Scope.Decode()
		if call, ok := s.(*scope.ToolCall); err == nil && ok && call.ToolID == tool.ID {
			chain = c
		}
	}
	body, err := can.Marshal(&wire.Ask{ToolID: tool.ID, Key: []byte("held"), Request: []byte{}, Caps: [][]byte{}})
	key, kerr := peerKey(near, at)
	idem := ledger.IdemID(tool.ID, []byte("held")).String()
	return &waiters{idem: idem, client: &peer.Client{Repo: near, URL: at, Key: key, HTTP: &http.Client{Transport: &http.Transport{}}},
		path: "/v1/effects/" + idem + "/wait", body: body, chain: chain, turn: make(chan struct{}, 16)}, errors.Join(err, kerr)
}

func peerKey(near *repo.Repo, at string) (*object.AgentID, error) {
	key, err := (&peer.Client{Repo: near, URL: at}).Peer(context.Background())
	return &key, err
}

// wait asks until it gets an answer. Connections that the server has no room for yet are tried again.
func (w *waiters) wait() error {
	for {
		w.turn <- struct{}{}
		over := sync.OnceFunc(func() { <-w.turn })
		var wrote bool
		ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{WroteRequest: func(i httptrace.WroteRequestInfo) {
			if wrote = i.Err == nil; wrote {
				w.connected.Add(1)
			}
			over()
		}})
		res, err := w.client.Post(ctx, w.path, w.chain, w.body)
		over()
		if err == nil {
			return w.answer(res)
		}
		if wrote {
			w.connected.Add(-1)
		}
		var refused *peer.StatusError
		if errors.As(err, &refused) && refused.Status != http.StatusTooManyRequests && refused.Status != http.StatusServiceUnavailable {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// answer reads what the attempt left, or that asking again now has another answer.
func (w *waiters) answer(res *http.Response) error {
	raw, err := peer.ReadAll(res, 1<<20)
	if err != nil {
		return err
	}
	a, err := object.Decode[wire.Answer](raw)
	if err == nil && a.Verdict != wire.Replay && a.Verdict != wire.Changed {
		err = fmt.Errorf("a caller that waited has verdict %d", a.Verdict)
	}
	w.answered.Add(1)
	return err
}

var inKiB = regexp.MustCompile(`(?m)^(\w+):\s+(\d+) kB$`)

// memory returns what the system reports about a process, in bytes.
func memory(pid int, what string) (uint64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for _, m := range inKiB.FindAllStringSubmatch(string(raw), -1) {
		if m[1] == what {
			n, err := strconv.ParseUint(m[2], 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status does not say %s", pid, what)
}
