package httptool

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/secret"
	"github.com/mythos-project/mythos/object"
)

// prepared is a request that is ready to send.
type prepared struct {
	request       *http.Request
	hosts         []place  // hosts that a redirect may lead to, besides the URL's own
	paths         []string // paths of the URL's own host that also get the secrets
	retrySafe     bool
	secretHeaders map[string]struct{} // headers that go only to the URL's origin
	mask          *secret.Mask        // secrets that must not be stored
	refused       string              // a redirect that was not followed, and why
	withheld      bool                // a redirect was followed without the secrets
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
	p := newPrepared(req, call)
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

func newPrepared(req *http.Request, call exec.Call) *prepared {
	p := &prepared{request: req, paths: call.Module.RedirectPaths, retrySafe: call.RetrySafe, secretHeaders: map[string]struct{}{}}
	for _, h := range call.Module.Hosts {
		p.hosts = append(p.hosts, allowedPlace(h))
	}
	return p
}

// mediaOf is the media type of a request if the registration names none.
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

// HeaderKey is the header form of an idempotency key; different keys stay different.
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
