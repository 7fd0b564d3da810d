package tasks

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/object"
)

// TestClocksThatDiffer: a peer that is refused because the two clocks differ is told both times.
func TestClocksThatDiffer(t *testing.T) {
	ctx := context.Background()
	for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
		var later atomic.Int64
		far, near := peertest.Later(t, "far", &later), peertest.Repo(t, "far")
		peertest.Trust(t, far, near, "near")
		later.Store(int64(ahead))
		_, _, h := started(t, far)
		server := httptest.NewServer(h)
		self := far.Self()
		cl := &peer.Client{Repo: near, URL: server.URL, Key: &self}
		says := fmt.Sprintf("the clocks are %s apart", time.Hour)
		if _, err := Status(ctx, cl, object.SumText("task")); err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "59m59s", "1h0m0s"), says) || !strings.Contains(err.Error(), "more than 5m0s apart") {
			t.Errorf("a signed request: %v", err)
		}
		if ahead > 0 { // a submission from an hour ahead is valid
			bundle, err := asm.Assemble([]byte(peertest.Hello))
			if err != nil {
				t.Fatal(err)
			}
			pkt, _, err := near.Packets.PackTask(bundle, packets.PackOptions{Guard: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err = Leave(ctx, cl, pkt); err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "59m59s", "1h0m0s"), says) {
				t.Errorf("a submission: %v", err)
			}
		}
		server.Close()
	}
}

// TestForeignTextIsChecked: what a peer says about a task is one of the allowed values, and contains nothing for a
// terminal.
func TestForeignTextIsChecked(t *testing.T) {
	ctx := context.Background()
	n := peertest.Repo(t, "near")
	self, id := n.Self(), object.SumText("task")
	answer := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, answer)
	}))
	defer server.Close()
	cl := &peer.Client{Repo: n, URL: server.URL, Key: &self}
	for _, state := range []string{"", "done\\u001b[2J", "gone"} {
		answer = fmt.Sprintf(`{"task":%q,"state":"%s"}`, id, state)
		if _, err := Status(ctx, cl, id); err == nil {
			t.Errorf("state %q was taken", state)
		}
	}
}
