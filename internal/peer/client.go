package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/object"
)

// Client calls one peer. It is safe for concurrent use.
type Client struct {
	Node *repo.Repo
	Name string // what people call it; empty: its URL
	URL  string // "http://host:port"
	HTTP *http.Client

	// Key is who must answer there; nil: the one that the first answer names.
	Key *object.AgentID

	once sync.Once
	to   object.AgentID
	err  error
	pool sync.Once
	own  *http.Client
}

// To is a client of a peer.
func To(n *repo.Repo, p peers.Peer) *Client {
	return &Client{Node: n, Name: p.Name, URL: strings.TrimSuffix(p.URL, "/"), Key: p.Key}
}

// String is the name, or the URL.
func (c *Client) String() string {
	if c.Name != "" {
		return c.Name
	}
	return c.URL
}

func (c *Client) do(r *http.Request) (*http.Response, error) {
	client := c.HTTP
	if client == nil {
		c.pool.Do(func() { c.own = &http.Client{Transport: c.transport(), CheckRedirect: noRedirects} })
		client = c.own
	}
	res, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 != 2 {
		defer res.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
		return nil, refusal(res, strings.TrimSpace(string(text)), c.Node.Now())
	}
	if c.Key != nil {
		if err := auth.Proven(res, *c.Key); err != nil {
			return nil, errors.Join(err, res.Body.Close())
		}
	}
	res.Body = unstalled(res.Body, maxStall)
	return res, nil
}

// noRedirects: a signature is for one path of one peer.
func noRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Peer is the agent that requests are signed for: what it gets nobody else can use.
func (c *Client) Peer(ctx context.Context) (object.AgentID, error) {
	c.once.Do(func() {
		if c.Key != nil {
			c.to = *c.Key
			return
		}
		c.to, c.err = c.Agent(ctx)
	})
	return c.to, c.err
}

// signed makes a signed request. A body that is not nil is sent, unless stream is,
// and covered by the signature.
func (c *Client) signed(ctx context.Context, method, path string, chain caps.Chain, body []byte, stream io.Reader) (*http.Response, error) {
	to, err := c.Peer(ctx)
	if err != nil {
		return nil, err
	}
	if stream == nil && body != nil {
		stream = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.URL+path, stream)
	if err != nil {
		return nil, err
	}
	// Signed for each connection that it is tried on: net/http sends a request again when a
	// connection that was used before turns out to be closed, and a nonce is taken once.
	var unsigned error
	sign := func(got httptrace.GotConnInfo) {
		unsigned = auth.Sign(r, c.Node.Key, to, auth.SessionOf(got.Conn), chain, body, c.Node.Now())
	}
	r = r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: sign}))
	res, err := c.do(r)
	if err != nil {
		return nil, errors.Join(unsigned, err)
	}
	if unsigned == nil && c.Key == nil { // else it is checked already
		unsigned = auth.Proven(res, to)
	}
	if err := unsigned; err != nil {
		return nil, errors.Join(err, res.Body.Close())
	}
	return res, nil
}

// Get makes a signed request for a path, under a capability. The caller closes the
// body of the answer.
func (c *Client) Get(ctx context.Context, path string, chain caps.Chain) (*http.Response, error) {
	return c.signed(ctx, http.MethodGet, path, chain, nil, nil)
}

// Submit sends a packet and returns the answer: its bytes, and what it says after
// all checks, among them that it answers what was asked. When the connection is lost on
// the way, the answer is asked for again, see [Client.TaskAnswer].
func (c *Client) Submit(ctx context.Context, pkt []byte, asked packets.Asked) ([]byte, *packets.Received, error) {
	raw, got, err := c.submit(ctx, pkt, asked)
	if lost(ctx, err) && !unsent(err) {
		again, late, failed := c.TaskAnswer(ctx, asked)
		var refused *StatusError
		if !errors.As(failed, &refused) || refused.Status != http.StatusNotFound {
			raw, got, err = again, late, failed
		} // else the peer never got the packet
	}
	return raw, got, err
}

