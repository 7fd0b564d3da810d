package httptool_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/runnertest"
)

// pair is two hosts that redirect to each other, and the requests to each.
type pair struct {
	home, other *httptest.Server
	mu          sync.Mutex
	seen        []string
}

func newPair(t *testing.T) *pair {
	p := &pair{}
	serve := func(name string) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p.mu.Lock()
			p.seen = append(p.seen, fmt.Sprintf("%s %s %s auth=%s referer=%s", name, r.Method, r.RequestURI, r.Header.Get("X-Auth"), r.Header.Get("Referer")))
			p.mu.Unlock()
			switch r.URL.Path {
			case "/slash", "/known", "/elsewhere":
				http.Redirect(w, r, map[string]string{"/slash": "/slash/", "/known": "/next", "/elsewhere": "/some/path"}[r.URL.Path], http.StatusPermanentRedirect)
			case "/out":
				http.Redirect(w, r, p.other.URL+r.URL.Query().Get("to"), http.StatusTemporaryRedirect)
			case "/back":
				http.Redirect(w, r, p.home.URL+"/admin/delete?all=1", http.StatusTemporaryRedirect)
			case "/see-back":
				http.Redirect(w, r, p.home.URL+"/out", http.StatusSeeOther)
			case "/password":
				w.Header().Set("Location", "http://u:p@"+strings.TrimPrefix(p.home.URL, "http://")+"/x")
				w.WriteHeader(http.StatusTemporaryRedirect)
			default:
				fmt.Fprint(w, "here")
			}
		}))
	}
	p.home, p.other = serve("home"), serve("other")
	t.Cleanup(p.home.Close)
	t.Cleanup(p.other.Close)
	return p
}

// TestSecretsInRedirects: a secret is sent to the registered path of the registered origin, and never again once a
// chain has left that origin.
func TestSecretsInRedirects(t *testing.T) {
	tests := []struct {
		path      string
		safe      bool
		status    uint16
		seen      []string // after the first request
		withNotes string
	}{
		{path: "/slash", status: 200, seen: []string{"home POST /slash/ auth=SECRET referer="}},
		{path: "/known", status: 200, seen: []string{"home POST /next auth=SECRET referer="}},
		{path: "/elsewhere", status: 200, seen: []string{"home POST /some/path auth= referer="}, withNotes: "without the secrets"},
		{path: "/out?to=/x", status: 200, seen: []string{"other POST /x auth= referer="}},
		{path: "/out?to=/back", status: 307, seen: []string{"other POST /back auth= referer="}, withNotes: "another host chose"},
		{path: "/out?to=/back", safe: true, status: 200, seen: []string{"other POST /back auth= referer=", "home POST /admin/delete?all=1 auth= referer="}},
		{path: "/password", status: 307, withNotes: "password"},
	}
	for _, tt := range tests {
		p := newPair(t)
		m := exec.ModuleRef{Kind: exec.KindHTTP, URL: p.home.URL + tt.path, Confinement: exec.ConfineRemote, Headers: map[string]string{"X-Auth": "env:TOKEN"},
			Hosts: []string{strings.TrimPrefix(p.other.URL, "http://")}, RedirectPaths: []string{"/next"}}
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
		res := run(t, m, func(c *exec.Call) { c.RetrySafe = tt.safe })
		got := strings.ReplaceAll(strings.Join(p.seen[1:], "\n"), secret, "SECRET")
		if res.Status != tt.status || got != strings.Join(tt.seen, "\n") || !strings.Contains(res.Notes, tt.withNotes) {
			t.Errorf("%s: %d %q, then\n%s", tt.path, res.Status, res.Notes, got)
		}
	}
}

// TestHostNames: letter case in host names does not matter, and a scheme's default port may be omitted.
func TestHostNames(t *testing.T) {
	p := newPair(t)
	port := func(s *httptest.Server) string {
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		return u.Port()
	}
	m := exec.ModuleRef{Kind: exec.KindHTTP, URL: "http://LOCALHOST:" + port(p.home) + "/out?to=/x", Confinement: exec.ConfineRemote,
		Hosts: []string{"LocalHost.:" + port(p.other)}}
	p.other.URL = "http://localhost:" + port(p.other)
	if res := run(t, m, nil); res.Status != 200 {
		t.Errorf("%d %q", res.Status, res.Notes)
	}
	m.URL, m.Hosts = "http://LocalHost:"+port(p.home)+"/slash", nil
	m.Headers = map[string]string{"X-Auth": "env:TOKEN"}
	if res := run(t, m, nil); res.Status != 200 || !strings.Contains(p.seen[len(p.seen)-1], secret) {
		t.Errorf("%d %q, %s", res.Status, res.Notes, p.seen[len(p.seen)-1])
	}
}

