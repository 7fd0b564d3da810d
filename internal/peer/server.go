package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object/can"
)

// Bounds of what is taken from peers.
const (
	maxPacket  = 8 << 20          // bytes of a packet
	maxTasks   = 4                // tasks that run at a time
	maxQueued  = 64               // tasks that wait
	maxStreams = 64               // requests that are answered at a time
	maxStall   = time.Minute      // how long the other side may neither send nor take anything
	grace      = 30 * time.Second // for requests and tasks under way when the server stops
)

// Server answers peers. Its fields are set before Serve.
type Server struct {
	Node *repo.Repo
	Log  *slog.Logger
	TLS  *tls.Config // nil: plain HTTP

	// AcceptCodebooks accepts every codebook that a trusted agent proposes; otherwise
	// proposals wait for `mythos codebook accept`.
	AcceptCodebooks bool

	// RequireCap demands capabilities of those who are trusted for packets, too: compute.spawn
	// for each submission, blob.write for each codebook.
	RequireCap bool

	// Explain gives an error the name of its exit code and says what to do about it, as the
	// command line here would. Nil: nothing is said.
	Explain func(error) (kind, hint string)

	// Services answer on paths of their own, beside the server's.
	Services []Service

	metrics *measures
	known   chan struct{} // holds one for each request of an agent that showed a capability
	peers   allowances
	intake  intake
	tasks   *queue
	streams chan struct{}
}

// Serve answers on l until ctx ends; then it lets running requests and tasks finish,
// for 30 seconds at most.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.metrics, s.streams, s.known = newMeasures(), make(chan struct{}, maxStreams), make(chan struct{}, maxKnown)
	l = &sharedListener{Listener: l, of: map[string]int{}}
	var err error
	if s.tasks, err = s.newQueue(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	go s.forget(ctx, forgetEvery)
	h := &http.Server{
		Handler: s.proving(s.limited(s.routes())), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 128 << 10,
		ConnContext: withConn,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ErrorLog:    slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if err := h.Shutdown(last); err != nil { // somebody who neither sends nor takes anything
			s.Log.Warn("requests were cut off", "error", h.Close())
		}
		stopped <- s.tasks.stop(last)
	}()
	serve := func() error { return h.Serve(l) }
	if s.TLS != nil {
		h.TLSConfig = s.TLS
		serve = func() error { return h.ServeTLS(l, "", "") }
	}
	if err := serve(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// forgetEvery is how often what is over is removed.
const forgetEvery = 10 * time.Minute

// forget removes what is over, now and then.
func (s *Server) forget(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := s.Node.Upkeep.Forget(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("removing what is over", "error", err)
		}
	}
}

// routes is what a server answers.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	list := s.table()
	for _, more := range s.Services {
		list = append(list, more.Routes(Door{s})...)
	}
	for _, rt := range list {
		s.handle(mux, rt)
	}
	return s.strictly(mux)
}

func (s *Server) table() []Route {
	return []Route{
		{Pattern: "POST /v1/packets", Body: true, Serve: s.packets},
		{Pattern: "GET /v1/tasks/{id}", Serve: s.taskStatus},
		{Pattern: "DELETE /v1/tasks/{id}", Serve: s.taskCancel},
		{Pattern: "GET /v1/tasks/{id}/result", Serve: s.taskResult},
		{Pattern: "GET /v1/trees/{hash}", Serve: s.treeRead},
		{Pattern: "POST /v1/trees/{hash}", Body: true, Serve: s.treeParts},
		{Pattern: "POST /v1/trees/{hash}/missing", Body: true, Serve: s.treeMissing},
		{Pattern: "PUT /v1/trees/{hash}", Body: true, Query: []string{queryBytes}, Serve: s.treeWrite},
		{Pattern: "GET /v1/blobs/{cid}", Head: true, Query: []string{queryProof, queryOffset, queryLength}, Serve: s.blob},
		{Pattern: "POST /v1/codebooks", Body: true, Serve: s.codebooks},
		{Pattern: "GET /v1/identity", Serve: s.identity},
		{Pattern: "GET /metrics", Serve: s.writeMetrics},
		{Pattern: "GET /healthz", Head: true, Serve: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }},
	}
}

func (s *Server) identity(w http.ResponseWriter, r *http.Request) {
	self := s.Node.Self()
	raw, err := can.Marshal(&self)
	if err != nil {
		s.refuse(w, r, http.StatusInternalServerError, err)
		return
	}
	_, _ = w.Write(raw)
}

// later refuses for now.
func (s *Server) later(w http.ResponseWriter, r *http.Request, status int, after time.Duration, err error) {
	w.Header().Set("Retry-After", strconv.Itoa(int(after.Seconds())))
	s.refuse(w, r, status, err)
}
