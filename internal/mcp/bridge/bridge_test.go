package bridge_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/internal/mcp/bridge"
)

// greeter answers each message as initialize.
type greeter struct{}

func (greeter) Serve(_ context.Context, in io.Reader, out io.Writer) error {
	for s := bufio.NewScanner(in); s.Scan(); {
		if _, err := io.WriteString(out, `{"jsonrpc":"2.0","id":1,"result":{}}`+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// TestSessions: an agent has no more sessions than it may, also where it begins all of them at once.
func TestSessions(t *testing.T) {
	t.Parallel()
	const asked, most = 80, 64
	events, open := make(chan string, 2*asked), make(chan struct{})
	until, stop := context.WithCancel(t.Context())
	b := &bridge.Bridge{Until: until, Notef: t.Logf,
		Agent: func(context.Context, string) (string, error) { return "scout", nil },
		Open: func(context.Context, string) (bridge.Speaker, error) {
			events <- "opens"
			<-open
			return greeter{}, nil
		}}
	server := httptest.NewServer(b.Handler())
	for range asked {
		go func() {
			status, err := initialize(t.Context(), server.URL)
			if err != nil {
				t.Error(err)
			}
			events <- fmt.Sprint(status)
		}()
	}
	got := map[string]int{}
	for range asked {
		got[<-events]++
	}
	close(open)
	for range most {
		got[<-events]++
	}
	if got["opens"] != most || got["200"] != most || got["503"] != asked-most {
		t.Errorf("%v, expected %d sessions", got, most)
	}
	server.Close()
	stop()
	b.Close()
}

func initialize(ctx context.Context, url string) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"initialize"}`))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer x")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}
