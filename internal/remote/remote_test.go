package remote_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/gateway"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/internal/remote"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// serve serves a repository, including its ledger, until the test ends.
func serve(t testing.TB, n *repo.Repo) string {
	t.Helper()
	s := &peer.Server{Repo: n, Log: slog.New(slog.DiscardHandler), Services: []peer.Service{gateway.For(n)}}
	s.SetLimits(peer.Limits{Rate: 1e6})
	return peertest.Serve(t, s)
}

// counted is a tool that counts how often it was run.
type counted struct {
	runs atomic.Int64
	hold chan struct{} // if set, a run ends when it is closed
	ran  chan struct{} // if set, a run sends when it has begun
}

func (c *counted) Run(_ context.Context, call exec.Call) (exec.Response, error) {
	n := c.runs.Add(1)
	if c.ran != nil {
		c.ran <- struct{}{}
	}
	if c.hold != nil {
		<-c.hold
	}
	return exec.Response{Status: exec.StatusOK, Body: fmt.Appendf(nil, "run %d for %s", n, call.Request)}, nil
}

// caller is an agent on a separate machine.
type caller struct {
	*repo.Repo
	ledger *remote.Ledger
	tool   object.Hash
	probe  object.Hash // zero: it has none
	chain  caps.Chain
	counted
}

