package httptool

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/mythos-project/mythos/exec"
)

// Client sends requests of one call for another kind of tool that has a URL. It adds the registration's headers, with
// their secrets, to requests to the URL's origin, follows redirects only to the allowed hosts, and repeats nothing.
type Client struct {
	http *http.Client
	*prepared
}

// Client returns the client of a call.
func (r *Runner) Client(call exec.Call) (Client, error) {
	ref := call.Module
	probe, err := http.NewRequest(http.MethodPost, ref.URL, http.NoBody)
	if err != nil {
		return Client{}, err
	}
	p := newPrepared(probe, call)
	if err := p.headers(ref.Headers, r.lookup); err != nil {
		return Client{}, err
	}
	return Client{&http.Client{Transport: r.once, CheckRedirect: p.redirect}, p}, nil
}

// Do sends a request to the URL. Errors contain no secrets.
func (c Client) Do(req *http.Request) (*http.Response, error) {
	for name, values := range c.request.Header {
		req.Header[name] = values
	}
	if host := c.request.Host; host != "" {
		req.Host = host
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.Hide(err)
	}
	return res, nil
}

// Clean removes secrets from data.
func (c Client) Clean(data []byte) []byte { return c.mask.Clean(data) }

// Hide returns err, or an error without its text if the text contains a secret.
func (c Client) Hide(err error) error { return c.hide(err) }

// Sent watches the requests of a context. sent reports whether a byte of one of them may have been sent: true as soon
// as there is a connection to write it to.
func Sent(ctx context.Context) (watched context.Context, sent func() bool) {
	var connected atomic.Bool
	watched = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	return watched, connected.Load
}
