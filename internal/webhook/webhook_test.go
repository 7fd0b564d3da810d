package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/exec/exectest"
	"github.com/mythos-project/mythos/internal/webhook"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/kv"
)

var bob = sign.FromSeed([32]byte{2}, "bob")

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// desk is a gate whose calls of bob's tool wait for people, and a receiver.
type desk struct {
	*exectest.Env
	url    string
	mu     sync.Mutex
	bodies map[string][]string // by the notice's id
	answer func(w http.ResponseWriter, r *http.Request)
}

func newDesk(t *testing.T) *desk {
	d := &desk{Env: exectest.New(t, 1), bodies: map[string][]string{}}
	d.Clock.Store(time.Now().UnixMicro())
	d.Gate.Approvals = &approval.Approvals{KV: d.DB, Objects: d.Store, Signer: d.Key, Ledger: d.Ledger, Now: d.Now, Who: func(a object.AgentID) string { return a.Hint },
		Roles: func() (func(object.AgentID, string) bool, error) {
			return func(a object.AgentID, role string) bool { return a.Same(bob.Agent()) }, nil
		}}
	hook, err := standard.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := hook.Verify(body, r.Header); err != nil {
			t.Errorf("%v: %v", err, r.Header)
		}
		d.mu.Lock()
		id := r.Header.Get("webhook-id")
		d.bodies[id] = append(d.bodies[id], string(body))
		answer := d.answer
		d.mu.Unlock()
		if answer != nil {
			answer(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	d.url = srv.URL
	return d
}

// came returns how many notices, and how many copies, the receiver has got.
func (d *desk) came() (notices, copies int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, all := range d.bodies {
		copies += len(all)
	}
	return len(d.bodies), copies
}

func (d *desk) wantCame(notices, copies int) {
	d.T.Helper()
	if n, c := d.came(); n != notices || c != copies {
		d.T.Fatalf("%d notices came %d times, expected %d, %d times", n, c, notices, copies)
	}
}

// sender is a process that knows the receiver.
func (d *desk) sender(change func(*webhook.Options)) *webhook.Sender {
	d.T.Helper()
	o := webhook.Options{URL: d.url, Secret: secret, KV: d.DB, Now: d.Now, Find: d.Gate.Approvals.Find, Bytes: d.Store.Bytes,
		Tool: func(context.Context, object.Hash) string { return "deploy" }, Who: func(object.AgentID) string { return "scout" }, Debugf: d.T.Logf, First: 3 * time.Second}
	if change != nil {
		change(&o)
	}
	s, err := webhook.New(o)
	if err != nil {
		d.T.Fatal(err)
	}
	return s
}

// process is a process that delivers what it can, and ends.
func (d *desk) process() {
	d.T.Helper()
	s := d.sender(nil)
	s.Wake()
	d.idle()
	if err := s.Close(); err != nil {
		d.T.Error(err)
	}
}

// idle waits until nothing is due and nothing under way.
func (d *desk) idle() {
	d.T.Helper()
	for busy := true; busy; time.Sleep(time.Millisecond) {
		busy = false
		err := kv.Scan(d.T.Context(), d.DB, kv.Notices, func(_ string, raw []byte) error {
			n, err := object.Decode[struct {
				Next  object.Time `can:"1,next"`
				Tries uint64      `can:"2,tries"`
				Why   string      `can:"3,why,omitzero"`
			}](raw)
			busy = busy || err == nil && (n.Next <= d.Now() || n.Why == "its process ended")
			return err
		})
		if err != nil {
			d.T.Fatal(err)
		}
	}
}

// killed is the outbox of a process that is killed before it sends anything.
type killed struct{ *webhook.Sender }

func (killed) Wake() {}

// ask makes a call that waits, in a process with an outbox.
func (d *desk) ask(out approval.Outbox, key string) object.Hash {
	d.T.Helper()
	tool := exec.BuiltinID("test.count")
	chain := d.Cap("tool.call:" + tool.String() + ",approve=2/ops")
	people := *d.Gate.Approvals
	people.Outbox = out
	err := people.Ask(d.T.Context(), approval.Wish{Tool: tool, Request: []byte("the request"), RequestHash: object.SumText("the request"), Key: []byte(key), Chain: chain})
	var denied *caps.DeniedError
	if !errors.As(err, &denied) || denied.Approval.IsZero() {
		d.T.Fatal(err)
	}
	return denied.Approval
}

func (d *desk) givenUp(want ...string) []webhook.Undelivered {
	d.T.Helper()
	list, err := webhook.GivenUp(d.T.Context(), d.DB, d.Now())
	var why []string
	for _, u := range list {
		why = append(why, u.Why)
	}
	if err != nil || !slices.Equal(why, want) {
		d.T.Fatalf("given up: %q, %v; expected %q", why, err, want)
	}
	return list
}

// TestTell: a notice verifies with the library of the standard, is sent again after a failure with the same id and the same
// bytes, and has the request's bytes only if that was asked for. A redirect is not followed.
func TestTell(t *testing.T) {
	for _, with := range []bool{false, true} {
		d := newDesk(t)
		got := make(chan struct{}, 8)
		d.answer = func(w http.ResponseWriter, r *http.Request) {
			defer func() { got <- struct{}{} }()
			switch _, n := d.came(); n {
			case 1:
				w.WriteHeader(http.StatusInternalServerError)
			case 2:
				http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			}
		}
		s := d.sender(func(o *webhook.Options) {
			o.WithRequest, o.First, o.Now = with, time.Millisecond, func() object.Time { return object.TimeOf(time.Now()) }
		})
		id := d.ask(s, "k")
		for range 3 {
			<-got
		}
		d.idle()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		d.wantCame(1, 3)
		d.givenUp()
		all := d.bodies["msg_"+id.String()]
		if len(all) != 3 || all[0] != all[1] || all[1] != all[2] {
			t.Fatalf("%q", all)
		}
		var n struct {
			Type string
			Data struct {
				Approval, Tool, Role, Show string
				Need                       int
				Request                    []byte
			}
		}
		if err := json.Unmarshal([]byte(all[0]), &n); err != nil || n.Type != "approval.requested" || n.Data.Approval != id.String() || n.Data.Tool != "deploy" || n.Data.Need != 2 || n.Data.Role != "ops" {
			t.Errorf("%v: %s", err, all[0])
		}
		if (string(n.Data.Request) == "the request") != with {
			t.Errorf("the request is told: %q", n.Data.Request)
		}
		d.process()
		d.wantCame(1, 3)
	}
}

// TestLeft: what a killed process did not send, or perhaps did, another one sends, with the same id: at once, or when nobody can
// be sending it any more. Then it is done.
func TestLeft(t *testing.T) {
	d := newDesk(t)
	d.ask(killed{d.sender(nil)}, "k")
	d.wantCame(0, 0)
	d.process()
	d.wantCame(1, 1)
	d.process()
	d.wantCame(1, 1)

	hang := make(chan struct{})
	came := make(chan struct{}, 1)
	d.answer = func(http.ResponseWriter, *http.Request) { came <- struct{}{}; <-hang }
	slow := d.sender(nil)
	d.ask(slow, "k2")
	<-came
	d.mu.Lock()
	d.answer = nil
	d.mu.Unlock()
	early := d.sender(nil)
	early.Wake()
	if err := early.Close(); err != nil {
		t.Fatal(err)
	}
	d.wantCame(2, 2)
	d.Pass(time.Minute)
	d.process()
	d.wantCame(2, 3)
	close(hang)
	if err := slow.Close(); err != nil {
		t.Fatal(err)
	}
	d.givenUp()
	d.process()
	d.wantCame(2, 3)
}

// TestManySenders: processes that send at the same time send each notice once.
func TestManySenders(t *testing.T) {
	d := newDesk(t)
	const notices, processes = 50, 8
	for i := range notices {
		d.ask(killed{d.sender(nil)}, fmt.Sprint(i))
	}
	var wg sync.WaitGroup
	for range processes {
		wg.Go(d.process)
	}
	wg.Wait()
	d.wantCame(notices, notices)
}

// TestGivenUp: a receiver that refuses gets a bounded number of tries, and one that nobody was there to tell before the
// request expired gets none. Both are listed for a day. What people have decided about is told to nobody.
func TestGivenUp(t *testing.T) {
	d := newDesk(t)
	d.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }
	d.ask(killed{d.sender(nil)}, "k")
	for range 12 {
		d.process()
		d.Pass(time.Minute)
	}
	d.wantCame(1, 8)
	d.givenUp("try 8: the receiver answers with status 418")

	d.ask(killed{d.sender(nil)}, "late")
	d.Pass(time.Hour)
	decided := d.ask(killed{d.sender(nil)}, "decided")
	if _, err := d.Gate.Approvals.Decide(t.Context(), decided, bob, false, ""); err != nil {
		t.Fatal(err)
	}
	d.process()
	d.wantCame(1, 8)
	list, err := webhook.GivenUp(t.Context(), d.DB, d.Now())
	if err != nil || len(list) != 2 || list[0].Why == list[1].Why || !strings.Contains(list[0].Why+list[1].Why, "it was over before any process tried") {
		t.Fatal(list, err)
	}
	for day, want := range map[time.Duration]int{0: 0, 25 * time.Hour: 2} {
		put := map[string][]byte{}
		if err := webhook.Over(t.Context(), d.DB, d.Now().Add(day), put); err != nil || len(put) != want {
			t.Errorf("after %v: %d are over, %v", day, len(put), err)
		}
	}

	d.Pass(25 * time.Hour)
	d.givenUp()
	d.ask(killed{d.sender(nil)}, "next")
	d.Pass(time.Hour)
	d.process()
	d.givenUp("it was over before any process tried")
	put := map[string][]byte{}
	if err := webhook.Over(t.Context(), d.DB, d.Now(), put); err != nil || len(put) != 0 {
		t.Errorf("%d are over, and were not removed with the next one: %v", len(put), err)
	}
}

// TestHangs: a receiver that never answers delays nobody.
func TestHangs(t *testing.T) {
	d := newDesk(t)
	hang, came := make(chan struct{}), make(chan struct{}, 256)
	d.answer = func(http.ResponseWriter, *http.Request) { came <- struct{}{}; <-hang }
	defer close(hang)
	s := d.sender(nil)
	for i := range 50 { // more than may be under way
		d.ask(s, fmt.Sprint(i))
	}
	<-came
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestReceiver: only https, or this machine; a secret that is given or comes from a file is in no error.
func TestReceiver(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hook.secret"), []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		url, secret string
		ok          bool
	}{
		{"https://example.org/hook", secret, true}, {"http://127.0.0.1:1/", "hook.secret", true}, {"http://[::1]:1/", secret, true},
		{"http://localhost:1/", secret, false}, // a name may lead anywhere
		{"http://example.org/hook", secret, false}, {"https://user:word@example.org/", secret, false}, {"ftp://example.org/", secret, false}, {"nonsense", secret, false},
		{"https://example.org/hook", "whsec_short", false}, {"https://example.org/hook", "nothing.secret", false}, {"https://example.org/hook", "", false},
	} {
		_, err := webhook.New(webhook.Options{URL: c.url, Secret: c.secret, Dir: dir})
		if (err == nil) != c.ok || err != nil && (!errors.Is(err, webhook.ErrReceiver) || strings.Contains(err.Error(), "MfKQ9r8")) {
			t.Errorf("%s with %s: %v", c.url, c.secret, err)
		}
	}
}