func (c *Client) submit(ctx context.Context, pkt []byte, asked packets.Asked) ([]byte, *packets.Received, error) {
	res, err := c.post(ctx, pkt, "")
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	return c.openAnswer(ctx, res.Body, asked)
}

// lost reports whether a connection failed, and not the peer or its answer.
func lost(ctx context.Context, err error) bool {
	var broken *url.Error
	return ctx.Err() == nil && !errors.Is(err, auth.ErrIdentity) && (errors.As(err, &broken) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET))
}

// unsent reports whether a connection was never made.
func unsent(err error) bool {
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial"
}

// SubmitTask sends a packet and returns at once: the task's id is that of the packet.
func (c *Client) SubmitTask(ctx context.Context, pkt []byte) (task.Task, error) {
	var t task.Task
	res, err := c.post(ctx, pkt, "respond-async")
	if err != nil {
		return t, err
	}
	return t, c.readTask(res, object.Sum(pkt), &t)
}

func (c *Client) post(ctx context.Context, pkt []byte, prefer string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/v1/packets", bytes.NewReader(pkt))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/mythos-x")
	if prefer != "" {
		r.Header.Set("Prefer", prefer)
	}
	return c.do(r)
}

// Task asks how a task that we submitted is getting on.
func (c *Client) Task(ctx context.Context, id object.Hash) (task.Task, error) {
	var t task.Task
	res, err := c.Get(ctx, "/v1/tasks/"+id.String(), nil)
	if err != nil {
		return t, err
	}
	return t, c.readTask(res, id, &t)
}

// Cancel asks the peer to end a task that we submitted, and returns the task as it is
// then. Its answer says that it was cancelled, unless it had ended.
func (c *Client) Cancel(ctx context.Context, id object.Hash) (task.Task, error) {
	var t task.Task
	res, err := c.signed(ctx, http.MethodDelete, "/v1/tasks/"+id.String(), nil, nil, nil)
	if err != nil {
		return t, err
	}
	return t, c.readTask(res, id, &t)
}

func (c *Client) readTask(res *http.Response, id object.Hash, t *task.Task) error {
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

// patience is how long a peer that has a task of ours may be out of reach.
const patience = time.Minute

// TaskAnswer waits for the answer to a task that we submitted, over lost connections and
// restarts of the peer; for a minute at most while it cannot be reached.
func (c *Client) TaskAnswer(ctx context.Context, asked packets.Asked) ([]byte, *packets.Received, error) {
	for reached := time.Now(); ; {
		began := time.Now()
		raw, got, err := c.taskAnswer(ctx, asked)
		var refused *StatusError
		stopping := errors.As(err, &refused) && refused.Status == http.StatusServiceUnavailable
		if !stopping && !lost(ctx, err) {
			return raw, got, err
		}
		if !unsent(err) && time.Since(began) > time.Second { // it was there, and kept us waiting
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

func (c *Client) taskAnswer(ctx context.Context, asked packets.Asked) ([]byte, *packets.Received, error) {
	res, err := c.Get(ctx, "/v1/tasks/"+asked.Packet.String()+"/result", nil)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	return c.openAnswer(ctx, res.Body, asked)
}

func (c *Client) openAnswer(ctx context.Context, body io.Reader, asked packets.Asked) ([]byte, *packets.Received, error) {
	raw, err := io.ReadAll(io.LimitReader(body, 2*maxPacket))
	if err != nil {
		return nil, nil, err
	}
	got, err := c.Node.Packets.Open(ctx, raw)
	if err != nil {
		return raw, nil, fmt.Errorf("answer: %w", err)
	}
	if err := c.Node.Packets.CheckAnswer(got, asked); err != nil {
		return raw, got, err
	}
	if c.Key != nil && !got.Author.Same(*c.Key) {
		return raw, got, fmt.Errorf("%w: the answer is by %s", auth.ErrIdentity, got.Author)
	}
	return raw, got, nil
}
