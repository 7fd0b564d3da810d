package peer

import (
	"bufio"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/time/rate"
)

// rates are the limits of addresses.
type rates struct {
	mu sync.Mutex
	of map[string]*rate.Limiter
}

const maxAddresses = 1 << 14 // whose rates are remembered

func (r *rates) allow(address string, persecond float64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.of[address]
	if l == nil {
		if r.of == nil || len(r.of) >= maxAddresses {
			r.of = map[string]*rate.Limiter{} // forgetting lets a burst pass, no more
		}
		l = rate.NewLimiter(rate.Limit(persecond), int(10*persecond)+1)
		r.of[address] = l
	}
	return l.Allow()
}

// stream is a buffered writer of an answer. Whoever takes nothing for a minute is cut
// off.
func (s *Server) stream(w http.ResponseWriter) *bufio.Writer {
	w.Header().Set("Content-Type", "application/mythos-parts")
	return bufio.NewWriterSize(&steadyWriter{w, http.NewResponseController(w)}, 1<<16)
}

type steadyWriter struct {
	io.Writer
	rc *http.ResponseController
}

func (w *steadyWriter) Write(p []byte) (int, error) {
	_ = w.rc.SetWriteDeadline(time.Now().Add(maxStall))
	return w.Writer.Write(p)
}

// steady reads a body. Whoever sends nothing for a minute is cut off.
func (s *Server) steady(w http.ResponseWriter, r *http.Request) io.Reader {
	return &steadyReader{r.Body, http.NewResponseController(w)}
}

type steadyReader struct {
	io.Reader
	rc *http.ResponseController
}

func (r *steadyReader) Read(p []byte) (int, error) {
	_ = r.rc.SetReadDeadline(time.Now().Add(maxStall))
	_ = r.rc.SetWriteDeadline(time.Now().Add(2 * maxStall)) // an answer follows
	return r.Reader.Read(p)
}

// measures is what /metrics tells.
type measures struct {
	set                                   *metrics.Set
	sent, received, tasksDone, tasksQueue *metrics.FloatCounter
}

func newMeasures() *measures {
	set := metrics.NewSet()
	return &measures{
		set:       set,
		sent:      set.NewFloatCounter("mythos_sent_bytes_total"),
		received:  set.NewFloatCounter("mythos_received_bytes_total"),
		tasksDone: set.NewFloatCounter("mythos_tasks_done_total"), tasksQueue: set.NewFloatCounter("mythos_tasks_accepted_total"),
	}
}

func (m *measures) refused(status int) {
	m.set.GetOrCreateCounter(`mythos_refused_total{status="` + http.StatusText(status) + `"}`).Inc()
}

// writeMetrics answers GET /metrics in Prometheus' text format, to this machine only.
func (s *Server) writeMetrics(w http.ResponseWriter, r *http.Request) {
	if !local(r) {
		s.refuse(w, r, http.StatusForbidden, errNotLocal)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	s.metrics.set.WritePrometheus(w)
}
