package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/object"
)

// Service answers on paths of its own.
type Service interface {
	// Routes is asked once, before the server serves.
	Routes(d Door) []Route
}

// Door is what a service knows of the server that it answers for.
type Door struct{ s *Server }

// maxKnown is how many requests of agents that showed a capability are under way, those
// that wait for somebody else among them. Each holds a connection, and little besides.
const maxKnown = 1 << 14

// Proved says who makes a signed request and which capability is shown; the nonce is not
// looked at. Each request counts for its agent.
func (d Door) Proved(r *http.Request) (object.AgentID, caps.Chain, error) {
	agent, chain, err := auth.Proved(r, d.s.Node.Self(), d.s.Node.Now())
	if err == nil {
		err = d.s.charge(r, agent)
	}
	return agent, chain, err
}

// Once takes the nonce of a request that may be made once only.
func (d Door) Once(r *http.Request, agent object.AgentID) error {
	return d.s.once(r, agent, d.s.Node.Now())
}

type (
	slotKey struct{}
	connKey struct{}
)

func withConn(ctx context.Context, c net.Conn) context.Context {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// Enter lets a request in whose agent may do what it asks: it and its connection take the
// place of a stranger no more. leave must be called.
func (d Door) Enter(r *http.Request, _ object.AgentID) (leave func(), err error) {
	select {
	case d.s.known <- struct{}{}:
	default:
		return nil, fmt.Errorf("%w: %d are under way", errCrowded, maxKnown)
	}
	if slot, ok := r.Context().Value(slotKey{}).(func()); ok {
		slot()
	}
	if c, ok := r.Context().Value(connKey{}).(*countedConn); ok {
		c.leave()
	}
	return func() { <-d.s.known }, nil
}

// Body reads the body of a request, of most bytes, which its signature must cover.
func (d Door) Body(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	if r.ContentLength > most {
		return nil, errTooMuch
	}
	raw, err := io.ReadAll(io.LimitReader(d.s.steady(w, r), most+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(raw)) > most:
		return nil, errTooMuch
	case r.Header.Get(auth.HeaderDigest) != auth.DigestOf(raw):
		return nil, fmt.Errorf("%w: its body is not what was signed", auth.ErrUnauthorized)
	}
	return raw, nil
}

// Wait lets a request wait for as long as it likes.
func (d Door) Wait(w http.ResponseWriter) {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{})
	_ = rc.SetWriteDeadline(time.Time{})
}

// Answer bounds the time of the answer to a request that waited.
func (d Door) Answer(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(maxStall))
}

// Refuse answers with an error.
func (d Door) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := statusOf(err)
	if status == http.StatusInternalServerError && (errors.Is(err, object.ErrInvalid) || errors.Is(err, object.ErrID)) {
		status = http.StatusBadRequest
	}
	d.s.refuse(w, r, status, err)
}

// Post makes a signed request for a path with a body, under a capability. The caller closes
// the body of the answer.
func (c *Client) Post(ctx context.Context, path string, chain caps.Chain, body []byte) (*http.Response, error) {
	return c.signed(ctx, http.MethodPost, path, chain, body, nil)
}

// Unsent reports whether a connection was never made.
func Unsent(err error) bool { return unsent(err) }
