package httptool

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxRedirects is how many redirects are followed.
const maxRedirects = 10

// redirect follows redirects to the allowed hosts. For any other, the redirecting answer is the response, and p.refused
// says why.
func (p *prepared) redirect(req *http.Request, via []*http.Request) error {
	if why := p.forbids(req, via); why != "" {
		p.refused = "redirect to " + req.URL.Scheme + "://" + req.URL.Host + ", " + why
		return http.ErrUseLastResponse
	}
	// net/http copies the headers of the first request at each hop and adds a Referer, which would reveal the filled
	// URL to the other server.
	req.Header.Del("Referer")
	if !p.keepsSecrets(req, via) {
		for name := range p.secretHeaders {
			if req.Header.Get(name) != "" {
				p.withheld = true
			}
			req.Header.Del(name)
		}
	}
	return nil
}

// forbids returns why a redirect is not followed; empty: it is followed.
func (p *prepared) forbids(req *http.Request, via []*http.Request) string {
	first, to := via[0].URL, req.URL
	home := sameOrigin(first, to)
	switch {
	case len(via) > maxRedirects:
		return "again and again"
	case to.Scheme != "http" && to.Scheme != "https", to.User != nil:
		return "which is not http or https, or has a password"
	case to.Scheme == "http" && slices.ContainsFunc(via, func(r *http.Request) bool { return r.URL.Scheme == "https" }):
		return "from https to http"
	case !p.allowed(first, to):
		return "which the registration does not allow"
	}
	repeats := req.Method != http.MethodGet && req.Method != http.MethodHead
	if repeats && home && p.left(via) && !p.retrySafe {
		return "which another host chose: the request is not repeated there"
	}
	return ""
}

// allowed reports whether a redirect may lead to a URL: to the first URL's host, with the same port or each scheme's
// default, or to the hosts of the registration.
func (p *prepared) allowed(first, to *url.URL) bool {
	own := placeOf(first)
	if own.port == schemePort(first.Scheme) {
		own.port = ""
	}
	return own.allows(to) || slices.ContainsFunc(p.hosts, func(h place) bool { return h.allows(to) })
}

// left reports whether a chain of redirects has already led to another host.
func (p *prepared) left(via []*http.Request) bool {
	return slices.ContainsFunc(via, func(r *http.Request) bool { return !sameOrigin(via[0].URL, r.URL) })
}

// keepsSecrets reports whether a redirect carries the secrets: only while the chain has not left the URL's own origin,
// and there only to the URL's own path and the registration's other paths.
func (p *prepared) keepsSecrets(req *http.Request, via []*http.Request) bool {
	first := via[0].URL
	for _, r := range append(slices.Clone(via[1:]), req) {
		path := strings.TrimSuffix(r.URL.EscapedPath(), "/")
		known := path == strings.TrimSuffix(first.EscapedPath(), "/") ||
			slices.ContainsFunc(p.paths, func(allowed string) bool { return strings.TrimSuffix(allowed, "/") == path })
		if !known || !sameOrigin(first, r.URL) {
			return false
		}
	}
	return true
}
