package openlineage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/plainfile"
)

// mostTime is how long a server may take for the events of one run.
const mostTime = 5 * time.Second

// Sink is where events are sent: appended to a file, or to a server.
type Sink struct {
	To  string // a path, or an HTTP URL; empty: nowhere
	Key string // a bearer token for the server; empty: none
}

// send delivers events, one per line.
func (s Sink) send(ctx context.Context, lines []byte) error {
	if !strings.Contains(s.To, "://") {
		return appendTo(s.To, lines)
	}
	u, err := url.Parse(s.To)
	if err != nil {
		return err
	}
	if s.Key != "" && u.Scheme != "https" && !caps.Loopback(u) {
		return errors.New("a key is not sent over plain HTTP: use https")
	}
	ctx, cancel := context.WithTimeout(ctx, mostTime)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for line := range bytes.Lines(lines) {
		if err := s.post(ctx, client, u, line); err != nil {
			return err
		}
	}
	return nil
}

func (s Sink) post(ctx context.Context, client *http.Client, u *url.URL, line []byte) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(line))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/json")
	if s.Key != "" {
		q.Header.Set("Authorization", "Bearer "+s.Key)
	}
	res, err := client.Do(q)
	var asked *url.Error
	if errors.As(err, &asked) { // its text has the URL, which may hold a secret
		return fmt.Errorf("%s: %w", u.Host, asked.Err)
	}
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // nobody reads the answer
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s answers %s", u.Host, res.Status)
	}
	return nil
}

// appendTo appends lines to a file in one write, so that lines of two processes do not mix.
func appendTo(path string, lines []byte) error {
	f, err := plainfile.Open(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(lines)
	return errors.Join(err, f.Close())
}
