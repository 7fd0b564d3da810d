package packets

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Asked is what a submission asked for: an answer must name all of it.
type Asked struct {
	Packet object.Hash `json:"packet"`
	Bundle object.Hash `json:"bundle"`
	Task   object.Hash `json:"task"` // the bundle's first
}

// Sent is a submission that a peer has accepted.
type Sent struct {
	Asked
	Peer string      `json:"peer"` // a name, or a URL
	At   object.Time `json:"at"`   // microseconds
}

// KeepSent is how long submissions are remembered.
const KeepSent = 30 * 24 * time.Hour

const sentKeys = kv.SentPackets // Sent as JSON

// PackTask is Pack for a submission, and also returns what its answer must name.
func (pa *Packets) PackTask(raw []byte, o PackOptions) ([]byte, Asked, error) {
	sealed, err := pa.seal(raw, o)
	if err != nil {
		return nil, Asked{}, err
	}
	var asked Asked
	if asked.Bundle, err = ir.BundleID(sealed); err != nil {
		return nil, asked, err
	}
	b, err := object.Decode[ir.Bundle](sealed)
	if err != nil {
		return nil, asked, err
	}
	if len(b.Tasks.Tasks) == 0 {
		return nil, asked, vm.ErrNoTask
	}
	asked.Task = b.Tasks.Tasks[0].TaskID
	pkt, err := pa.packSealed(sealed, o)
	asked.Packet = object.Sum(pkt)
	return pkt, asked, err
}

// CheckAnswer checks that a packet answers the submission, that its author has signed it, and that each receipt is
// signed by the author or by an agent that is trusted for ledgers.
func (pa *Packets) CheckAnswer(got *Received, asked Asked) error {
	a := got.Answer
	switch {
	case !got.Packet.SignedBy(got.Author):
		return fmt.Errorf("%w: its author %s has not signed it", run.ErrAnswer, got.Author)
	case a == nil || a.PacketID != asked.Packet:
		return fmt.Errorf("%w: the peer answered another packet", run.ErrAnswer)
	case a.BundleID != asked.Bundle:
		return fmt.Errorf("%w: the peer answers with bundle %s, sent was %s", run.ErrAnswer, a.BundleID.Short(), asked.Bundle.Short())
	case a.TaskID != asked.Task:
		return fmt.Errorf("%w: the peer answers with task %s, asked was %s", run.ErrAnswer, a.TaskID.Short(), asked.Task.Short())
	}
	for _, raw := range a.Receipts {
		r, id, err := ledger.OpenReceipt(raw)
		if err != nil {
			return fmt.Errorf("%w: %w", run.ErrAnswer, err)
		}
		if !r.Signer.Same(got.Author) && !pa.ID.Trust.Trusted(r.Signer, keyfile.ForLedger, pa.ID.Now()) {
			return fmt.Errorf("%w: receipt %s is by %s, who neither answers nor is trusted for ledgers", run.ErrAnswer, id.Short(), r.Signer)
		}
	}
	return nil
}

// SetSent records that a peer has accepted a task.
func (pa *Packets) SetSent(ctx context.Context, asked Asked, peer string) error {
	raw, err := json.Marshal(Sent{asked, peer, pa.ID.Now()})
	if err != nil {
		return err
	}
	_, err = pa.DB.Update(ctx, nil, map[string][]byte{sentKeys + asked.Packet.String(): raw})
	return err
}

// Sent calls fn for each task that a peer has accepted, ascending by the packet's id.
func (pa *Packets) Sent(ctx context.Context, fn func(Sent) error) error {
	return pa.DB.Scan(ctx, sentKeys, kv.End(sentKeys), func(key string, raw []byte) error {
		var s Sent
		if err := json.Unmarshal(raw, &s); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return fn(s)
	})
}

// Over marks in put what can be removed: the nonces of packets and requests that have expired, and would be refused for
// that, and submissions of a month ago.
func (pa *Packets) Over(ctx context.Context, put map[string][]byte) error {
	now := pa.ID.Now()
	for _, space := range []string{seenKeys, nonceKeys} {
		err := pa.DB.Scan(ctx, space, kv.End(space), func(key string, until []byte) error {
			if len(until) == 8 && object.Time(binary.BigEndian.Uint64(until)) < now {
				put[key] = nil
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return pa.Sent(ctx, func(sent Sent) error {
		if sent.At.Add(KeepSent) < now {
			put[sentKeys+sent.Packet.String()] = nil
		}
		return nil
	})
}
