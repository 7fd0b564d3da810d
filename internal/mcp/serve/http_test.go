package serve_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mythos-project/mythos/internal/agents"
	"github.com/mythos-project/mythos/internal/mcp/serve"
)

// front serves the agents of a desk over HTTP.
func (d *desk) front(names ...string) (url string, tokens []string) {
	d.t.Helper()
	servers := map[string]*serve.Server{}
	for _, name := range names {
		servers[name] = d.server(name)
		text, _, err := agents.NewToken(d.t.Context(), d.Repo, name, time.Hour)
		if err != nil {
			d.t.Fatal(err)
		}
		tokens = append(tokens, text)
	}
	f := &serve.Front{Notef: d.t.Logf, Until: d.t.Context(),
		Server: func(_ context.Context, agent string) (*serve.Server, error) { return servers[agent], nil },
		Agent: func(ctx context.Context, token string) (string, time.Time, error) {
			t, err := agents.ByToken(ctx, d.Repo, token)
			if err != nil {
				return "", time.Time{}, serve.ErrToken
			}
			return t.Agent, t.Until.Std(), nil
		}}
	web := httptest.NewServer(f.Handler())
	d.t.Cleanup(func() { web.CloseClientConnections(); web.Close() })
	return web.URL, tokens
}

// bearer adds a token to each request.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// post makes one request; header is "Name: value".
func post(ctx context.Context, t *testing.T, url, body string, headers ...string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return http.DefaultClient.Do(r)
}

// said is a response's status and all that it says.
func said(t *testing.T, url, body string, headers ...string) (status int, text string, h http.Header) {
	t.Helper()
	res, err := post(t.Context(), t, url, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(raw), res.Header
}

const greeting = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`

// TestHTTP: a token says who calls; without one, with an ended one, from another site or in a
// batch there is nothing, and a session is of one agent.
func TestHTTP(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.allow("scout", "a.count")
	d.allow("other", "b.count")
	url, tokens := d.front("scout", "other")
	for i, name := range []string{"a_count", "b_count"} {
		c := mcp.NewClient(&mcp.Implementation{Name: "t", Version: "1"}, nil)
		cs, err := c.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: url, HTTPClient: &http.Client{Transport: bearer(tokens[i])}, DisableStandaloneSSE: true}, nil)
		if err != nil {
			t.Fatal(err)
		}
		list, err := cs.ListTools(t.Context(), nil)
		if err != nil || list.Tools[0].Name != name {
			t.Fatal(list, err)
		}
		res, err := cs.CallTool(t.Context(), &mcp.CallToolParams{Name: name, Arguments: map[string]any{"input": "x"}})
		if err != nil || res.Content[0].(*mcp.TextContent).Text != "counted x" {
			t.Fatal(res, err)
		}
		if err := cs.Close(); err != nil {
			t.Error(err)
		}
	}
	scout, other := "Authorization: Bearer "+tokens[0], "Authorization: Bearer "+tokens[1]
	for _, c := range []struct {
		status  int
		body    string
		headers []string
	}{
		{401, greeting, nil},
		{401, greeting, []string{"Authorization: Bearer mythos-agent-none"}},
		{400, greeting, []string{scout, other}},
		{400, greeting, []string{scout, "Mcp-Session-Id: a", "Mcp-Session-Id: b"}},
		{403, greeting, []string{scout, "Origin: https://example.org", "Sec-Fetch-Site: cross-site"}},
		{400, "[" + greeting + "]", []string{scout}},
		{400, "junk", []string{scout}},
		{413, `"` + strings.Repeat("x", 5<<20) + `"`, []string{scout}},
	} {
		if status, text, _ := said(t, url, c.body, c.headers...); status != c.status {
			t.Errorf("%.40s %v: %d %s", c.body, c.headers, status, text)
		}
	}
	_, _, h := said(t, url, greeting, scout)
	session := "Mcp-Session-Id: " + h.Get("Mcp-Session-Id")
	ping := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	if status, text, _ := said(t, url, ping, scout, session); status != 200 {
		t.Error(status, text)
	}
	if status, text, _ := said(t, url, ping, other, session); status != 403 {
		t.Error(status, text)
	}
	for _, id := range []string{"1.5", "1e0", "123456789012345678901", `"\ud800"`, "true", "{}"} { // it would be answered under another
		if status, text, _ := said(t, url, strings.Replace(ping, `"id":1`, `"id":`+id, 1), scout, session); status != 400 {
			t.Errorf("id %s: %d %s", id, status, text)
		}
	}
	for range 2 { // an id that is written otherwise than it is answered: who has the answer waits no more
		_, text, _ := said(t, url, `{"jsonrpc":"2.0","id":"\u0061","method":"tools/call","params":{"name":"a_count","arguments":{"input":"again"}}}`, scout, session)
		if !strings.Contains(text, "counted again") || strings.Contains(text, "mythos/adopted") {
			t.Error(text)
		}
	}
	if n, err := agents.RevokeTokens(t.Context(), d.Repo, "scout"); n != 1 || err != nil {
		t.Error(n, err)
	}
	if status, text, _ := said(t, url, ping, scout, session); status != 401 {
		t.Error(status, text)
	}
}

// TestHTTPCut: a call over a connection that was cut, and that is asked again, happens once, with
// sessions and without; an answer that was written is nobody's any more.
func TestHTTPCut(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.allow("scout", "a.count")
	url, tokens := d.front("scout")
	scout := "Authorization: Bearer " + tokens[0]
	_, _, h := said(t, url, greeting, scout)
	session := []string{scout, "Mcp-Session-Id: " + h.Get("Mcp-Session-Id"), "Mcp-Protocol-Version: 2025-06-18"}
	if status, text, _ := said(t, url, `{"jsonrpc":"2.0","method":"notifications/initialized"}`, session...); status != 202 {
		t.Fatal(status, text)
	}
	modern := []string{scout, "Mcp-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: a_count"}
	about := map[bool]string{true: `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}`}
	for i, headers := range [][]string{session, modern} {
		call := func(id int) string {
			return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"a_count","arguments":{"input":"x%d"},"_meta":{%s}}}`, id, i, about[i == 1])
		}
		free := d.block()
		ctx, cut := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			res, err := post(ctx, t, url, call(1), headers...)
			if err == nil {
				_, err = bufio.NewReader(res.Body).ReadString(0)
				res.Body.Close()
			}
			gone <- err
		}()
		<-d.began
		cut()
		if err := <-gone; err == nil {
			t.Error("the call that was cut has an answer")
		}
		d.left(1)
		free()
		_, text, _ := said(t, url, call(2), headers...)
		expect(t, text, fmt.Sprintf("counted x%d", i), `"mythos/adopted":true`)
		_, text, _ = said(t, url, call(3), headers...)
		expect(t, text, fmt.Sprintf("counted x%d", i), "!adopted")
		<-d.began
		if n := d.counted(); n != 2*(i+1) {
			t.Errorf("%d calls", n)
		}
	}
}
