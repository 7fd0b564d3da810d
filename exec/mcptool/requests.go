package mcptool

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/mythos-project/mythos/exec/mcptool/streamable"
)

// link is a way to one server.
type link interface {
	// ask sends a request and waits for its answer. An error that wraps errUnsent says
	// that no byte of the request left.
	ask(ctx context.Context, x *exchange, method string, params []byte) (answer, error)
	// tell sends a notification.
	tell(ctx context.Context, x *exchange, method string, params []byte) error
	// agree is told the version that was agreed on.
	agree(version string)
	// changed reports that what answers is not what was registered any more: an error that
	// wraps exec.ErrPinned.
	changed() error
	// hold lets the server hold the lock of an attempt, nil where there is none, until drop.
	hold(lock *os.File) (drop func(), err error)
	// down reports that nothing can be asked any more.
	down() bool
	// close ends the link; now does not wait for the server to end by itself.
	close(now bool)
}

// peer is a link that a client has for itself: what the client says passes as it is.
type peer interface {
	link
	// send sends a message of the client, one line. What fails after that is an answer to it.
	send(ctx context.Context, line []byte) error
	// why says how it ended.
	why() error
	// noise is how many lines of the server were no messages, and the first of them.
	noise() (lines int, first string)
}

// exchange is what one attempt brings along.
type exchange struct {
	limit  int64 // bytes that one message of the server may have
	stderr io.Writer
	web    *webExchange        // of an endpoint
	hide   func(string) string // of a program: takes secrets out of what is kept
	via    *Through            // the caller's own connection; nil: one of ours
	whole  bool                // the response is the result as it was sent
	// everything says that we can do whatever a client may: only for the list of tools
	everything bool
}

// unsentError is the error of a request of which no byte left.
type unsentError struct{ err error }

func (e *unsentError) Error() string { return e.err.Error() }
func (e *unsentError) Unwrap() error { return e.err }

// requests are those that wait for an answer.
type requests struct {
	mu      sync.Mutex
	last    int64
	waiting map[int64]*waiter
	failed  error
}

type waiter struct {
	method string
	limit  int64
	got    chan outcome // takes one
}

type outcome struct {
	answer
	err error
}

// enter gives a request its number.
func (r *requests) enter(method string, limit int64) (*waiter, int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	w := &waiter{method, limit, make(chan outcome, 1)}
	if r.failed != nil {
		w.got <- outcome{err: r.failed}
	}
	if r.waiting == nil {
		r.waiting = make(map[int64]*waiter)
	}
	r.waiting[r.last] = w
	return w, r.last
}

func (r *requests) leave(number int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, number)
}

// give hands an outcome to the one who waits for it, once. r.mu is held.
func (r *requests) give(number int64, o outcome) {
	if w := r.waiting[number]; w != nil {
		delete(r.waiting, number)
		w.got <- o
	}
}

// answered hands an answer to its request. An error that names no request is for the
// only one that waits, if there is only one.
func (r *requests) answered(m message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	number := m.number()
	if m.id == nil && m.err != nil && len(r.waiting) == 1 {
		for only, w := range r.waiting {
			number = only
			if w.method == discover {
				r.give(number, outcome{err: errNoName})
			}
		}
	}
	r.give(number, outcome{answer: answer{m.result, m.err}})
}

// fail ends all requests, and those to come.
func (r *requests) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = err
	for number := range r.waiting {
		r.give(number, outcome{err: err})
	}
}

// lineLimit is the longest line that somebody waits for.
func (r *requests) lineLimit() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	limit := int64(overhead)
	for _, w := range r.waiting {
		limit = max(limit, w.limit)
	}
	return limit
}

// tooLong ends the request whose answer is too long. head is the beginning of the line.
// Where it does not say which request that is, all that wait have lost their answer.
func (r *requests) tooLong(head []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	number := numberIn(head)
	for n, w := range r.waiting {
		if n == number || (number == 0 && len(r.waiting) == 1) {
			r.give(n, outcome{err: &streamable.TooLongError{Limit: w.limit}})
		} else if number == 0 {
			r.give(n, outcome{err: fmt.Errorf("mcp server: an answer that is too long does not say whose it is")})
		}
	}
}
