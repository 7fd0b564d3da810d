package peer

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/object"
)

// Service answers on paths of its own. One that is a [Worker], too, is started before the
// server serves and stopped after it.
type Service interface {
	// Routes is asked once, before the server serves.
	Routes(d Door) []Route
}

// Worker is a service that works whether or not anybody asks.
type Worker interface {
	// Start is called after Routes, before the first request.
	Start(ctx context.Context) error
	// Stop waits for what is under way; when ctx ends, it ends that.
	Stop(ctx context.Context) error
}

// Door is what a service knows of the server that it answers for: who asks, how bodies are
// read within their limits, and how a request is refused.
type Door struct{ s *Server }

// Log is the server's.
func (d Door) Log() *slog.Logger { return d.s.Log }

// Limits are those that hold now.
func (d Door) Limits() Limits { return d.s.peers.now() }

// Counter is a number of /metrics that starts at 0.
func (d Door) Counter(name string) *metrics.FloatCounter { return d.s.metrics.NewFloatCounter(name) }

// Gauge is a number of /metrics that is asked for whenever they are.
func (d Door) Gauge(name string, value func() float64) { d.s.metrics.NewGauge(name, value) }

// errCrowded means that more requests came than a peer may make.
var errCrowded = errors.New("too many requests")

// Asker is who made a request, once that was proved, with the capability that it shows.
type Asker struct {
	Agent object.AgentID
	Chain caps.Chain // nil: none is shown
}

// Caller checks a signed request and returns who asks. may says whether the asker may do
// what the request is for; only then is its nonce remembered, so that strangers make
// nothing grow here.
func (d Door) Caller(r *http.Request, may func(Asker) error) (by Asker, err error) {
	now := d.s.Repo.Now()
	by.Agent, by.Chain, err = auth.Proved(r, d.s.Repo.Self(), now)
	if err == nil {
		err = may(by)
	}
	if err == nil {
		err = d.once(r, by.Agent, now)
	}
	if err == nil {
		err = d.s.charge(r, by.Agent)
	}
	return by, err
}

// Proved says who makes a signed request and which capability is shown; the nonce is not
// looked at. Each request counts for its agent.
func (d Door) Proved(r *http.Request) (object.AgentID, caps.Chain, error) {
	agent, chain, err := auth.Proved(r, d.s.Repo.Self(), d.s.Repo.Now())
	if err == nil {
		err = d.s.charge(r, agent)
	}
	return agent, chain, err
}

// Charge counts a request for the agent in whose name it asks, however that was proved.
func (d Door) Charge(r *http.Request, agent object.AgentID) error { return d.s.charge(r, agent) }

// Once takes the nonce of a request that may be made once only.
func (d Door) Once(r *http.Request, agent object.AgentID) error {
	return d.once(r, agent, d.s.Repo.Now())
}

// once takes the nonce of a request, which works once at all servers of the repository.
func (d Door) once(r *http.Request, agent object.AgentID, now object.Time) error {
	nonce, err := hex.DecodeString(r.Header.Get(auth.HeaderNonce))
	if err != nil || len(nonce) != 16 {
		return fmt.Errorf("%w: malformed nonce", auth.ErrUnauthorized)
	}
	fresh, err := d.s.Repo.Packets.TakeNonce(r.Context(), agent, [16]byte(nonce), now.Add(auth.KeepNonces))
	if err == nil && !fresh {
		err = auth.ErrReplayed
	}
	return err
}

// Shown is the scope of the capability that a request shows, of the kind that is asked
// for. The capability is the asker's own and holds now.
func (d Door) Shown(by Asker, kind uint8) (scope.Scope, error) {
	if len(by.Chain) == 0 {
		return nil, &caps.DeniedError{Check: caps.CheckActive, Reason: "no capability is shown"}
	}
	if err := d.s.Repo.Verifier.Verify(by.Chain, by.Agent, d.s.Repo.Now()); err != nil {
		return nil, err
	}
	leaf, err := by.Chain[0].Cap.Scope.Decode()
	if err != nil {
		return nil, err
	}
	if leaf.Kind() != kind {
		return nil, &caps.DeniedError{Check: caps.CheckScope, Reason: fmt.Sprintf("this takes a %s capability, shown is one for %s", scope.KindName(kind), scope.KindName(leaf.Kind()))}
	}
	return leaf, nil
}

// MediaObjects is what a blob.write capability must allow for objects, which have no
// media type of their own, to be written under it.
const MediaObjects = "application/mythos"

// MayWrite checks that a request shows a blob.write capability of who asks, and returns the
// use that is asked for; of which media type it is, each thing that is written says.
func (d Door) MayWrite(r *http.Request) (by Asker, use scope.Use, err error) {
	by, err = d.Caller(r, func(by Asker) error {
		sc, err := d.Shown(by, scope.KindBlobWrite)
		if write, ok := sc.(*scope.BlobWrite); ok {
			use = scope.Use{Kind: scope.KindBlobWrite, Namespace: write.Namespace}
		}
		return err
	})
	return by, use, err
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

// maxKnown is how many requests of agents that showed a capability are under way, those
// that wait for somebody else among them. Each holds a connection, and little besides.
const maxKnown = 1 << 14

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
		return nil, ErrTooMuch
	}
	raw, err := io.ReadAll(io.LimitReader(d.Reader(w, r), most+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(raw)) > most:
		return nil, ErrTooMuch
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
