package peer

import (
	"errors"
	"net"
	"net/http"
)

// count counts a refusal for /metrics.
func (s *Server) count(status int) {
	s.metrics.GetOrCreateCounter(`mythos_refused_total{status="` + http.StatusText(status) + `"}`).Inc()
}

// writeMetrics answers GET /metrics in Prometheus' text format, to this machine only.
func (s *Server) writeMetrics(w http.ResponseWriter, r *http.Request) {
	if !local(r) {
		s.refuse(w, r, http.StatusForbidden, errNotLocal)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	s.metrics.WritePrometheus(w)
}

var errNotLocal = errors.New("only for this machine")

// local reports whether a request comes from this machine.
func local(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return err == nil && net.ParseIP(host).IsLoopback()
}
