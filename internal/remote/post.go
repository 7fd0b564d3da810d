package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/auth"
)

// UnreachableError means that a request was not answered, however often it was sent.
type UnreachableError struct {
	Ledger string // its URL
	For    time.Duration
	Unsent bool // no connection was made: the ledger has not received it
	Err    error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("the ledger at %s does not answer (asked for %s): %v", e.Ledger, e.For.Round(time.Second), e.Err)
}

// Unwrap returns the last reason.
func (e *UnreachableError) Unwrap() error { return e.Err }

// persistence says how long an unanswered request is sent again.
type persistence struct {
	most  time.Duration
	once  bool // its bytes may be sent only once
	waits bool // the answer takes time, and is asked for again if it is lost
	ahead bool // others wait for the answer: it does not queue
}

const maxPause = 2 * time.Second // between two tries

// post sends a request, and sends it again with the same bytes if its answer is lost or the ledger is busy. It returns
// the body of the answer.
func (l *Ledger) post(ctx context.Context, path string, chain caps.Chain, body []byte, p persistence) ([]byte, error) {
	begin, unsent := time.Now(), true
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, maxPause) {
		sent := time.Now()
		raw, err := l.try(ctx, path, chain, body, p)
		again, reached := transient(err)
		if err == nil || !again || ctx.Err() != nil || p.once {
			return raw, err
		}
		unsent = unsent && peer.Unsent(err)
		if p.waits && (reached || time.Since(sent) > time.Second) { // it was reachable, and kept us waiting
			begin = time.Now()
		}
		if spent := time.Since(begin); spent > p.most {
			return nil, &UnreachableError{l.Client.URL, spent, unsent, err}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// transient reports whether the same request may be answered later, and whether the ledger was reached.
func transient(err error) (again, reached bool) {
	var refused *peer.StatusError
	switch {
	case err == nil || errors.Is(err, auth.ErrIdentity):
		return false, true
	case errors.As(err, &refused):
		switch refused.Status {
		case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
			return true, true
		}
		return false, true
	}
	return true, false
}

const (
	slowest = 64 << 10         // bytes of a body per additional second
	longest = 12 * time.Minute // for a request that waits there
)

func (l *Ledger) try(ctx context.Context, path string, chain caps.Chain, body []byte, p persistence) ([]byte, error) {
	most := l.Try + time.Duration(len(body)/slowest)*time.Second
	if p.waits {
		most += longest
	}
	if !p.waits && !p.ahead {
		select {
		case l.under <- struct{}{}:
			defer func() { <-l.under }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	res, err := l.Client.Post(ctx, path, chain, body)
	if err != nil {
		return nil, denied(err)
	}
	return whole(res)
}

// denied returns a refusal by the ledger's machine as one that an executor understands.
func denied(err error) error {
	var refused *peer.StatusError
	if errors.As(err, &refused) && refused.Status == http.StatusForbidden {
		return &caps.DeniedError{Check: caps.CheckTrust, Reason: "the ledger's machine refuses", Help: refused.Hint, Err: err}
	}
	return err
}

func (l *Ledger) get(ctx context.Context, path string, chain caps.Chain) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, l.Try)
	defer cancel()
	res, err := l.Client.Get(ctx, path, chain)
	if err != nil {
		return nil, err
	}
	return whole(res)
}

// whole reads an answer of bounded length.
func whole(res *http.Response) ([]byte, error) {
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, wire.MaxBody+1))
	if err == nil && len(raw) > wire.MaxBody {
		err = fmt.Errorf("%w: more than %d bytes", ErrAnswer, wire.MaxBody)
	}
	return raw, err
}
