package httptool_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/httptool"
	"github.com/mythos-project/mythos/exec/runnertest"
)

const secret = "s3cr3t-0123456789"

// site is a real server on the loopback address that counts the requests to each path.
type site struct {
	*httptest.Server
	other *httptest.Server // another host, which redirects may lead to or not
	asked atomic.Int64
	spins chan struct{} // receives a value when /spin was requested
}

func newSite(t testing.TB) *site {
	s := &site{spins: make(chan struct{}, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	mux.HandleFunc("/big/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("n"))
		_, _ = w.Write(make([]byte, n))
	})
	mux.HandleFunc("/spin", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case s.spins <- struct{}{}:
		default:
		}
		<-r.Context().Done()
	})
	mux.HandleFunc("/fail/{n}", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, "partial")
	})
	mux.HandleFunc("/noise", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "quiet") })
	mux.HandleFunc("/used/{said}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(httptool.HeaderUsed, r.PathValue("said"))
		fmt.Fprint(w, "done")
	})
	mux.HandleFunc("/show/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s key=%q fence=%s auth=%q type=%s", r.Method, r.RequestURI, r.Header.Get("Idempotency-Key"),
			r.Header.Get("Mythos-Fence"), r.Header.Get("X-Auth"), r.Header.Get("Content-Type"))
	})
	mux.HandleFunc("/busy", func(w http.ResponseWriter, _ *http.Request) {
		if s.asked.Add(1)%3 != 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/vanish", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/drop", func(_ http.ResponseWriter, _ *http.Request) {
		s.asked.Add(1)
		panic(http.ErrAbortHandler) // the connection ends without an answer
	})
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, s.other.URL+"/show/other", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/show/moved", http.StatusSeeOther) })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusSeeOther) })
	s.Server, s.other = httptest.NewServer(mux), httptest.NewServer(mux)
	t.Cleanup(s.Server.Close)
	t.Cleanup(s.other.Close)
	return s
}

func (s *site) module(t testing.TB, path string, change func(*exec.ModuleRef)) exec.ModuleRef {
	t.Helper()
	m := exec.ModuleRef{Kind: exec.KindHTTP, URL: s.URL + path, Confinement: exec.ConfineRemote}
	if change != nil {
		change(&m)
	}
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	return m
}

func newRunner(t testing.TB) *httptool.Runner {
	r := httptool.New(nil, func(name string) (string, error) {
		if name == "env:TOKEN" {
			return secret, nil
		}
		return "", fmt.Errorf("%w %s: not there", httptool.ErrSecret, name)
	})
	t.Cleanup(r.Close)
	return r
}

func TestRunner(t *testing.T) {
	s := newSite(t)
	absent := func() exec.ModuleRef {
		return exec.ModuleRef{Kind: exec.KindHTTP, URL: "http://127.0.0.1:1/", Confinement: exec.ConfineRemote}
	}
	runnertest.Run(t, runnertest.Suite{Runner: newRunner(t), Remote: true, Absent: absent, Vanishes: true, Module: func(args ...string) exec.ModuleRef {
		return s.module(t, "/"+strings.Join(args, "/"), nil)
	}})
}

