package api

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/gateway/bearer"
	"github.com/mythos-project/mythos/internal/problem"
	"github.com/mythos-project/mythos/object"
)

// TestIdempotencyKey: a key is a string of RFC 9651 and nothing else.
func TestIdempotencyKey(t *testing.T) {
	with := func(value string) *http.Request {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		r.Header.Set("Idempotency-Key", value)
		return r
	}
	for value, want := range map[string]string{`"a"`: "a", `"a b"`: "a b", `"\"\\"`: `"\`, ` "a" `: "a", `"` + strings.Repeat("x", ir.MaxInline) + `"`: strings.Repeat("x", ir.MaxInline)} {
		if key, err := idempotencyKey(with(value)); err != nil || string(key) != want {
			t.Errorf("%.20s: %q, %v", value, key, err)
		}
	}
	for _, value := range []string{``, `a`, `""`, `"a`, `a"`, `"a" "b"`, `"a", "b"`, `"a";p=1`, `"a";p`, `"a\b"`, `"\"`, "\"\t\"", "\"\x7f\"", "\"é\"", `'a'`, `:YQ==:`, `"` + strings.Repeat("x", ir.MaxInline+1) + `"`} {
		if key, err := idempotencyKey(with(value)); !errors.Is(err, errHeader) {
			t.Errorf("%.20s: %q, %v", value, key, err)
		}
	}
}

func TestPatience(t *testing.T) {
	for value, want := range map[string]time.Duration{"": exec.NoWait, "wait=7": 7 * time.Second, "respond-async, wait = \"7\"": 7 * time.Second, "Wait=3600": time.Hour, "wait=0": exec.NoWait, "handling=lenient": exec.NoWait} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		r.Header.Set("Prefer", value)
		if got, err := patience(r); err != nil || got != want {
			t.Errorf("%q: %v, %v", value, got, err)
		}
	}
	for _, value := range []string{"wait", "wait=", "wait=-1", "wait=1.5", "wait=3601", "wait=99999999999999999999", "wait=1s"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		r.Header.Set("Prefer", value)
		if got, err := patience(r); !errors.Is(err, errHeader) {
			t.Errorf("%q: %v, %v", value, got, err)
		}
	}
}

// TestBearersOverPlainHTTP: a bearer token that others on the way could read is refused.
func TestBearersOverPlainHTTP(t *testing.T) {
	s := &Service{Now: func() object.Time { return 0 }}
	for remote, local := range map[string]bool{"127.0.0.1:9": true, "[::1]:9": true, "[::ffff:127.0.0.1]:9": true, "192.0.2.1:9": false, "[2001:db8::1]:9": false, "": false} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		r.RemoteAddr = remote
		r.Header.Set("Authorization", "Bearer "+bearer.Prefix+"x")
		if _, _, err := s.shown(r); errors.Is(err, errNoBearer) == local {
			t.Errorf("%s: %v", remote, err)
		}
		r.TLS = &tls.ConnectionState{}
		if _, _, err := s.shown(r); !errors.Is(err, bearer.ErrBearer) {
			t.Errorf("%s over TLS: %v", remote, err)
		}
	}
}

// TestProblemsAreExplained: the type of each problem is an anchor of the page.
func TestProblemsAreExplained(t *testing.T) {
	page, err := os.ReadFile("../../../docs/gate.md")
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]bool{problem.About + "not-started": true}
	for status := range 600 {
		types[problem.Of(status, "", "", errHeader).Type] = true
	}
	if len(types) < 10 {
		t.Fatalf("only %d types", len(types))
	}
	for text := range types {
		if name := strings.TrimPrefix(text, problem.About); !strings.Contains(string(page), `<a id="`+name+`"></a>**`+name+"**") {
			t.Errorf("docs/gate.md does not explain %s", text)
		}
	}
}
