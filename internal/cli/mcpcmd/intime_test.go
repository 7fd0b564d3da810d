package mcpcmd

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestInTime: a body that does not arrive is given up, while an answer may take longer than that.
func TestInTime(t *testing.T) {
	t.Parallel()
	const limit = 50 * time.Millisecond
	s := httptest.NewServer(inTime(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, "the request ended early", http.StatusBadRequest)
			return
		}
		select {
		case <-time.After(4 * limit):
			fmt.Fprint(w, "done")
		case <-r.Context().Done():
		}
	}), limit))
	defer s.Close()
	ask := func(request string) string { // in one piece, so that the sent part of the body is there at once
		t.Helper()
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"+request)
		said, err := io.ReadAll(c) // until the server hangs up
		if err != nil {
			t.Fatal(err)
		}
		return string(said)
	}
	if said := ask("Content-Length: 9\r\n\r\n{"); !strings.Contains(said, "400 Bad Request") {
		t.Errorf("%q", said)
	}
	if said := ask("Content-Length: 2\r\n\r\n{}"); !strings.HasSuffix(said, "done") {
		t.Errorf("%q", said)
	}
}
