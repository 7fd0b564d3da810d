package peer

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/object"
)

// ErrMalformed means that a request can be read in more than one way, or has something that its route does not know.
var ErrMalformed = errors.New("malformed request")

// singleHeaders may occur only once in a request: two readers must not find different values.
var singleHeaders = []string{
	auth.HeaderAgent, auth.HeaderTo, auth.HeaderTime, auth.HeaderNonce, auth.HeaderDigest, auth.HeaderCap, auth.HeaderSig,
	"Range", "If-Range", "Content-Type", "Content-Encoding", "Prefer", "Authorization", "Idempotency-Key",
}

// Route is what one path accepts.
type Route struct {
	Pattern string   // for http.ServeMux
	Query   []string // the parameters that it accepts, each at most once
	Body    bool     // it has one
	Head    bool     // HEAD is also answered
	Problem bool     // refusals are problems (RFC 9457)
	Serve   http.HandlerFunc
}

// prefix returns the beginning of the route's paths.
func (rt Route) prefix() string {
	path, _, _ := strings.Cut(rt.Pattern[strings.Index(rt.Pattern, "/"):], "{")
	return path
}

// strictly refuses requests whose path could be spelled differently.
func (s *Server) strictly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := plainRequest(r); err != nil {
			s.refuse(w, r, http.StatusBadRequest, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// plainRequest checks what every route requires: a path without escapes and detours, and no repeated header.
func plainRequest(r *http.Request) error {
	p := r.URL.Path
	if r.URL.Opaque != "" || r.URL.EscapedPath() != p || path.Clean(p) != p {
		return fmt.Errorf("%w: the path is not in its plain form", ErrMalformed)
	}
	for _, name := range singleHeaders {
		if len(r.Header.Values(name)) > 1 {
			return fmt.Errorf("%w: the header %s is there twice", ErrMalformed, name)
		}
	}
	if len(r.Trailer) > 0 {
		return fmt.Errorf("%w: headers after the body are not taken", ErrMalformed)
	}
	return nil
}

// handle adds a route to a mux.
func (s *Server) handle(mux *http.ServeMux, rt Route) {
	mux.HandleFunc(rt.Pattern, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead && !rt.Head {
			w.Header().Set("Allow", http.MethodGet)
			s.refuse(w, r, http.StatusMethodNotAllowed, fmt.Errorf("%w: HEAD is answered for blobs only", ErrMalformed))
			return
		}
		if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
			s.refuse(w, r, http.StatusUnsupportedMediaType, fmt.Errorf("%w: a body with Content-Encoding %q is not taken", ErrMalformed, encoding))
			return
		}
		if r.ContentLength != 0 && !rt.Body {
			s.refuse(w, r, http.StatusBadRequest, fmt.Errorf("%w: %s takes no body here", ErrMalformed, r.Method))
			return
		}
		if err := rt.checkQuery(r.URL.RawQuery); err != nil {
			s.refuse(w, r, http.StatusBadRequest, err)
			return
		}
		rt.Serve(w, r)
	})
}

// checkQuery accepts only the parameters that the route knows, each once and without escapes.
func (rt Route) checkQuery(raw string) error {
	if strings.ContainsAny(raw, "%+;") {
		return fmt.Errorf("%w: the query has escapes", ErrMalformed)
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return fmt.Errorf("%w: query: %w", ErrMalformed, err)
	}
	for name, all := range values {
		switch {
		case !slices.Contains(rt.Query, name):
			return fmt.Errorf("%w: the query %q is not known here", ErrMalformed, name)
		case len(all) > 1:
			return fmt.Errorf("%w: the query %q is there twice", ErrMalformed, name)
		}
	}
	return nil
}

// PathHash returns the hash in a path: 64 lower-case hex digits, and no other spelling.
func PathHash(r *http.Request, name string) (object.Hash, error) {
	text := r.PathValue(name)
	h, err := object.ParseHash(text)
	if err == nil && h.String() != text {
		err = errors.New("64 lower-case hex digits are expected")
	}
	if err != nil {
		return object.Hash{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return h, nil
}