func run(t *testing.T, module exec.ModuleRef, change func(*exec.Call)) exec.Response {
	t.Helper()
	call := runnertest.Call(module, []byte(`{"id":"a/b c","n":[1,true]}`))
	if change != nil {
		change(&call)
	}
	res, err := newRunner(t).Run(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestRequest(t *testing.T) {
	s := newSite(t)
	get := func(m *exec.ModuleRef) { m.Method = "GET" }
	tests := []struct {
		path   string
		change func(*exec.ModuleRef)
		call   func(*exec.Call)
		want   string
	}{
		{"/show/x", nil, func(c *exec.Call) { c.Key, c.Fence = []byte("4fd1c2"), 3 }, `POST /show/x key="4fd1c2" fence=3 auth="" type=application/json`},
		{"/show/x", get, nil, `GET /show/x key="" fence= auth="" type=`},
		{"/show/{+/id}?n={/n/0}&b={/n/1}&id={/id}", get, nil, `GET /show/a/b%20c?n=1&b=true&id=a%2Fb+c key="" fence= auth="" type=`},
		{"/show/x", nil, func(c *exec.Call) { c.Key = []byte{0, 0xff} }, `POST /show/x key="hex:00ff" fence=0 auth="" type=application/json`},
		{"/show/x", nil, func(c *exec.Call) { c.Key = []byte("hex:00ff") }, `POST /show/x key="hex:6865783a30306666" fence=0 auth="" type=application/json`},
		{"/show/x", func(m *exec.ModuleRef) {
			m.Headers = map[string]string{"Content-Type": "text/plain", "x-auth": "Key env:NO"}
		}, nil, ""},
		{"/moved", nil, nil, `GET /show/moved key="" fence= auth="" type=`},
	}
	for _, tt := range tests {
		call := runnertest.Call(s.module(t, tt.path, tt.change), []byte(`{"id":"a/b c","n":[1,true]}`))
		if tt.call != nil {
			tt.call(&call)
		}
		res, err := newRunner(t).Run(t.Context(), call)
		if tt.want == "" {
			if !errors.Is(err, httptool.ErrSecret) {
				t.Errorf("%s: %v", tt.path, err)
			}
			continue
		}
		if err != nil || res.Status != 200 || string(res.Body) != tt.want {
			t.Errorf("%s: %d %s, %v", tt.path, res.Status, res.Body, err)
		}
	}
}

func TestPrepareRefuses(t *testing.T) {
	s := newSite(t)
	for path, request := range map[string]string{"/show/{/id}": `{"other":1}`, "/show/{/up}": `{"up":".."}`, "/{/x}": "no JSON", "/{/a/b}": `{"a":{"b":{}}}`} {
		err := newRunner(t).Prepare(t.Context(), runnertest.Call(s.module(t, path, nil), []byte(request)))
		if !errors.Is(err, exec.ErrRequest) {
			t.Errorf("%s with %s: %v", path, request, err)
		}
	}
}

// TestSecret: the server gets the secret, and no stored data shows it, even if the server repeats it or fails.
func TestSecret(t *testing.T) {
	s := newSite(t)
	auth := func(m *exec.ModuleRef) { m.Headers = map[string]string{"X-Auth": "Bearer env:TOKEN"} }
	var seen string
	spy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Get("X-Auth")
		http.Error(w, "bad token "+seen, http.StatusUnauthorized)
	}))
	defer spy.Close()
	m := s.module(t, "/x", auth)
	m.URL = spy.URL
	res := run(t, m, nil)
	if seen != "Bearer "+secret || res.Status != 401 || string(res.Body) != "bad token Bearer [secret]\n" || strings.Contains(res.Notes, secret) {
		t.Errorf("server saw %q; %d %q %q", seen, res.Status, res.Body, res.Notes)
	}
	spy.Close()
	if _, err := newRunner(t).Run(t.Context(), runnertest.Call(m, nil)); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("nobody there: %v", err)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HTTPTOOL_TEST", secret)
	for _, name := range []string{"file:" + file, "env:HTTPTOOL_TEST"} {
		if got, err := httptool.System(name); err != nil || got != secret {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"file:" + file + "x", "env:HTTPTOOL_ABSENT"} {
		if _, err := httptool.System(name); !errors.Is(err, httptool.ErrSecret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRedirect: redirects are followed only to allowed hosts, and without secrets to another host.
func TestRedirect(t *testing.T) {
	s := newSite(t)
	auth := map[string]string{"X-Auth": "env:TOKEN"}
	res := run(t, s.module(t, "/away", func(m *exec.ModuleRef) { m.Headers = auth }), nil)
	if res.Status != http.StatusTemporaryRedirect || !strings.Contains(res.Notes, s.other.URL) {
		t.Errorf("not allowed: %d, %q", res.Status, res.Notes)
	}
	allow := func(m *exec.ModuleRef) {
		m.Headers, m.Hosts = auth, []string{strings.TrimPrefix(s.other.URL, "http://")}
	}
	res = run(t, s.module(t, "/away", allow), func(c *exec.Call) { c.Key = []byte("k") })
	if want := `POST /show/other key="k" fence=0 auth="" type=application/json`; string(res.Body) != want {
		t.Errorf("allowed: %d %s", res.Status, res.Body)
	}
	if res := run(t, s.module(t, "/loop", nil), nil); res.Status != http.StatusSeeOther || res.Notes == "" {
		t.Errorf("a loop: %d %q", res.Status, res.Notes)
	}
}

// TestRepeats: a request is sent once, unless the policy allows repeating it.
func TestRepeats(t *testing.T) {
	for _, safe := range []bool{false, true} {
		s := newSite(t)
		call := runnertest.Call(s.module(t, "/busy", nil), nil)
		call.RetrySafe = safe
		res, err := newRunner(t).Run(t.Context(), call)
		want, times := uint16(503), int64(1)
		if safe {
			want, times = 200, 3
		}
		if err != nil || res.Status != want || s.asked.Load() != times {
			t.Errorf("busy, safe %t: %d after %d, %v", safe, res.Status, s.asked.Load(), err)
		}
		s.asked.Store(0)
		r := newRunner(t)
		for range 2 { // the second could find a connection that the server has ended
			call := runnertest.Call(s.module(t, "/drop", func(m *exec.ModuleRef) { m.Method = "GET" }), nil)
			call.RetrySafe, call.Key = safe, []byte("k")
			if _, err := r.Run(t.Context(), call); err == nil {
				t.Error("no answer is not an error")
			}
		}
		if n := s.asked.Load(); (!safe && n != 2) || (safe && n < 6) {
			t.Errorf("drop, safe %t: asked %d times", safe, n)
		}
	}
}

func TestCheck(t *testing.T) {
	bad := []exec.ModuleRef{
		{URL: "ftp://example.org/"}, {URL: "https://u:p@example.org/"}, {URL: "https://{/host}/x"}, {URL: "https://example.org{/x}"}, {URL: "/x"},
		{URL: "https://example.org/#f"}, {URL: "https://example.org/", Method: "CONNECT"}, {URL: "https://example.org/", Hosts: []string{"a/b"}},
		{URL: "https://example.org/", Headers: map[string]string{"a b": "c"}},
		{URL: "https://example.org/", Headers: map[string]string{"a": "c\nd: e"}},
		{URL: "https://example.org/", Headers: map[string]string{"Idempotency-Key": "c"}},
		{URL: "http://example.org/", Headers: map[string]string{"a": "env:X"}}, {URL: "https://example.org/{/x}#f"}, {URL: "https://example.org/{x}"},
		{URL: "https://example.org/{/x"}, {URL: "https://example.org/", RedirectPaths: []string{"x"}}, {URL: "https://example.org/", RedirectPaths: []string{"//x/y"}},
	}
	for _, m := range bad {
		m.Kind, m.Confinement = exec.KindHTTP, exec.ConfineRemote
		if err := m.Check(); err == nil {
			t.Errorf("%+v is taken", m)
		}
	}
	m := exec.ModuleRef{Kind: exec.KindHTTP, Confinement: exec.ConfineRemote, URL: "http://LOCALHOST:1/{+/x}", Headers: map[string]string{"a": "env:X"}}
	if err := m.Check(); err != nil {
		t.Error(err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newRunner(t).Run(ctx, runnertest.Call(newSite(t).module(t, "/echo", nil), nil)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
