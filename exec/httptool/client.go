package httptool

import (
	"net/http"

	"github.com/mythos-project/mythos/exec"
)

// Client is an HTTP client for one call of another kind of tool that has a URL: it
// adds the registration's headers, with their secrets, to what goes to the URL's host,
// keeps to the allowed hosts, and repeats nothing. clean takes secrets out of what is
// to be kept.
func (r *Runner) Client(ref exec.ModuleRef) (client *http.Client, clean func([]byte) []byte, err error) {
	probe, err := http.NewRequest(http.MethodGet, ref.URL, http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	p := newPrepared(probe, ref)
	if err := p.headers(ref.Headers, r.lookup); err != nil {
		return nil, nil, err
	}
	return &http.Client{Transport: &headed{r.once, p}, CheckRedirect: p.redirect}, p.clean, nil
}

// headed adds headers to requests for the host of its prepared one.
type headed struct {
	next http.RoundTripper
	*prepared
}

func (h *headed) RoundTrip(req *http.Request) (*http.Response, error) {
	if own := h.request.URL; req.URL.Host == own.Host && req.URL.Scheme == own.Scheme {
		req = req.Clone(req.Context())
		for name, values := range h.request.Header {
			req.Header[name] = values
		}
	}
	return h.next.RoundTrip(req)
}
