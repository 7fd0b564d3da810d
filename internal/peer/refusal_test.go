package peer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/ledger"
)

// TestRefusalsKeepTheirKind: the peer is told what the server's own command line would say about an error: the kind,
// and what to do, on one line without terminal control characters.
func TestRefusalsKeepTheirKind(t *testing.T) {
	n := peertest.Repo(t, "far")
	s := readied(t, n)
	s.Explain = func(err error) (string, string) {
		if errors.Is(err, ledger.ErrBusy) {
			return kindBusy, "wait\n\x1b[2Jfor it" + strings.Repeat(" and wait", 200)
		}
		return KindFailed, ""
	}
	for _, c := range []struct {
		err    error
		status int
		kind   string
	}{
		{&ledger.BusyError{}, 500, kindBusy}, {errors.New("something"), 500, KindFailed}, {errors.New("something"), 403, kindRefused}, {errors.New("something"), 429, kindBusy},
		{fmt.Errorf("%w: %w", auth.ErrUnauthorized, ledger.ErrBusy), 403, kindRefused}, {errors.New("something"), 404, kindNotFound}, {errors.New("something"), 416, kindUsage},
		{&Explained{Message: "as it was kept", Kind: "conflict"}, 500, "conflict"},
	} {
		w := httptest.NewRecorder()
		s.refuse(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/x", nil), c.status, c.err)
		got := refusal(w.Result(), w.Body.String(), n.Now())
		if got.Kind != c.kind || got.Status != c.status || got.Apart() != 0 || len(w.Header().Get(headerHint)) > maxHint || len(got.Hint) > maxHint || strings.ContainsAny(got.Hint, "\n\x1b") {
			t.Errorf("%v: %+v, expected kind %s", c.err, got, c.kind)
		}
		if c.kind == kindBusy && c.status == 500 && !strings.HasPrefix(got.Hint, "wait") {
			t.Errorf("hint %q", got.Hint)
		}
	}
}
