package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/internal/webhook"
	"github.com/mythos-project/mythos/object"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func sender(t *testing.T, url string, change func(*webhook.Options)) *webhook.Sender {
	t.Helper()
	o := webhook.Options{URL: url, Secret: secret, Tool: func(context.Context, object.Hash) string { return "deploy" },
		Who: func(object.AgentID) string { return "scout" }, Debugf: t.Logf, First: time.Millisecond}
	if change != nil {
		change(&o)
	}
	s, err := webhook.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var request = &approval.Request{ID: object.SumText("request"), ToolID: object.SumText("deploy"), Agents: []object.AgentID{{}}, Need: 2, Role: "ops", ExpiresAt: 2_000_000}

// TestTell: a notice verifies with the library of the standard, is sent again after a failure under the same id, and
// has the request's bytes only if that was asked for. A redirect is not followed.
func TestTell(t *testing.T) {
	for _, with := range []bool{false, true} {
		hook, err := standard.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		told := make(chan string, 1)
		var came atomic.Int64
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if err := hook.Verify(body, r.Header); err != nil || r.Header.Get("webhook-id") != "msg_"+request.ID.String() {
				t.Errorf("%v: %v", err, r.Header)
			}
			switch came.Add(1) {
			case 1:
				w.WriteHeader(http.StatusInternalServerError)
			case 2:
				http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			default:
				told <- string(body)
			}
		}))
		s := sender(t, srv.URL, func(o *webhook.Options) { o.WithRequest = with })
		s.Tell(request, []byte("the request"))
		body := <-told
		if err := s.Close(); err != nil || came.Load() != 3 {
			t.Errorf("%d came, %v", came.Load(), err)
		}
		srv.Close()
		var n struct {
			Type string
			Data struct {
				Approval, Tool, Role, Show string
				Need                       int
				Request                    []byte
			}
		}
		if err := json.Unmarshal([]byte(body), &n); err != nil || n.Type != "approval.requested" || n.Data.Approval != request.ID.String() || n.Data.Tool != "deploy" || n.Data.Need != 2 || n.Data.Role != "ops" {
			t.Errorf("%v: %s", err, body)
		}
		if (string(n.Data.Request) == "the request") != with {
			t.Errorf("the request is told: %q", n.Data.Request)
		}
	}
}

// TestHangs: a receiver that never answers delays nobody.
func TestHangs(t *testing.T) {
	hang, came := make(chan struct{}), make(chan struct{}, 256)
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came <- struct{}{}; <-hang }))
	defer srv.Close()
	defer close(hang)
	s := sender(t, srv.URL, nil)
	for range 200 { // more than may be under way
		s.Tell(request, nil)
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
