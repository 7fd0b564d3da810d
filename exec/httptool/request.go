package httptool

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/object"
)

// prepared is one request that is ready to be sent.
type prepared struct {
	request       *http.Request
	hosts         map[string]struct{} // that a redirect may lead to
	secretHeaders map[string]struct{}
	secrets       [][]byte // values that must not be kept
	refused       string   // where a redirect led to that was not followed
}

// build fills the URL and the headers.
func (r *Runner) build(ctx context.Context, call exec.Call) (*prepared, error) {
	ref := call.Module
	if ref.Kind != exec.KindHTTP {
		return nil, fmt.Errorf("http runner: the tool is of kind %s", exec.KindName(ref.Kind))
	}
	target, err := fill(ref.URL, call.Request)
	if err != nil {
		return nil, err
	}
	method := ref.Method
	if method == "" {
		method = http.MethodPost
	}
	var body []byte
	if method != http.MethodGet && method != http.MethodHead {
		body = call.Request
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("http tool: %w", err)
	}
	p := newPrepared(req, ref)
	req.Header.Set("User-Agent", "mythos")
	if len(body) > 0 {
		req.Header.Set("Content-Type", mediaOf(body))
	}
	if len(call.Key) > 0 {
		req.Header.Set("Idempotency-Key", HeaderKey(call.Key))
		req.Header.Set("Mythos-Fence", strconv.FormatUint(call.Fence, 10))
	}
	return p, p.headers(ref.Headers, r.lookup)
}

func newPrepared(req *http.Request, ref exec.ModuleRef) *prepared {
	p := &prepared{request: req, hosts: map[string]struct{}{req.URL.Host: {}}, secretHeaders: map[string]struct{}{}}
	for _, h := range ref.Hosts {
		p.hosts[h] = struct{}{}
	}
	return p
}

// mediaOf is the media type of a request whose registration names none.
func mediaOf(body []byte) string {
	if json.Valid(body) {
		return "application/json"
	}
	return "application/octet-stream"
}

const (
	hexKey  = "hex:"
	hashKey = "sha256:"
	maxKey  = 255 // characters of a key in a header
)

// HeaderKey is an idempotency key as a header; different keys stay different.
func HeaderKey(key []byte) string {
	text := string(key)
	visible := !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
	switch {
	case visible && len(key) <= maxKey && !strings.HasPrefix(text, hexKey) && !strings.HasPrefix(text, hashKey):
		return text
	case 2*len(key) <= maxKey:
		return hexKey + hex.EncodeToString(key)
	}
	return hashKey + object.Sum(key).String()
}

// fill puts scalars of the request into the URL. What is left of "?" is escaped as a
// part of a path, what is right of it as a part of a query.
func fill(template string, request []byte) (string, error) {
	var doc any
	var out strings.Builder
	for rest, parsed := template, false; ; parsed = true {
		before, after, found := strings.Cut(rest, "{")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		pointer, next, closed := strings.Cut(after, "}")
		if !closed {
			return "", fmt.Errorf("URL template %q: a brace is not closed", template)
		}
		if !parsed {
			dec := json.NewDecoder(bytes.NewReader(request))
			dec.UseNumber()
			if err := dec.Decode(&doc); err != nil {
				return "", fmt.Errorf("%w: the URL needs %s of it and it is no JSON: %w", exec.ErrRequest, pointer, err)
			}
		}
		text, err := scalarAt(doc, pointer)
		if err != nil {
			return "", fmt.Errorf("%w: the URL needs %s of it: %w", exec.ErrRequest, pointer, err)
		}
		if strings.Contains(out.String(), "?") {
			out.WriteString(url.QueryEscape(text))
		} else if text == "." || text == ".." || text == "" {
			return "", fmt.Errorf("%w: %s is %q, which is no part of a path", exec.ErrRequest, pointer, text)
		} else {
			out.WriteString(url.PathEscape(text))
		}
		rest = next
	}
}

// scalarAt is the text of the scalar at a JSON pointer (RFC 6901).
func scalarAt(doc any, pointer string) (string, error) {
	at := doc
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		switch v := at.(type) {
		case map[string]any:
			at = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return "", fmt.Errorf("there is no item %q", step)
			}
			at = v[i]
		default:
			return "", fmt.Errorf("there is nothing at %q", step)
		}
	}
	switch v := at.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", fmt.Errorf("it is not a text, a number or a truth value")
}

// maxWait bounds what a server may ask to wait before another attempt.
const maxWait = 30 * time.Second

func retryAfter(res *http.Response) time.Duration {
	seconds, err := strconv.ParseUint(res.Header.Get("Retry-After"), 10, 16)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxWait)
}
