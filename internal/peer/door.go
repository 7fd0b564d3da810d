package peer

import (
	"context"
	"crypto/tls"
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

// Service answers on paths of its own. If it is also a [Worker], it is started before the server serves and stopped
// afterwards.
type Service interface {
	// Routes is called once, before the server serves.
	Routes(d Door) []Route
}

// Worker is a service that also works without being asked.
type Worker interface {
	// Start is called after Routes, before the first request.
	Start(ctx context.Context) error
	// Stop waits for work under way; when ctx ends, it ends that work.
	Stop(ctx context.Context) error
}

// Door is a service's view of its server: who asks, how bodies are read within their limits, and how a request is
// refused.
type Door struct{ s *Server }

// Log returns the server's log.
func (d Door) Log() *slog.Logger { return d.s.Log }

// Limits returns the present limits.
func (d Door) Limits() Limits { return d.s.peers.now() }

// Counter returns a number in /metrics that starts at 0.
func (d Door) Counter(name string) *metrics.FloatCounter { return d.s.metrics.NewFloatCounter(name) }

// Gauge is a number in /metrics that is computed whenever they are read.
func (d Door) Gauge(name string, value func() float64) { d.s.metrics.NewGauge(name, value) }

// errCrowded means that a peer sent more requests than allowed.
var errCrowded = errors.New("too many requests")

// Asker is the proven sender of a request, with the capability that it shows.
type Asker struct {
	Agent object.AgentID
	Chain caps.Chain // nil: it shows none
}

// Caller checks a signed request and returns its sender. may says whether the sender may do what it asks; only then is
// its nonce recorded, so that strangers cannot make the database grow.
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

// Proved returns the sender of a signed request and the capability that it shows; it does not check whether the
// nonce was used before. Each request counts for its agent.
func (d Door) Proved(r *http.Request) (object.AgentID, caps.Chain, error) {
	agent, chain, err := auth.Proved(r, d.s.Repo.Self(), d.s.Repo.Now())
	if err == nil {
		err = d.s.charge(r, agent)
	}
	return agent, chain, err
}

// Charge counts a request for the agent in whose name it is made, however that was proved.
func (d Door) Charge(r *http.Request, agent object.AgentID) error { return d.s.charge(r, agent) }

// Once takes the nonce of a request that may be made only once.
func (d Door) Once(r *http.Request, agent object.AgentID) error {
	return d.once(r, agent, d.s.Repo.Now())
}

// once takes the nonce of a request, which works once at all servers of the repository.
func (d Door) once(r *http.Request, agent object.AgentID, now object.Time) error {
	nonce, err := auth.Nonce(r)
	if err != nil {
		return err
	}
	fresh, err := d.s.Repo.Packets.TakeNonce(r.Context(), agent, nonce, now.Add(auth.KeepNonces))
	if err == nil && !fresh {
		err = auth.ErrReplayed
	}
	return err
}

// Shown returns the scope, of the given kind, of the capability that a request shows. The capability must be the
// sender's own and valid now.
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

// MediaObjects is what a blob.write capability must allow for writing objects, which have no media type of their own.
const MediaObjects = "application/mythos"

// MayWrite checks that a request shows a blob.write capability of its sender, and returns the use that is asked for;
// the media type comes with each thing that is written.
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

// maxKnown is how many requests of agents that showed a capability may be under way, including those that wait. Each
// holds a connection, and little else.
const maxKnown = 1 << 14

// Enter admits a request whose agent may do what it asks: it and its connection no longer count as a stranger's. leave
// must be called.
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

// Body reads the body of a request, at most most bytes, which its signature must cover.
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

// Wait lets a request wait without a time limit.
func (d Door) Wait(w http.ResponseWriter) {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{})
	_ = rc.SetWriteDeadline(time.Time{})
}

// Answer limits the time for the answer to a request that waited.
func (d Door) Answer(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(maxStall))
}
