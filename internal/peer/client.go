package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
)

// Client calls one peer. It is safe for concurrent use.
type Client struct {
	Repo *repo.Repo
	Name string // its name for people; empty: its URL
	URL  string // "http://host:port"
	HTTP *http.Client

	// Key is the agent that must answer there; nil: the one that the first answer names.
	Key *object.AgentID

	once sync.Once
	to   object.AgentID
	err  error
	pool sync.Once
	own  *http.Client
}

// To returns a client for a peer.
func To(n *repo.Repo, p peers.Peer) *Client {
	return &Client{Repo: n, Name: p.Name, URL: strings.TrimSuffix(p.URL, "/"), Key: p.Key}
}

// String returns the name, or the URL.
func (c *Client) String() string {
	if c.Name != "" {
		return c.Name
	}
	return c.URL
}

// Do makes an unsigned request. An answer that refuses is a [*StatusError]; otherwise the caller closes its body.
func (c *Client) Do(r *http.Request) (*http.Response, error) {
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
		return nil, refusal(res, strings.TrimSpace(string(text)), c.Repo.Now())
	}
	if c.Key != nil {
		if err := auth.Proven(res, *c.Key); err != nil {
			return nil, errors.Join(err, res.Body.Close())
		}
	}
	res.Body = unstalled(res.Body, maxStall)
	return res, nil
}

// noRedirects refuses redirects: a signature is for one path of one peer.
func noRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Peer returns the agent that requests are signed for: nobody else can use them.
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

// Send makes a signed request. A non-nil body is sent, unless there is a stream, and is covered by the signature. The
// caller closes the body of the answer.
func (c *Client) Send(ctx context.Context, method, path string, chain caps.Chain, body []byte, stream io.Reader) (*http.Response, error) {
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
	// The request is signed for each connection on which it is tried: net/http sends a request again if a reused
	// connection turns out to be closed, and a nonce works only once.
	var unsigned error
	sign := func(got httptrace.GotConnInfo) {
		unsigned = auth.Sign(r, c.Repo.Key, to, auth.SessionOf(got.Conn), chain, body, c.Repo.Now())
	}
	r = r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: sign}))
	res, err := c.Do(r)
	if err != nil {
		return nil, errors.Join(unsigned, err)
	}
	if unsigned == nil && c.Key == nil { // otherwise it is already checked
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
	return c.Send(ctx, http.MethodGet, path, chain, nil, nil)
}

// Post makes a signed request for a path with a body, under a capability. The caller closes
// the body of the answer.
func (c *Client) Post(ctx context.Context, path string, chain caps.Chain, body []byte) (*http.Response, error) {
	return c.Send(ctx, http.MethodPost, path, chain, body, nil)
}

// Unsent reports whether no connection was ever made.
func Unsent(err error) bool {
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial"
}

// meetTime is how long a peer may take to identify itself.
const meetTime = 20 * time.Second

// Agent asks the peer for its identity. The answer is not proved: it only decides what a packet is written with.
func (c *Client) Agent(ctx context.Context) (object.AgentID, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, meetTime, fmt.Errorf("%s does not say who it is within %s", c.URL, meetTime))
	defer cancel()
	agent, err := c.named(ctx)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return agent, err
}

func (c *Client) named(ctx context.Context) (object.AgentID, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/v1/identity", nil)
	if err != nil {
		return object.AgentID{}, err
	}
	res, err := c.Do(r)
	if err != nil {
		return object.AgentID{}, err
	}
	raw, err := ReadAll(res, 4096)
	if err != nil {
		return object.AgentID{}, err
	}
	agent, err := object.Decode[object.AgentID](raw)
	if err != nil {
		return object.AgentID{}, fmt.Errorf("identity: %w", err)
	}
	return *agent, nil
}

// ReadAll reads an answer of at most limit bytes, and closes its body.
func ReadAll(res *http.Response, limit int64) ([]byte, error) {
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("the peer answers with more than %d bytes", limit)
	}
	return raw, err
}

// Known returns the peers that the repository knows, by name.
func Known(ctx context.Context, n *repo.Repo) ([]*Client, error) {
	var known []*Client
	err := n.Peers.Each(ctx, func(p peers.Peer) error {
		known = append(known, To(n, p))
		return nil
	})
	return known, err
}
