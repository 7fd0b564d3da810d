package peer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Limits for bodies that are held in memory before their sender is known, in bytes. Other requests prove their sender
// before their body is read.
const (
	maxUnproven       = 64 << 20 // of all addresses
	maxUnprovenOfHost = 24 << 20 // of one
	firstPiece        = 64 << 10 // initial size of the buffer for a body
)

// ErrTooMuch means that a request sends more than it announces, or more than its route accepts.
var ErrTooMuch = errors.New("more than was announced, or more than is taken")

// errNoRoom means that too many unproven bytes are being received.
var errNoRoom = errors.New("too much is being received")

// intake counts the bytes of bodies that were read and not yet verified.
type intake struct {
	mu   sync.Mutex
	used int
	of   map[string]int // of an address
}

// take counts n further bytes; false: they have to wait.
func (i *intake) take(host string, n int) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.used+n > maxUnproven || i.of[host]+n > maxUnprovenOfHost {
		return false
	}
	if i.of == nil {
		i.of = map[string]int{}
	}
	i.used += n
	i.of[host] += n
	return true
}

func (i *intake) giveBack(host string, n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.used -= n
	if i.of[host] -= n; i.of[host] <= 0 {
		delete(i.of, host)
	}
}

// Unproven reads a body of at most most bytes from any sender. Its memory grows with what arrives, not with what is
// announced, and counts until release is called, which may be called twice. Errors wrap ErrTooMuch or errNoRoom.
func (d Door) Unproven(w http.ResponseWriter, r *http.Request, most int) (raw []byte, release func(), err error) {
	host, held := hostOf(r.RemoteAddr), 0
	release = sync.OnceFunc(func() { d.s.intake.giveBack(host, held) })
	defer func() {
		if err != nil {
			release()
		}
	}()
	body := http.MaxBytesReader(w, r.Body, int64(most))
	var buf bytes.Buffer
	for room := firstPiece; ; room = min(2*room, most+2*bytes.MinRead) {
		if !d.s.intake.take(host, room-held) {
			return nil, release, fmt.Errorf("%w: try again in a few seconds", errNoRoom)
		}
		held = room
		buf.Grow(room - buf.Len())
		_, err := io.CopyN(&buf, body, int64(room-buf.Len()-bytes.MinRead))
		if errors.Is(err, io.EOF) {
			return buf.Bytes(), release, nil
		}
		if err != nil {
			return nil, release, fmt.Errorf("%w: %w", ErrTooMuch, err)
		}
	}
}

// RefuseBody refuses a request whose body [Door.Unproven] could not read.
func (d Door) RefuseBody(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errNoRoom) {
		d.Later(w, r, 5*time.Second, err)
		return
	}
	d.s.refuse(w, r, StatusOf(err), err)
}