// TestNotStarted: a host that could not be reached got no request.
func TestNotStarted(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // speaks no TLS
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	go func() {
		for {
			c, err := silent.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	strange := httptest.NewTLSServer(http.NotFoundHandler()) // of an authority that nobody trusts
	defer strange.Close()
	for _, u := range []string{"http://127.0.0.1:1/", "http://no-such-host.invalid/", "https://" + silent.Addr().String() + "/", strange.URL + "/"} {
		for _, safe := range []bool{false, true} {
			call := runnertest.Call(exec.ModuleRef{Kind: exec.KindHTTP, URL: u, Confinement: exec.ConfineRemote}, []byte("x"))
			call.RetrySafe = safe
			if _, err := newRunner(t).Run(t.Context(), call); !errors.Is(err, exec.ErrNotStarted) {
				t.Errorf("%s: %v", u, err)
			}
		}
	}
	s := newSite(t)
	for _, path := range []string{"/drop", "/spin"} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			select {
			case <-s.spins: // it was asked
			case <-ctx.Done():
			}
			cancel()
		}()
		_, err := newRunner(t).Run(ctx, runnertest.Call(s.module(t, path, nil), nil))
		cancel()
		if err == nil || errors.Is(err, exec.ErrNotStarted) {
			t.Errorf("%s: %v", path, err)
		}
	}
	call := runnertest.Call(s.module(t, "/{/name}", nil), []byte(`{"name":".."}`))
	if _, err := newRunner(t).Run(t.Context(), call); !errors.Is(err, exec.ErrNotStarted) || !errors.Is(err, exec.ErrRequest) {
		t.Error(err)
	}
}

// TestRetryAfter: a server gives the wait in seconds or as a date. If it asks for more time than there is, the request
// is not repeated.
func TestRetryAfter(t *testing.T) {
	for _, tt := range []struct {
		value  string
		date   bool
		status uint16
		asked  int
	}{{"1", false, 200, 2}, {"", true, 200, 2}, {"3600", false, 429, 1}, {"99999999999999999999", false, 429, 1}, {"soon", false, 200, 2}, {"-5", false, 200, 2}} {
		asked, start := 0, time.Now()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if asked++; asked > 1 {
				fmt.Fprint(w, "done")
				return
			}
			there := time.Now().Add(-48 * time.Hour) // a server's clock may be wrong
			w.Header().Set("Date", there.UTC().Format(http.TimeFormat))
			w.Header().Set("Retry-After", tt.value)
			if tt.date {
				w.Header().Set("Retry-After", there.Add(time.Second).UTC().Format(http.TimeFormat))
			}
			w.WriteHeader(http.StatusTooManyRequests)
		}))
		call := runnertest.Call(exec.ModuleRef{Kind: exec.KindHTTP, URL: server.URL, Confinement: exec.ConfineRemote}, nil)
		call.RetrySafe = true
		res, err := newRunner(t).Run(t.Context(), call)
		server.Close()
		if err != nil || res.Status != tt.status || asked != tt.asked {
			t.Errorf("%q, date %t: %d after %d requests, %q, %v", tt.value, tt.date, res.Status, asked, res.Notes, err)
		}
		if waited := time.Since(start); (tt.value == "1" || tt.date) && waited < time.Second {
			t.Errorf("%q, date %t: asked again after %v", tt.value, tt.date, waited)
		}
	}
}

// TestSecretsInAnswers: every encoding of a secret is removed, and all other bytes stay.
func TestSecretsInAnswers(t *testing.T) {
	answer := "\xff\xfe token=s%33cr3t-0123456789 \x00"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) }))
	defer server.Close()
	m := exec.ModuleRef{Kind: exec.KindHTTP, URL: server.URL, Confinement: exec.ConfineRemote}
	if res := run(t, m, nil); string(res.Body) != answer {
		t.Errorf("without a secret: %q", res.Body)
	}
	m.Headers = map[string]string{"Authorization": "Bearer env:TOKEN"}
	if res := run(t, m, nil); string(res.Body) != "\xff\xfe token=[secret] \x00" || !strings.Contains(res.Notes, "secret was taken out") {
		t.Errorf("%q %q", res.Body, res.Notes)
	}
}
