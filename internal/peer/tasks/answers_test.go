package tasks

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// TestAnswersFit: an answer must name the packet, the bundle and the task that were sent, and its receipts must be
// signed by the answering agent, or by one that is trusted for ledgers.
func TestAnswersFit(t *testing.T) {
	ctx := context.Background()
	n := peertest.Repo(t, "far")
	bundle, err := asm.Assemble([]byte(peertest.Hello))
	if err != nil {
		t.Fatal(err)
	}
	pkt, asked, err := n.Packets.PackTask(bundle, packets.PackOptions{Guard: true})
	if err != nil {
		t.Fatal(err)
	}
	question, err := n.Packets.Open(ctx, pkt)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Packets.CheckAnswer(question, asked); !errors.Is(err, run.ErrAnswer) {
		t.Errorf("the question itself: %v", err)
	}
	raw, _, err := n.Packets.Serve(ctx, question, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := n.Packets.Open(ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Packets.CheckAnswer(got, asked); err != nil {
		t.Fatal(err)
	}
	other := object.SumText("another")
	for what, change := range map[string]func(*packets.Asked){
		"packet": func(a *packets.Asked) { a.Packet = other }, "bundle": func(a *packets.Asked) { a.Bundle = other }, "task": func(a *packets.Asked) { a.Task = other },
	} {
		changed := asked
		change(&changed)
		if err := n.Packets.CheckAnswer(got, changed); !errors.Is(err, run.ErrAnswer) {
			t.Errorf("another %s: %v", what, err)
		}
	}
	stranger := sign.FromSeed([32]byte{7}, "stranger")
	_, receipt, err := ledger.NewReceipt(stranger, ledger.Receipt{ToolID: other, RequestHash: other, ResponseHash: other, TimeObserved: n.Now(), Status: 200})
	if err != nil {
		t.Fatal(err)
	}
	got.Answer.Receipts = append(got.Answer.Receipts, receipt)
	if err := n.Packets.CheckAnswer(got, asked); !errors.Is(err, run.ErrAnswer) {
		t.Errorf("a stranger's receipt: %v", err)
	}
	if err := n.Trust.Add(keyfile.Entry{Name: "stranger", Key: stranger.Agent().KeyHex(), For: []string{keyfile.ForLedger}}); err != nil {
		t.Fatal(err)
	}
	if err := n.Packets.CheckAnswer(got, asked); err != nil {
		t.Errorf("a receipt by somebody who is trusted for ledgers: %v", err)
	}
}

// TestSentIsForgotten: a submission to a peer is remembered for a month.
func TestSentIsForgotten(t *testing.T) {
	ctx := context.Background()
	var later atomic.Int64
	n := peertest.Later(t, "far", &later)
	asked := packets.Asked{Packet: object.SumText("packet"), Bundle: object.SumText("bundle"), Task: object.SumText("task")}
	if err := n.Packets.SetSent(ctx, asked, "far"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {packets.KeepSent - time.Minute, 1}, {packets.KeepSent + time.Minute, 0}} {
		later.Store(int64(c.after))
		if err := n.Upkeep.Forget(ctx); err != nil {
			t.Fatal(err)
		}
		count := 0
		if err := n.Packets.Sent(ctx, func(s packets.Sent) error {
			if count++; s.Asked != asked || s.Peer != "far" {
				t.Errorf("%+v", s)
			}
			return nil
		}); err != nil || count != c.want {
			t.Errorf("after %v: %d are left, expected %d, %v", c.after, count, c.want, err)
		}
	}
}
