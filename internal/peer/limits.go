package peer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/mythos-project/mythos/object"
)

// Limits bound what one peer may ask for: an agent once a request has proved its sender, and an address until then. The
// zero Limits stand for the defaults.
type Limits struct {
	Rate  float64 // requests per second; 0: 50. Bursts may be ten times as large
	Bytes uint64  // per second, in each direction; more has to wait. 0: no limit
	Tasks int     // waiting or running, of one agent; 0: 16
}

const (
	defaultRate  = 50
	defaultTasks = 16
	maxPeers     = 1 << 14 // whose use is remembered
	maxOfPeer    = maxStreams / 2
)

func (l Limits) filled() Limits {
	l.Rate, l.Tasks = cmp.Or(l.Rate, defaultRate), cmp.Or(l.Tasks, defaultTasks)
	return l
}

// SetLimits changes the limits, at any time.
func (s *Server) SetLimits(l Limits) { s.peers.setLimits(l) }

// allowance is what one peer may still use.
type allowance struct {
	requests *rate.Limiter
	out, in  *rate.Limiter // bytes; nil: no limit
	underWay atomic.Int32  // requests
}

// allowances are those of recent peers.
type allowances struct {
	mu     sync.Mutex
	limits Limits
	of     map[string]*allowance
}

func (p *allowances) setLimits(l Limits) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limits, p.of = l, nil // resetting lets one burst pass, no more
}

func (p *allowances) now() Limits {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limits.filled()
}

// named returns the allowance of an agent's key, or of an address.
func (p *allowances) named(who string) *allowance {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.of[who]; a != nil {
		return a
	}
	if p.of == nil || len(p.of) >= maxPeers {
		p.of = map[string]*allowance{}
	}
	l := p.limits.filled()
	a := &allowance{requests: rate.NewLimiter(rate.Limit(l.Rate), int(10*l.Rate)+1)}
	if l.Bytes > 0 {
		burst := int(max(min(l.Bytes, 1<<30), maxSlice))
		a.out, a.in = rate.NewLimiter(rate.Limit(l.Bytes), burst), rate.NewLimiter(rate.Limit(l.Bytes), burst)
	}
	p.of[who] = a
	return a
}

// asks counts a request.
func (a *allowance) asks(who string) error {
	if a.requests.Allow() {
		return nil
	}
	return fmt.Errorf("%w: %s may make %v a second", errCrowded, who, a.requests.Limit())
}

// limited limits what each peer, and all of them together, may ask for.
func (s *Server) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostOf(r.RemoteAddr)
		a := s.peers.named(host)
		if err := a.asks(host); err != nil {
			s.later(w, r, http.StatusTooManyRequests, time.Second, err)
			return
		}
		if a.underWay.Add(1) > maxOfPeer {
			a.underWay.Add(-1)
			s.later(w, r, http.StatusTooManyRequests, time.Second, fmt.Errorf("%s has %d requests under way", host, maxOfPeer))
			return
		}
		select {
		case s.streams <- struct{}{}:
		default:
			a.underWay.Add(-1)
			s.later(w, r, http.StatusServiceUnavailable, time.Second, errors.New("too many requests at a time"))
			return
		}
		leave := sync.OnceFunc(func() { a.underWay.Add(-1); <-s.streams })
		defer leave()
		r = r.WithContext(context.WithValue(r.Context(), slotKey{}, leave))
		rc := http.NewResponseController(w)
		_ = rc.SetReadDeadline(time.Now().Add(maxStall)) // a body's reader extends it
		_ = rc.SetWriteDeadline(time.Now().Add(maxStall))
		if a.out == nil {
			next.ServeHTTP(w, r)
			return
		}
		p := &paced{ctx: r.Context(), rc: rc}
		p.by.Store(a)
		r = r.WithContext(context.WithValue(r.Context(), pacedKey{}, p))
		r.Body = &pacedBody{r.Body, p}
		next.ServeHTTP(&pacedWriter{w, p}, r)
	})
}

// charge counts the further traffic of an authenticated request for its agent, whatever its address. An agent that
// exceeds its rate of requests is refused.
func (s *Server) charge(r *http.Request, agent object.AgentID) error {
	a := s.peers.named(agent.KeyHex())
	if p, ok := r.Context().Value(pacedKey{}).(*paced); ok && a.out != nil {
		p.by.Store(a)
	}
	return a.asks(agent.String())
}

// maxSlice is how many bytes are moved at once while bytes are counted.
const maxSlice = 32 << 10

type pacedKey struct{}

// paced limits the speed of a request's traffic to what its peer may use.
type paced struct {
	ctx context.Context
	rc  *http.ResponseController
	by  atomic.Pointer[allowance]
}

// wait takes n bytes, at most maxSlice, from an allowance. The time for that does not count against the other side.
func (p *paced) wait(l *rate.Limiter, n int) error {
	if l == nil {
		return nil
	}
	hold := l.ReserveN(time.Now(), n).Delay()
	if hold <= 0 {
		return nil
	}
	_ = p.rc.SetWriteDeadline(time.Now().Add(hold + maxStall))
	_ = p.rc.SetReadDeadline(time.Now().Add(hold + maxStall))
	timer := time.NewTimer(hold)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

type pacedWriter struct {
	http.ResponseWriter
	p *paced
}

// Unwrap is for http.ResponseController.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Write implements io.Writer.
func (w *pacedWriter) Write(data []byte) (n int, err error) {
	for first := true; first || len(data) > 0; first = false {
		slice := data[:min(len(data), maxSlice)]
		if err := w.p.wait(w.p.by.Load().out, len(slice)); err != nil {
			return n, err
		}
		k, err := w.ResponseWriter.Write(slice)
		if n += k; err != nil {
			return n, err
		}
		data = data[len(slice):]
	}
	return n, nil
}

type pacedBody struct {
	io.ReadCloser
	p *paced
}

// Read implements io.Reader.
func (b *pacedBody) Read(data []byte) (int, error) {
	n, err := b.ReadCloser.Read(data[:min(len(data), maxSlice)])
	if n > 0 {
		if late := b.p.wait(b.p.by.Load().in, n); late != nil {
			return n, late
		}
	}
	return n, err
}

// Writer returns the writer of an answer. A peer that accepts nothing for a minute is disconnected.
func (d Door) Writer(w http.ResponseWriter) io.Writer {
	return &steadyWriter{w, http.NewResponseController(w)}
}

type steadyWriter struct {
	io.Writer
	rc *http.ResponseController
}

func (w *steadyWriter) Write(p []byte) (int, error) {
	_ = w.rc.SetWriteDeadline(time.Now().Add(maxStall))
	return w.Writer.Write(p)
}

// Reader returns the reader of a body. A peer that sends nothing for a minute is disconnected.
func (d Door) Reader(w http.ResponseWriter, r *http.Request) io.Reader {
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
