// Package socket lets all processes of one user work on one open database: the process that serves a repository answers
// their operations over a local socket.
//
// Badger allows one process at a time. Without a server, processes take turns (package badger). With one, a [DB] finds
// its socket and sends every operation there. Only the keys go over the socket: each process reads and writes chunk
// files itself, because files need no turns. When the server ends, a DB continues with the database itself, even in the
// middle of a command.
//
// The socket is `serve.sock` in the repository's folder. Beside it is `serve.lock`, on which the listening process
// holds a lock (flock). Both ends ask the kernel who the other is, and talk only to processes of their own user. The
// protocol is Go's net/rpc: the operations of store.KV, one to one.
package socket

import (
	"errors"
	"syscall"

	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger"
	"github.com/mythos-project/mythos/store/kv"
)

// service is the name of the service. A server of another version has another name and is not used.
const service = "mythos-kv-2"

// Errors that callers distinguish.
var (
	// ErrServed means that another process serves the repository already.
	ErrServed = errors.New("another process serves this repository")
	// ErrLost means that the server ended during a change, and that nobody can tell whether the change happened. It
	// wraps badger.ErrBusy: the remedy is to run the command again.
	ErrLost = lostError{}
)

type lostError struct{}

func (lostError) Error() string {
	return "the server of this repository ended during a change, and whether that happened is not known"
}

// Unwrap gives badger.ErrBusy.
func (lostError) Unwrap() error { return badger.ErrBusy }

// kept are the errors that keep their identity over the socket.
var kept = []error{store.ErrTooLarge, badger.ErrBusy, syscall.ENOSPC, store.ErrDamaged, store.ErrCorrupt, store.ErrReadOnly, kv.ErrMoved, kv.ErrMoving}

// remote is an error of the server's database.
type remote struct {
	text string
	is   error // one of kept, or nil
}

func (e *remote) Error() string { return e.text }

// Unwrap gives the error that it is known as.
func (e *remote) Unwrap() error { return e.is }

// failure is the transferred form of an error; empty: none.
type failure struct {
	Text string
	Is   int // 1 + index in kept
}

func failed(err error) failure {
	if err == nil {
		return failure{}
	}
	f := failure{Text: err.Error()}
	for i, is := range kept {
		if errors.Is(err, is) {
			f.Is = 1 + i
		}
	}
	return f
}

func (f failure) err() error {
	if f.Text == "" {
		return nil
	}
	e := &remote{text: f.Text}
	if f.Is > 0 && f.Is <= len(kept) {
		e.is = kept[f.Is-1]
	}
	return e
}

// pair is a key with its value. It is needed because gob does not distinguish an empty value from none.
type pair struct {
	Key   string
	Value []byte
	None  bool
}

func pairs(m map[string][]byte) []pair {
	list := make([]pair, 0, len(m))
	for key, value := range m {
		list = append(list, pair{key, value, value == nil})
	}
	return list
}

func mapOf(list []pair) map[string][]byte {
	m := make(map[string][]byte, len(list))
	for _, p := range list {
		m[p.Key] = p.value()
	}
	return m
}

func (p pair) value() []byte {
	if p.None {
		return nil
	}
	if p.Value == nil {
		return []byte{}
	}
	return p.Value
}

// Requests and answers. They are aliases because net/rpc requires exported or unnamed types.
type (
	nothing = struct{}
	hello   = struct{ PID int }
	span    = struct{ From, To string }
	changes = struct {
		Check, Put []pair
		Frees      bool // store.MakesRoom
	}
	answer = struct {
		Value   []byte
		Yes     bool // found, done, or more
		Pairs   []pair
		Cuts    []kv.Cut
		Failure failure
	}
)
