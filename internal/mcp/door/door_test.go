package door_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/mythos-project/mythos/internal/mcp/door"
)

// TestOnce: what is said twice is not passed on.
func TestOnce(t *testing.T) {
	t.Parallel()
	h := door.Once(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for _, c := range []struct {
		header string
		values []string
		want   int
	}{
		{"Authorization", []string{"Bearer a"}, http.StatusNoContent},
		{"Authorization", []string{"Bearer a", "Bearer b"}, http.StatusBadRequest},
		{"Authorization", []string{"Bearer a", ""}, http.StatusBadRequest},
		{"mcp-session-id", []string{"a", "a"}, http.StatusBadRequest},
		{"Mcp-Param-Anything", []string{"a", "b"}, http.StatusBadRequest},
		{"Last-Event-ID", []string{"a", "b"}, http.StatusBadRequest},
		{"Origin", []string{"a", "b"}, http.StatusBadRequest},
		{"Accept", []string{"application/json", "text/event-stream"}, http.StatusNoContent},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
		for _, value := range c.values {
			r.Header.Add(c.header, value)
		}
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != c.want {
			t.Errorf("%s %q: %d, not %d", c.header, c.values, w.Code, c.want)
		}
	}
}

// TestFront: who is asked for, and by whom.
func TestFront(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{"localhost": true, "LocalHost:80": true, "127.0.0.1:1": true, "127.9.9.9": true, "[::1]:1": true, "::1": true,
		"": false, "localhost.": false, "localhost.example": false, "127.0.0.1.example": false, "127.1": false, "0.0.0.0": false, "2130706433": false, "::ffff:10.0.0.1": false} {
		if door.Loopback(host) != want {
			t.Errorf("%q is meant for this machine: %v", host, !want)
		}
	}
	for header, want := range map[string]string{"Bearer a": "a", "bearer  a ": "a", "Basic a": "", "Bearera": "", "": "", "Bearer": ""} {
		r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
		r.Header.Set("Authorization", header)
		if got := door.Bearer(r); got != want {
			t.Errorf("%q shows %q", header, got)
		}
	}
}

// TestPlaces: an agent has so many places, and takes none of another's.
func TestPlaces(t *testing.T) {
	t.Parallel()
	var p door.Places
	take := func(agent string, want bool) func() {
		t.Helper()
		w := httptest.NewRecorder()
		leave, ok := p.Take(w, agent)
		if ok != want || ok == (w.Code == http.StatusServiceUnavailable) {
			t.Fatalf("%s: %v, %d", agent, ok, w.Code)
		}
		return leave
	}
	leave := take("scout", true)
	for range door.MaxMessages - 1 {
		take("scout", true)
	}
	take("scout", false)
	take("bob", true)()
	leave()
	take("scout", true)
}

// TestIDs: ids are keys by what they mean, and one that would be answered under another is none.
func TestIDs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		id, key, exact string
		none           bool
	}{
		{id: `1`, key: "1", exact: "1"},
		{id: `"1"`, key: "1", exact: `"1`},
		{id: `1.0`, key: "1"}, {id: `1e0`, key: "1"}, {id: `10e-1`, key: "1"}, {id: `-0`, key: "0"},
		{id: `1.5`, key: "1.5"}, {id: `1e400`, key: "1e400"}, {id: `9007199254740993`, key: "9007199254740993"},
		{id: `-7`, key: "-7", exact: "-7"},
		{id: `"\u0061"`, key: "a", exact: `"a`}, {id: `"a"`, key: "a", exact: `"a`},
		{id: `"\ud800"`, key: `"\ud800"`},
		{id: `"__proto__"`, key: "__proto__", exact: `"__proto__`},
		{id: `true`, none: true}, {id: `{}`, none: true}, {id: `[1]`, none: true}, {id: `null`, none: true},
	} {
		id := json.RawMessage(c.id)
		if err := door.CheckID(id); (err != nil) != c.none {
			t.Errorf("%s is an id: %v", c.id, err)
		}
		if got := door.IDKey(id); !c.none && got != c.key {
			t.Errorf("%s: key %q", c.id, got)
		}
		if got, err := door.ExactID(id); got != c.exact || (err == nil) != (c.exact != "") {
			t.Errorf("%s: exactly %q, %v", c.id, got, err)
		}
	}
}
