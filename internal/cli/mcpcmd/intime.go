package mcpcmd

import (
	"io"
	"net/http"
	"time"
)

// inTime gives up a request whose body does not come within some time. How long its answer takes
// is for the handler to say.
func inTime(h http.Handler, limit time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		if r.Body != http.NoBody && c.SetReadDeadline(time.Now().Add(limit)) == nil {
			r.Body = &timedBody{r.Body, c}
		}
		h.ServeHTTP(w, r)
	})
}

// timedBody ends the deadline with the body.
type timedBody struct {
	io.ReadCloser
	c *http.ResponseController
}

func (b *timedBody) Read(to []byte) (int, error) {
	n, err := b.ReadCloser.Read(to)
	if err == io.EOF {
		_ = b.c.SetReadDeadline(time.Time{}) // what fails here fails for who reads next, too
	}
	return n, err
}
