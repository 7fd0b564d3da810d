package codebook

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/packet"
)

// TrainEffect is the effect that makes a codebook.
const TrainEffect = "codebook.train"

// Register registers codebook.train.
func (c *Codebooks) Register() {
	c.Gate.Builtin(TrainEffect, exec.Builtin{
		Use: calls.ToolUse(TrainEffect), RetrySafe: true, Writes: true,
		Run: calls.Job(func(ctx context.Context, _ exec.Call, q *packet.CodebookTraining) (exec.Response, error) {
			t, err := c.trainCodebook(ctx, q)
			if err != nil {
				return exec.Response{}, err
			}
			return calls.Outcome(t, nil, t.Codebook)
		}),
	})
}

func (c *Codebooks) trainCodebook(ctx context.Context, q *packet.CodebookTraining) (*packet.TrainedCodebook, error) {
	if len(q.Samples) > maxTrainSamples {
		return nil, fmt.Errorf("%w: %d samples, at most %d", packet.ErrTraining, len(q.Samples), maxTrainSamples)
	}
	var samples [][]byte
	size := 0
	for _, id := range q.Samples {
		raw, err := c.Store.Bytes(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("sample: %w", err)
		}
		if size += len(raw); size > 2*maxTrainBytes {
			return nil, fmt.Errorf("%w: the samples exceed %d bytes", packet.ErrTraining, 2*maxTrainBytes)
		}
		samples = append(samples, raw)
	}
	cb, s, err := packet.Train(samples, int(q.Size))
	if err != nil {
		return nil, err
	}
	if s.Trained >= s.Baseline {
		return nil, fmt.Errorf("%w: it saves nothing: %d bytes with it, %d with the baseline, over %d packets", packet.ErrTraining, s.Trained, s.Baseline, s.Samples)
	}
	id, err := c.Put(ctx, cb)
	return &packet.TrainedCodebook{Codebook: id, Measured: uint64(s.Samples), Plain: uint64(s.Plain), Baseline: uint64(s.Baseline), Trained: uint64(s.Trained)}, err
}

// Train makes a codebook from bundles as an effect, and stores it. The same bundles in the same order give the same
// codebook again. It changes no packet until a peer agrees to it. The error is a *calls.FailedError if the samples make
// no useful codebook.
func (c *Codebooks) Train(ctx context.Context, samples [][]byte, size int) (*packet.TrainedCodebook, error) {
	q := packet.CodebookTraining{Samples: []object.Hash{}, Size: uint32(size)}
	for _, raw := range samples {
		id, err := c.Store.PutBytes(ctx, raw)
		if err != nil {
			return nil, err
		}
		q.Samples = append(q.Samples, id)
	}
	called, err := c.Caller.AskAsOwner(ctx, TrainEffect, &q)
	if err != nil {
		return nil, err
	}
	t, err := object.Decode[packet.TrainedCodebook](called.Body)
	if err != nil {
		return nil, err
	}
	return t, c.Models.Decided(ctx, t.Codebook, called.ReceiptID)
}
