package tasks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"syscall"
	"time"

	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/object"
)

// Submit sends a packet and returns the answer: its bytes, and its contents after all checks, including that it answers
// the submission. If the connection is lost, it asks for the answer again, see [Answer].
func Submit(ctx context.Context, c *peer.Client, pkt []byte, asked packets.Asked) ([]byte, *packets.Received, error) {
	raw, got, err := submit(ctx, c, pkt, asked)
	if lost(ctx, err) && !peer.Unsent(err) {
		again, late, failed := Answer(ctx, c, asked)
		var refused *peer.StatusError
		if !errors.As(failed, &refused) || refused.Status != http.StatusNotFound {
			raw, got, err = again, late, failed
		} // otherwise the peer never received the packet
	}
	return raw, got, err
}

func submit(ctx context.Context, c *peer.Client, pkt []byte, asked packets.Asked) ([]byte, *packets.Received, error) {
	res, err := post(ctx, c, pkt, "")
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	return openAnswer(ctx, c, res.Body, asked)
}

// lost reports whether the connection failed, and not the peer or its answer.
func lost(ctx context.Context, err error) bool {
	var broken *url.Error
	return ctx.Err() == nil && !errors.Is(err, auth.ErrIdentity) && (errors.As(err, &broken) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET))
}

// Leave sends a packet and returns at once; the task's id is that of the packet.
func Leave(ctx context.Context, c *peer.Client, pkt []byte) (task.Task, error) {
	var t task.Task
	res, err := post(ctx, c, pkt, "respond-async")
	if err != nil {
		return t, err
	}
	return t, readTask(res, object.Sum(pkt), &t)
}

func post(ctx context.Context, c *peer.Client, pkt []byte, prefer string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/v1/packets", bytes.NewReader(pkt))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/mythos-x")
	if prefer != "" {
		r.Header.Set("Prefer", prefer)
	}
	return c.Do(r)
}

// Status returns the state of a task that we submitted.
func Status(ctx context.Context, c *peer.Client, id object.Hash) (task.Task, error) {
	var t task.Task
	res, err := c.Get(ctx, "/v1/tasks/"+id.String(), nil)
	if err != nil {
		return t, err
	}
	return t, readTask(res, id, &t)
}

// Cancel asks the peer to end a task that we submitted, and returns the task as it is then. Its answer says that it was
// cancelled, unless it had already ended.
func Cancel(ctx context.Context, c *peer.Client, id object.Hash) (task.Task, error) {
	var t task.Task
	res, err := c.Send(ctx, http.MethodDelete, "/v1/tasks/"+id.String(), nil, nil, nil)
	if err != nil {
		return t, err
	}
	return t, readTask(res, id, &t)
}

func readTask(res *http.Response, id object.Hash, t *task.Task) error {
	defer res.Body.Close()
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(t); err != nil {
		return fmt.Errorf("task %s: %w", id.Short(), err)
	}
	if !slices.Contains([]string{task.Queued, task.Running, task.Done, task.Failed, task.Cancelled}, t.State) {
		return fmt.Errorf("task %s: the peer gives the state %q, which is none", id.Short(), t.State)
	}
	if t.ID != id {
		return fmt.Errorf("the peer speaks of task %s, asked was %s", t.ID.Short(), id.Short())
	}
	return nil
}

// patience is how long a peer that has a task of ours may be unreachable.
const patience = time.Minute

// Answer waits for the answer to a task that we submitted, across lost connections and restarts of the peer, but for at
// most a minute while the peer cannot be reached.
func Answer(ctx context.Context, c *peer.Client, asked packets.Asked) ([]byte, *packets.Received, error) {
	for reached := time.Now(); ; {
		began := time.Now()
		raw, got, err := answer(ctx, c, asked)
		var refused *peer.StatusError
		stopping := errors.As(err, &refused) && refused.Status == http.StatusServiceUnavailable
		if !stopping && !lost(ctx, err) {
			return raw, got, err
		}
		if !peer.Unsent(err) && time.Since(began) > time.Second { // it was reachable, and kept us waiting
			reached = time.Now()
		}
		if time.Since(reached) > patience {
			return nil, nil, err
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func answer(ctx context.Context, c *peer.Client, asked packets.Asked) ([]byte, *packets.Received, error) {
	res, err := c.Get(ctx, "/v1/tasks/"+asked.Packet.String()+"/result", nil)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	return openAnswer(ctx, c, res.Body, asked)
}

func openAnswer(ctx context.Context, c *peer.Client, body io.Reader, asked packets.Asked) ([]byte, *packets.Received, error) {
	raw, err := io.ReadAll(io.LimitReader(body, 2*maxPacket))
	if err != nil {
		return nil, nil, err
	}
	got, err := c.Repo.Packets.Open(ctx, raw)
	if err != nil {
		return raw, nil, fmt.Errorf("answer: %w", err)
	}
	if err := c.Repo.Packets.CheckAnswer(got, asked); err != nil {
		return raw, got, err
	}
	if c.Key != nil && !got.Author.Same(*c.Key) {
		return raw, got, fmt.Errorf("%w: the answer is by %s", auth.ErrIdentity, got.Author)
	}
	return raw, got, nil
}
