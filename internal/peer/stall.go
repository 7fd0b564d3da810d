package peer

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// ErrStalled means that a peer began to answer and then sent nothing for too long.
var ErrStalled = errors.New("the peer stopped sending")

// unstalled returns an answer's body that fails if nothing arrives for the time limit. Otherwise a peer that is gone,
// or that wants to hold us up, would be waited for without end.
func unstalled(body io.ReadCloser, limit time.Duration) io.ReadCloser {
	b := &watchedBody{ReadCloser: body, limit: limit}
	b.timer = time.AfterFunc(limit, func() {
		b.stalled.Store(true)
		_ = b.ReadCloser.Close() // ends a waiting Read
	})
	b.timer.Stop() // until somebody reads
	return b
}

type watchedBody struct {
	io.ReadCloser
	limit   time.Duration
	timer   *time.Timer
	stalled atomic.Bool
}

// Read implements io.Reader.
func (b *watchedBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.limit)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop() // the reader's own time does not count as the peer's
	if err != nil && !errors.Is(err, io.EOF) && b.stalled.Load() {
		err = fmt.Errorf("%w for %s", ErrStalled, b.limit)
	}
	return n, err
}

// Close implements io.Closer.
func (b *watchedBody) Close() error {
	b.timer.Stop()
	return b.ReadCloser.Close()
}
