package peer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/mythos-project/mythos/internal/peer/peertest"
)

// held is a body that returns some bytes, reports that, and then waits.
type held struct {
	left  int
	given chan struct{}
	wait  chan struct{}
}

func (b *held) Read(p []byte) (int, error) {
	if b.left == 0 {
		close(b.given)
		<-b.wait
		return 0, io.ErrUnexpectedEOF
	}
	n := min(len(p), b.left)
	b.left -= n
	return n, nil
}

// taker accepts packets from anybody.
type taker struct{}

// Routes implements Service.
func (taker) Routes(d Door) []Route {
	return []Route{{Pattern: "POST /v1/packets", Body: true, Serve: func(w http.ResponseWriter, r *http.Request) {
		_, release, err := d.Unproven(w, r, 8<<20)
		if err != nil {
			d.RefuseBody(w, r, err)
			return
		}
		release()
	}}}
}

// TestBytesNobodyAnswersFor: bodies with an unknown sender take no more memory than the limits for one address and for
// all; a sender over the limit is told to come back, and what ended is given back.
func TestBytesNobodyAnswersFor(t *testing.T) {
	s := readied(t, peertest.Repo(t, "far"), taker{})
	h := s.routes()
	wait, ended := make(chan struct{}), make(chan int, 64)
	begin := func(host string) *held {
		b := &held{left: 7 << 20, given: make(chan struct{}), wait: wait}
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/v1/packets", b)
		r.RemoteAddr = host + ":1"
		go func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			ended <- w.Code
		}()
		return b
	}
	under := 0
	for _, host := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"} {
		for range 4 {
			select {
			case <-begin(host).given:
				under++
			case code := <-ended:
				if code != http.StatusServiceUnavailable {
					t.Fatalf("status %d", code)
				}
			}
		}
		if s.intake.of[host] > maxUnprovenOfHost || s.intake.used > maxUnproven {
			t.Fatalf("%d bytes of one address, %d of all", s.intake.of[host], s.intake.used)
		}
	}
	if under == 0 || under > maxUnproven/(7<<20) {
		t.Errorf("%d bodies are being read", under)
	}
	close(wait)
	for range under {
		<-ended
	}
	if s.intake.used != 0 || len(s.intake.of) != 0 {
		t.Errorf("%d bytes are still counted", s.intake.used)
	}
}

// TestBodiesToTheByte: a body of exactly the maximum size is read, one byte more is not.
func TestBodiesToTheByte(t *testing.T) {
	s := readied(t, peertest.Repo(t, "far"))
	const most = 1 << 20
	for _, n := range []int{0, 1, firstPiece - bytes.MinRead - 1, firstPiece - bytes.MinRead, firstPiece, most - 1, most, most + 1} {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/v1/packets", bytes.NewReader(make([]byte, n)))
		raw, release, err := (Door{s}).Unproven(httptest.NewRecorder(), r, most)
		release()
		if n > most {
			if !errors.Is(err, ErrTooMuch) {
				t.Errorf("%d bytes: %v", n, err)
			}
		} else if err != nil || len(raw) != n {
			t.Errorf("%d bytes: %d were read, %v", n, len(raw), err)
		}
	}
	if s.intake.used != 0 {
		t.Errorf("%d bytes are still counted", s.intake.used)
	}
}