// from makes an agent whose calls of a tool the repository far allows and records.
func from(t testing.TB, far *repo.Repo, at string, o remote.Options, lease time.Duration) *caller {
	t.Helper()
	c := &caller{Repo: peertest.Repo(t, "near")}
	tool, err := exec.Tool{Name: "deploy", Module: exec.ModuleRef{Kind: exec.KindHTTP, URL: "http://127.0.0.1:1/", Method: "POST", Confinement: exec.ConfineRemote}}.Complete()
	if err == nil {
		tool, err = c.Tools.Add(t.Context(), tool)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.tool = tool.ID
	sc, err := scope.New(&scope.ToolCall{ToolID: c.tool, MaxCalls: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	link, err := caps.Issue(far.Key, caps.Draft{Subject: c.Self(), Scope: sc, NotBefore: far.Now(), ExpiresAt: far.Now().Add(24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	c.chain = caps.Chain{link}
	c.Gate.Runners[exec.KindHTTP], c.Gate.Lease, c.Gate.Wait = &c.counted, lease, exec.WaitForever
	if o.Client == nil {
		o.Client = peer.To(c.Repo, peers.Peer{URL: "http://" + at})
	}
	c.open(t, o)
	return c
}

func (c *caller) open(t testing.TB, o remote.Options) {
	t.Helper()
	o.Client.Repo = c.Repo
	o.Local, o.Signer, o.Now, o.KV, o.Bytes, o.Notef = c.Repo.Ledger, c.Key, c.Now, c.DB, c.Store.Bytes, t.Logf
	o.Stays = func(tool object.Hash) bool { return tool != c.tool && tool != c.probe }
	l, err := remote.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	c.ledger = l
	l.Use(c.Gate)
}

func (c *caller) call(ctx context.Context, key string) (exec.Outcome, error) {
	return c.Gate.Do(ctx, exec.Effect{Tool: c.tool, Request: []byte("production"), Key: []byte(key), Caps: []caps.Chain{c.chain}})
}

// at returns the state of an effect in the ledger there.
func at(t testing.TB, far *repo.Repo, tool object.Hash, key string) ledger.State {
	t.Helper()
	s, err := far.Ledger.Read(t.Context(), ledger.IdemID(tool, []byte(key)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestElsewhere: one of two machines runs the tool, the other gets its answer.
func TestElsewhere(t *testing.T) {
	far := peertest.Repo(t, "far")
	url := serve(t, far)
	one, two := from(t, far, url, remote.Options{}, time.Minute), from(t, far, url, remote.Options{}, time.Minute)
	first, err := one.call(t.Context(), "k")
	if err != nil || first.Replayed || string(first.Body) != "run 1 for production" {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := two.call(t.Context(), "k")
	if err != nil || !again.Replayed || string(again.Body) != string(first.Body) || again.ReceiptID != first.ReceiptID || two.runs.Load() != 0 {
		t.Fatalf("%+v, %v", again, err)
	}
	s := at(t, far, one.tool, "k")
	if s.Commit == nil || !s.Register.Owner.Same(one.Self()) || s.Commit.ReceiptID != first.ReceiptID {
		t.Errorf("the ledger has %+v", s)
	}
	if used, err := far.Quotas.Used(t.Context(), one.chain[0].ID); err != nil || used[scope.Calls] != 1 {
		t.Errorf("charged %v, %v", used, err)
	}
	if used, err := far.Quotas.Used(t.Context(), two.chain[0].ID); err != nil || used[scope.Calls] != 0 {
		t.Errorf("a replay is charged %v, %v", used, err)
	}
	if _, err := far.Ledger.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if raw, err := one.Repo.Ledger.Receipt(t.Context(), first.ReceiptID); err != nil || len(raw) == 0 {
		t.Errorf("the receipt is not here: %v", err)
	}
}

// TestWaiting: callers on other machines wait for the one that runs the tool; all get its answer. If it shows no sign
// of life for a lease, the outcome is unknown.
func TestWaiting(t *testing.T) {
	far := peertest.Repo(t, "far")
	url := serve(t, far)
	one := from(t, far, url, remote.Options{}, time.Minute)
	one.hold, one.ran = make(chan struct{}), make(chan struct{}, 1)
	begun := make(chan error, 1)
	go func() {
		_, err := one.call(context.Background(), "k")
		begun <- err
	}()
	<-one.ran
	const others = 8
	answers := make(chan error, others)
	waiting := make(chan struct{}, others)
	for range others {
		c := from(t, far, url, remote.Options{}, time.Minute)
		c.Gate.Waiting = func(ledger.BusyError) { waiting <- struct{}{} }
		go func() {
			out, err := c.call(context.Background(), "k")
			if err == nil && (!out.Replayed || c.runs.Load() != 0 || string(out.Body) != "run 1 for production") {
				err = fmt.Errorf("%+v", out)
			}
			answers <- err
		}()
	}
	for range others {
		<-waiting
	}
	close(one.hold)
	if err := <-begun; err != nil {
		t.Fatal(err)
	}
	for range others {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	dead := from(t, far, url, remote.Options{}, time.Minute)
	if _, _, _, err := dead.ledger.RegisterThere(t.Context(), exec.Effect{Tool: dead.tool, Key: []byte("dead"), Request: []byte("production")}, []caps.Chain{dead.chain}, 0, ledger.Policy{Lease: 4 * time.Second}); err != nil {
		t.Fatal(err)
	}
	late := from(t, far, url, remote.Options{}, time.Minute)
	if _, err := late.call(t.Context(), "dead"); !errors.Is(err, ledger.ErrUnknownOutcome) || late.runs.Load() != 0 {
		t.Errorf("an attempt that nobody heard of: %v", err)
	}
}

// TestNotStarted: an attempt that did not start leaves the key free, and is charged to nobody.
func TestNotStarted(t *testing.T) {
	far := peertest.Repo(t, "far")
	url := serve(t, far)
	c := from(t, far, url, remote.Options{}, time.Minute)
	works := c.Gate.Runners[exec.KindHTTP]
	c.Gate.Runners[exec.KindHTTP] = broken{}
	if _, err := c.call(t.Context(), "k"); !errors.Is(err, exec.ErrNotStarted) {
		t.Fatal(err)
	}
	used, err := far.Quotas.Used(t.Context(), c.chain[0].ID)
	if s := at(t, far, c.tool, "k"); err != nil || used[scope.Calls] != 0 || s.At(far.Now()) != ledger.StatusReleased {
		t.Fatalf("charged %v, %v; %s", used, err, s.At(far.Now()))
	}
	c.Gate.Runners[exec.KindHTTP] = works
	if out, err := c.call(t.Context(), "k"); err != nil || out.Replayed {
		t.Fatal(out, err)
	}
}

type broken struct{}

func (broken) Run(context.Context, exec.Call) (exec.Response, error) {
	return exec.Response{}, exec.NotStarted(errors.New("no such program"))
}

// TestStrangersEntries: nobody can end, renew or make an attempt of somebody else, even if both may call the tool.
func TestStrangersEntries(t *testing.T) {
	far := peertest.Repo(t, "far")
	url := serve(t, far)
	one, two := from(t, far, url, remote.Options{}, time.Minute), from(t, far, url, remote.Options{}, time.Minute)
	d, _, _, err := one.ledger.RegisterThere(t.Context(), exec.Effect{Tool: one.tool, Key: []byte("k"), Request: []byte("production")}, []caps.Chain{one.chain}, 0, ledger.Policy{Lease: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	receipt := func(c *caller) []byte {
		_, raw, err := c.ledger.NewReceipt(ledger.Receipt{ToolID: c.tool, RequestHash: d.RequestHash, ResponseHash: object.Sum([]byte("a lie")), IdempotencyKey: d.Key,
			TimeObserved: c.Now(), Status: exec.StatusOK, Evidence: []object.Hash{c.chain[0].ID}})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	d.Response = []byte("a lie")
	if err := two.ledger.Commit(t.Context(), d, receipt(two)); !errors.Is(err, ledger.ErrNotRegistered) {
		t.Errorf("another agent's commit: %v", err)
	}
	if err := two.ledger.Commit(t.Context(), d, receipt(one)); err == nil {
		t.Error("another agent's commit of the owner's receipt is taken")
	}
	if err := two.ledger.Withdraw(t.Context(), d, ledger.ResolveRelease, receipt(two)); !errors.Is(err, ledger.ErrNotRegistered) {
		t.Errorf("another agent's release: %v", err)
	}
	if ok, err := two.ledger.Renew(t.Context(), d, ledger.Policy{Lease: time.Minute}); ok || err == nil && ok {
		t.Errorf("another agent's renewal: %t, %v", ok, err)
	}
	if _, _, _, err := two.ledger.RegisterThere(t.Context(), exec.Effect{Tool: one.tool, Key: []byte("k"), Request: []byte("production")}, []caps.Chain{one.chain}, 0, ledger.Policy{Lease: time.Minute}); !errors.Is(err, caps.ErrDenied) {
		t.Errorf("another agent's capability: %v", err)
	}
	if s := at(t, far, one.tool, "k"); s.At(far.Now()) != ledger.StatusPending || len(s.History) != 1 {
		t.Errorf("%s, %d entries", s.At(far.Now()), len(s.History))
	}
	if ok, err := one.ledger.Renew(t.Context(), d, ledger.Policy{Lease: time.Minute}); !ok || err != nil {
		t.Errorf("its own renewal: %t, %v", ok, err)
	}
}
