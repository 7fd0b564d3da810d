package peer

import (
	"net/http"

	"github.com/VictoriaMetrics/metrics"
)

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
