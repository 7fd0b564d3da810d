package peer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// TestRefusalsKeepTheirKind: what a server's own command line would say of an error is told
// to the peer: the kind, and what to do, on one line without anything for a terminal.
func TestRefusalsKeepTheirKind(t *testing.T) {
	n := taskNode(t, new(atomic.Int64))
	s := &Server{Node: n, Log: discard, metrics: newMeasures()}
	s.Explain = func(err error) (string, string) {
		if errors.Is(err, ledger.ErrBusy) {
			return kindBusy, "wait\n\x1b[2Jfor it" + strings.Repeat(" and wait", 200)
		}
		return kindFailed, ""
	}
	for _, c := range []struct {
		err    error
		status int
		kind   string
	}{
		{&ledger.BusyError{}, 500, kindBusy}, {errors.New("something"), 500, kindFailed}, {errors.New("something"), 403, kindRefused}, {errors.New("something"), 429, kindBusy},
		{fmt.Errorf("%w: %w", auth.ErrUnauthorized, ledger.ErrBusy), 403, kindRefused}, {errors.New("something"), 404, kindNotFound}, {errors.New("something"), 416, kindUsage},
		{&taskError{task.Task{Error: "as it was kept", Kind: "conflict"}}, 500, "conflict"},
	} {
		w := httptest.NewRecorder()
		s.refuse(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/x", nil), c.status, c.err)
		got := refusal(w.Result(), w.Body.String(), n.Now())
		if got.Kind != c.kind || got.Status != c.status || got.Apart() != 0 || len(got.Hint) > maxHint+3 || strings.ContainsAny(got.Hint, "\n\x1b") {
			t.Errorf("%v: %+v, expected kind %s", c.err, got, c.kind)
		}
		if c.kind == kindBusy && c.status == 500 && !strings.HasPrefix(got.Hint, "wait") {
			t.Errorf("hint %q", got.Hint)
		}
	}
}

// TestClocksThatDiffer: who is refused because the two clocks differ hears of both.
func TestClocksThatDiffer(t *testing.T) {
	ctx := context.Background()
	for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
		var later atomic.Int64
		far, near := taskNode(t, &later), taskNode(t, new(atomic.Int64))
		trust(t, far, near, "near")
		later.Store(int64(ahead))
		s := &Server{Node: far, Log: discard, metrics: newMeasures(), streams: make(chan struct{}, maxStreams)}
		server := httptest.NewServer(s.routes())
		self := far.Self()
		cl := &Client{Node: near, URL: server.URL, Key: &self}
		says := fmt.Sprintf("the clocks are %s apart", time.Hour)
		if _, err := cl.Task(ctx, object.SumText("task")); err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "59m59s", "1h0m0s"), says) || !strings.Contains(err.Error(), "more than 5m0s apart") {
			t.Errorf("a signed request: %v", err)
		}
		if ahead > 0 { // a submission from an hour ahead is good
			bundle, err := asm.Assemble([]byte(hello))
			if err != nil {
				t.Fatal(err)
			}
			pkt, _, err := near.Packets.PackTask(bundle, packets.PackOptions{Guard: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err = cl.SubmitTask(ctx, pkt); err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "59m59s", "1h0m0s"), says) {
				t.Errorf("a submission: %v", err)
			}
		}
		server.Close()
	}
}

// TestForeignTextIsChecked: what a peer says of a task or a push is one of the things that it
// can say, and nothing for a terminal.
func TestForeignTextIsChecked(t *testing.T) {
	ctx := context.Background()
	n := taskNode(t, new(atomic.Int64))
	self, id := n.Self(), object.SumText("task")
	answer := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "missing") {
			return
		}
		_, _ = fmt.Fprint(w, answer)
	}))
	defer server.Close()
	cl := &Client{Node: n, URL: server.URL, Key: &self}
	for _, state := range []string{"", "done\\u001b[2J", "gone"} {
		answer = fmt.Sprintf(`{"task":%q,"state":"%s"}`, id, state)
		if _, err := cl.Task(ctx, id); err == nil {
			t.Errorf("state %q was taken", state)
		}
	}
	ref, err := n.Store.PutBlob(ctx, strings.NewReader("text"), store.PutOptions{Media: "text/plain", Codec: object.CodecRaw})
	if err != nil {
		t.Fatal(err)
	}
	answer = `{"parts":0,"bytes":0,"ref":"pushed/\u001b[2J"}`
	if _, err := cl.Push(ctx, ref.CID, nil, nil); err == nil {
		t.Error("a ref that cannot be was taken")
	}
}
