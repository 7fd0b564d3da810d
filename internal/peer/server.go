package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object/can"
)

// Limits for requests of peers.
const (
	maxStreams = 64               // requests answered at a time
	maxStall   = time.Minute      // how long the other side may neither send nor receive
	grace      = 30 * time.Second // for work under way when the server stops
)

// Server answers peers: it limits what they ask for, checks their requests, and lets its services answer. Its fields
// are set before it starts.
type Server struct {
	Repo *repo.Repo
	Log  *slog.Logger
	TLS  *tls.Config // nil: plain HTTP

	// Explain returns the name of an error's exit code and what to do about it, as the command line here would. Nil:
	// there is no explanation.
	Explain func(error) (kind, hint string)

	// Services answer on their own paths, besides the server's.
	Services []Service

	metrics *metrics.Set
	known   chan struct{} // holds one item for each request of an agent that showed a capability
	peers   allowances
	intake  intake
	streams chan struct{}

	problems []string // prefixes of the paths whose refusals are problems
}

// Start starts the services and returns the handler of requests. stop, which must be called, lets the work of the
// services finish, or ends it when its context ends.
func (s *Server) Start(ctx context.Context) (h http.Handler, stop func(context.Context) error, err error) {
	s.metrics, s.streams, s.known = metrics.NewSet(), make(chan struct{}, maxStreams), make(chan struct{}, maxKnown)
	h = s.proving(s.limited(s.routes()))
	var started []Worker
	stop = func(ctx context.Context) error {
		var errs []error
		for _, w := range started {
			errs = append(errs, w.Stop(ctx))
		}
		return errors.Join(errs...)
	}
	for _, service := range s.Services {
		if w, ok := service.(Worker); ok {
			if err := w.Start(ctx); err != nil {
				return nil, nil, errors.Join(err, stop(ctx))
			}
			started = append(started, w)
		}
	}
	return h, stop, nil
}

// Serve answers on l until ctx ends; then it lets work under way finish, for at most 30 seconds.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	l = &sharedListener{Listener: l, of: map[string]int{}}
	handler, stop, err := s.Start(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	go s.forget(ctx, forgetEvery)
	h := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 128 << 10,
		ConnContext: withConn,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ErrorLog:    slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if err := h.Shutdown(last); err != nil { // somebody neither sends nor receives
			s.Log.Warn("requests were cut off", "error", h.Close())
		}
		stopped <- stop(last)
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

// forgetEvery is how often expired things are removed.
const forgetEvery = 10 * time.Minute

// forget regularly removes expired things.
func (s *Server) forget(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := s.Repo.Upkeep.Forget(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("removing what is over", "error", err)
		}
	}
}

// routes returns everything that a server answers.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	list := s.table()
	for _, more := range s.Services {
		list = append(list, more.Routes(Door{s})...)
	}
	for _, rt := range list {
		if rt.Problem {
			s.problems = append(s.problems, rt.prefix())
		}
		s.handle(mux, rt)
	}
	return s.strictly(mux)
}

// table returns the routes of the server itself.
func (s *Server) table() []Route {
	return []Route{
		{Pattern: "GET /v1/identity", Serve: s.identity},
		{Pattern: "GET /metrics", Serve: s.writeMetrics},
		{Pattern: "GET /healthz", Head: true, Serve: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }},
	}
}

func (s *Server) identity(w http.ResponseWriter, r *http.Request) {
	self := s.Repo.Self()
	raw, err := can.Marshal(&self)
	if err != nil {
		s.refuse(w, r, http.StatusInternalServerError, err)
		return
	}
	_, _ = w.Write(raw)
}
