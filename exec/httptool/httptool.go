// Package httptool runs tools that are HTTP endpoints (spec/tools.md#http).
//
// The request is the body, unless the method is GET or HEAD, and fills the URL
// template: {/ptr} in the path or the query stands for the scalar at that JSON
// pointer, escaped. Beside the registration's headers these are sent:
//
//	Idempotency-Key  the effect's key as it is, when it is at most 255 visible ASCII
//	                 characters; else "hex:" and its hex digits, or "sha256:" and its hash
//	Mythos-Fence     a decimal number that rises with every attempt at the same key
//
// The last word of a header's value may be a secret by name, "env:NAME" or
// "file:/path". It is looked up at the call, goes to the URL's own host alone, and is
// taken out of the response should the server repeat it.
//
// A redirect is followed, at most ten times, to the URL's host and the registration's
// other hosts, never from https to http; any other is the response. The status is the
// server's; a response beyond the limit is 502 and the timeout 504.
//
// A request is sent once, over a connection of its own. Only for a tool that the
// policy calls retry-safe are connections used again, and is the request repeated, up
// to three times, when there is no answer or 429, 502, 503 or 504.
package httptool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/output"
)

// Runner runs http tools. Make one with New. It is safe for concurrent use.
type Runner struct {
	lookup Lookup
	once   *http.Transport // a connection a request: nothing is ever sent again
	shared *http.Transport
}

var (
	_ exec.Runner   = (*Runner)(nil)
	_ exec.Preparer = (*Runner)(nil)
)

// New returns a Runner over transport, of which it makes copies; nil is the
// defaults of net/http. It looks secrets up with lookup; nil is [System].
func New(transport *http.Transport, lookup Lookup) *Runner {
	if transport == nil {
		transport = http.DefaultTransport.(*http.Transport) //nolint:errcheck // so documented
	}
	if lookup == nil {
		lookup = System
	}
	once := transport.Clone()
	once.DisableKeepAlives = true
	once.ForceAttemptHTTP2 = false
	return &Runner{lookup: lookup, once: once, shared: transport.Clone()}
}

// Close closes idle connections.
func (r *Runner) Close() { r.shared.CloseIdleConnections() }

// Prepare refuses a request that does not fill the URL and a secret that is not there.
func (r *Runner) Prepare(ctx context.Context, call exec.Call) error {
	_, err := r.build(ctx, call)
	return err
}

// Run sends the request and reads the response.
func (r *Runner) Run(ctx context.Context, call exec.Call) (exec.Response, error) {
	limited, cancel := context.WithTimeout(ctx, call.Limits.Timeout)
	defer cancel()
	limited, sent := Sent(limited)
	call.Started()
	res, err := r.attempts(limited, call)
	switch {
	case err != nil && !sent():
		return exec.Response{}, exec.NotStarted(err)
	case ctx.Err() != nil:
		return exec.Response{}, fmt.Errorf("%s was not waited for: %w", call.Name, ctx.Err())
	case limited.Err() != nil:
		return exec.Response{Status: exec.StatusTimeout, Notes: "took too long"}, nil
	}
	return res, err
}

// tries is how often a request of a retry-safe tool is sent.
const tries = 3

// maxWait is the longest wait for which a server is asked again.
const maxWait = 30 * time.Second

// attempts sends the request, again only where the policy allows it. A server that asks
// for a longer wait than is left has answered.
func (r *Runner) attempts(ctx context.Context, call exec.Call) (exec.Response, error) {
	for try := 1; ; try++ {
		p, err := r.build(ctx, call)
		if err != nil {
			return exec.Response{}, err
		}
		res, after, err := r.send(p, call)
		if !call.RetrySafe || try == tries || (err == nil && !passing(res.Status)) {
			return res, err
		}
		wait := max(after, time.Duration(try)*100*time.Millisecond)
		if deadline, ok := ctx.Deadline(); err == nil && (wait > maxWait || (ok && time.Until(deadline) < wait)) {
			res.Notes += fmt.Sprintf(": the server asks to wait %v", after.Round(time.Second))
			return res, nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return res, err
		}
	}
}

// passing reports a status that another attempt may change.
func passing(status uint16) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// send sends one request. after is what the server asks to wait before another.
func (r *Runner) send(p *prepared, call exec.Call) (res exec.Response, after time.Duration, err error) {
	client := &http.Client{Transport: r.once, CheckRedirect: p.redirect}
	if call.RetrySafe {
		client.Transport = r.shared
	}
	answer, err := client.Do(p.request)
	if err != nil {
		return res, 0, fmt.Errorf("http tool: %w", p.hide(err))
	}
	defer answer.Body.Close()
	after = retryAfter(answer, time.Now())
	body := output.Head{Limit: call.Limits.MaxResponse, Full: func() {}}
	if _, err := io.Copy(&body, answer.Body); err != nil && !body.Over {
		return res, after, fmt.Errorf("http tool: read the response: %w", p.hide(err))
	}
	if body.Over {
		return exec.Response{Status: exec.StatusResponseTooBig, Notes: fmt.Sprintf("response exceeds %d bytes", body.Limit)}, after, nil
	}
	return p.response(answer, body.Bytes), after, nil
}

// response is what the server answered, without secrets.
func (p *prepared) response(answer *http.Response, body []byte) exec.Response {
	res := exec.Response{Status: uint16(answer.StatusCode), Body: body}
	res.Use = output.Reported([]byte("used " + answer.Header.Get(HeaderUsed)))
	if answer.StatusCode >= 300 {
		res.Notes = "HTTP " + p.mask.CleanText(answer.Status)
	}
	if p.refused != "" {
		res.Notes += ": " + p.mask.CleanText(p.refused)
	}
	if p.withheld {
		res.Notes += " (a redirect was followed without the secrets)"
	}
	if clean := p.mask.Clean(body); !bytes.Equal(clean, body) {
		res.Body, res.Notes = clean, res.Notes+" (a secret was taken out of the response)"
	}
	res.Notes = strings.TrimSpace(res.Notes)
	return res
}

// HeaderUsed is the header of a response that says what the tool used: "tokens=N gpu_ms=N cost=N".
const HeaderUsed = "Mythos-Used"

// hide is err, or its text without the secrets in it.
func (p *prepared) hide(err error) error {
	if clean := p.mask.CleanText(err.Error()); clean != err.Error() {
		return errors.New(clean)
	}
	return err
}
