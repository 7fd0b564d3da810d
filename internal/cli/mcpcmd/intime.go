package mcpcmd

import (
	"io"
	"net/http"
	"time"
)

// inTime aborts a request whose body does not arrive in time. The handler limits the time of its answer.
func inTime(h http.Handler, limit time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		if r.Body != http.NoBody && c.SetReadDeadline(time.Now().Add(limit)) == nil {
			r.Body = &timedBody{r.Body, c}
		}
		h.ServeHTTP(w, r)
	})
}

// timedBody removes the deadline at the end of the body.
type timedBody struct {
	io.ReadCloser
	c *http.ResponseController
}

func (b *timedBody) Read(to []byte) (int, error) {
	n, err := b.ReadCloser.Read(to)
	if err == io.EOF {
		_ = b.c.SetReadDeadline(time.Time{}) // a failure here will also fail the next reader
	}
	return n, err
}
