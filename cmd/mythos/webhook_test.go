package main

import (
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

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/mythos-project/mythos/store/kv"
)

const webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// receiver receives webhooks.
type receiver struct {
	mu   sync.Mutex
	ids  []string
	hang chan struct{} // answers wait for it; nil: none does
	came chan string
}

// receives makes a receiver the one of a repository.
func receives(t *testing.T, dir string) *receiver {
	t.Helper()
	r := &receiver{came: make(chan string, 64)}
	hook, err := standard.NewWebhook(webhookSecret)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		if err := hook.Verify(body, q.Header); err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		id, hang := q.Header.Get("webhook-id"), r.hang
		r.ids = append(r.ids, id)
		r.mu.Unlock()
		r.came <- id
		if hang != nil {
			<-hang
		}
	}))
	t.Cleanup(srv.Close)
	name := filepath.Join(dir, ".mythos", "config.yaml")
	text, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, fmt.Appendf(text, "\napproval_webhook: %s/a-secret-path\napproval_webhook_secret: %s\n", srv.URL, webhookSecret), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *receiver) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ids)
}

// TestWebhookLeft kills a process before it has sent a notice, and one in the middle of it. A server that starts later
// delivers both; the receiver knows by the id what it has already got. The store never holds the receiver's address.
func TestWebhookLeft(t *testing.T) { //nolint:paralleltest // it sets a variable
	dir := repository(t)
	noting(t, dir)
	mustRun(t, dir, "key", "gen", "bob")
	mustRun(t, dir, "trust", "add", "bob", "--for", "approve/ops")
	mustRun(t, dir, "cap", "revoke", strings.Fields(mustRun(t, dir, "cap", "ls", "-q"))[0])
	mustRun(t, dir, "cap", "issue", "--to", "self", "--scope", "tool.call:note,approve=1/ops", "--ttl", "8h")
	r := receives(t, dir)
	d := serveDying(t, dir)
	s := d.startUntil(kv.Notices, "call", "note", "--key", "k", "--in", "in")
	if code := s.end(); code != -1 {
		t.Fatalf("exit code %d: %s", code, s.err.String())
	}
	d.live()
	if ids := r.got(); len(ids) > 0 {
		t.Fatalf("the call was killed when it had written the notice, and the receiver got %q", ids)
	}
	first := "msg_" + approvalIDs(t, dir)[0]

	r.hang = make(chan struct{})
	s = start(t, dir, "call", "note", "--key", "k2", "--in", "in")
	both := []string{<-r.came, <-r.came} // it sends what it finds
	if err := s.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.end()
	close(r.hang)
	r.mu.Lock()
	r.hang = nil
	r.mu.Unlock()
	if both[0] == both[1] || !slices.Contains(both, first) {
		t.Fatalf("%q, expected %s and another one", both, first)
	}

	t.Setenv(clockVar, "1m") // nobody can be sending it any more
	serve(t, dir)
	again := []string{<-r.came, <-r.came}
	slices.Sort(both)
	slices.Sort(again)
	if !slices.Equal(both, again) {
		t.Errorf("%q, then %q", both, again)
	}
	for _, id := range approvalIDs(t, dir) { // and this has nothing to send
		mustRun(t, dir, "approve", "sign", id, "--key", "bob")
	}
	if ids := r.got(); len(ids) != 4 {
		t.Errorf("%q", ids)
	}
	err := d.KV.Scan(t.Context(), "\x01", "\xff", func(key string, value []byte) error {
		if strings.Contains(string(value), "a-secret-path") || strings.Contains(string(value), webhookSecret) {
			t.Errorf("%s holds the receiver's address or secret", key)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func approvalIDs(t *testing.T, dir string) (ids []string) {
	t.Helper()
	for line := range strings.Lines(mustRun(t, dir, "approve", "ls", "--json")) {
		_, id, _ := strings.Cut(line, `"approval":"`)
		ids = append(ids, id[:64])
	}
	return ids
}
