package mcptool

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/mythos-project/mythos/exec/mcptool/streamable"
)

// link is a connection to one server.
type link interface {
	// ask sends a request and waits for its answer. An error that wraps errUnsent means that no byte of the request was
	// sent.
	ask(ctx context.Context, x *exchange, method string, params []byte) (answer, error)
	// tell sends a notification.
	tell(ctx context.Context, x *exchange, method string, params []byte) error
	// agree receives the agreed version.
	agree(version string)
	// changed reports that the server is no longer the registered one: an error that wraps exec.ErrPinned.
	changed() error
	// hold lets the server hold the lock of an attempt (nil: none) until drop.
	hold(lock *os.File) (drop func(), err error)
	// down reports that the server can no longer be asked.
	down() bool
	// close ends the link; now does not wait for the server to end by itself.
	close(now bool)
}

// peer is a link with a single client; the client's messages pass unchanged.
type peer interface {
	link
	// send sends a message of the client, one line. A later failure becomes the message's answer.
	send(ctx context.Context, line []byte) error
	// why returns how the link ended.
	why() error
	// noise returns how many lines of the server were not messages, and the first of them.
	noise() (lines int, first string)
}

// exchange is the context of one attempt.
type exchange struct {
	limit  int64 // largest message of the server, in bytes
	stderr io.Writer
	web    *webExchange        // of an endpoint
	hide   func(string) string // for a program: removes secrets from stored output
	via    *Through            // the caller's own connection; nil: one of ours
	whole  bool                // the response is the result as it was sent
	// our messages claim every client capability: only for the list of tools
	everything bool
}

// unsentError is the error of a request of which no byte was sent.
type unsentError struct{ err error }

func (e *unsentError) Error() string { return e.err.Error() }
func (e *unsentError) Unwrap() error { return e.err }

// requests are the requests that wait for an answer.
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

// give delivers an outcome to its waiter, once. r.mu is held.
func (r *requests) give(number int64, o outcome) {
	if w := r.waiting[number]; w != nil {
		delete(r.waiting, number)
		w.got <- o
	}
}

// answered delivers an answer to its request. An error without a request id belongs to the waiting request if there is
// exactly one.
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

// fail ends all present and future requests.
func (r *requests) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = err
	for number := range r.waiting {
		r.give(number, outcome{err: err})
	}
}

// lineLimit is the longest line that a waiting request allows.
func (r *requests) lineLimit() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	limit := int64(overhead)
	for _, w := range r.waiting {
		limit = max(limit, w.limit)
	}
	return limit
}

// tooLong ends the request whose answer is too long. head is the beginning of the line. If it does not show which
// request that is, all waiting requests have lost their answers.
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
