package peer

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestStalls reads from a peer that sends a part and then nothing: the read fails, over HTTP/1.1 and HTTP/2.
func TestStalls(t *testing.T) {
	for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(version, func(t *testing.T) {
			release := make(chan struct{})
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "10")
				_, _ = io.WriteString(w, "part")
				_ = http.NewResponseController(w).Flush()
				<-release
			}))
			server.EnableHTTP2 = version == "HTTP/2.0"
			server.StartTLS()
			defer server.Close()
			defer close(release)
			res, err := server.Client().Get(server.URL)
			if err != nil || res.Proto != version {
				t.Fatal(res, err)
			}
			part := make([]byte, 4)
			if _, err := io.ReadFull(res.Body, part); err != nil || string(part) != "part" {
				t.Errorf("%q, %v", part, err)
			}
			body := unstalled(res.Body, 50*time.Millisecond)
			if _, err := io.ReadAll(body); !errors.Is(err, ErrStalled) {
				t.Errorf("it stalled, and the error is %v", err)
			}
			if err := body.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestReaderTakesItsTime: the reader's own time between reads does not count as the peer's.
func TestReaderTakesItsTime(t *testing.T) {
	body := unstalled(io.NopCloser(strings.NewReader("part-whole")), time.Millisecond)
	part := make([]byte, 4)
	if _, err := io.ReadFull(body, part); err != nil {
		t.Error(err)
	}
	time.Sleep(20 * time.Millisecond)
	if rest, err := io.ReadAll(body); err != nil || string(rest) != "-whole" {
		t.Errorf("%q, %v", rest, err)
	}
}
