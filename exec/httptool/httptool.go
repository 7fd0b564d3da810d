// Package httptool runs tools that are HTTP endpoints (spec/tools.md#http).
//
// The request is the body, unless the method is GET or HEAD, and fills the URL template: {/ptr} in the path or the
// query stands for the scalar at that JSON pointer, escaped. In addition to the registration's headers, these are sent:
//
//	Idempotency-Key  the effect's key as it is, when it is at most 255 visible ASCII
//	                 characters; else "hex:" and its hex digits, or "sha256:" and its hash
//	Mythos-Fence     a decimal number that rises with every attempt at the same key
//
// The last word of a header's value may be a secret by name, "env:NAME" or "file:/path". It is looked up at the call
// and goes only to the URL's own host. If the server repeats it, it is removed from the response.
//
// A redirect is followed, at most ten times, to the URL's host and the registration's other hosts, never from https to
// http; any other is the response. The status is the server's; a response beyond the limit is 502 and the timeout 504.
//
// A request is sent once, over a connection of its own. Only for a retry-safe tool are connections reused and requests
// sent up to three times, if there is no answer or the status is 429, 502, 503 or 504.
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
	once   *http.Transport // one connection per request, so that nothing is sent twice
	shared *http.Transport
}

var (
	_ exec.Runner   = (*Runner)(nil)
	_ exec.Preparer = (*Runner)(nil)
)

// New returns a Runner that uses copies of transport; nil means the defaults of net/http. It looks up secrets with
// lookup; nil means [System].
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

// Prepare refuses a request that does not fill the URL, and a missing secret.
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

// maxWait is the longest wait that a server may ask for before a retry.
const maxWait = 30 * time.Second

// attempts sends the request, and sends it again only if the policy allows that. If a server asks for a longer wait
// than there is time, its answer counts.
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

// passing reports a status that may change on another attempt.
func passing(status uint16) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// send sends one request. after is the wait that the server asks for before another.
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

// response is the server's answer, without secrets.
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

// HeaderUsed is the response header in which a tool reports its use: "tokens=N gpu_ms=N cost=N".
const HeaderUsed = "Mythos-Used"

// hide returns err, or its text without secrets.
func (p *prepared) hide(err error) error {
	if clean := p.mask.CleanText(err.Error()); clean != err.Error() {
		return errors.New(clean)
	}
	return err
}
