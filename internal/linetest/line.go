// Package linetest simulates a bad network for tests: a connection between a client and a server that fails as the test
// says, at exactly the byte that the test says.
package linetest

import (
	"bytes"
	"net"
	"sync"
	"testing"
	"time"
)

// Way is the direction of bytes.
type Way int

const (
	Up   Way = iota // to the server
	Down            // to the client
)

// How says what happens to all connections when a fault strikes.
type How int

const (
	Reset How = iota // both ends are told at once, and bytes on the way are lost
	End              // both ends see the end of the stream
	Hole             // nobody is told anything, and nothing is carried: the other end is gone
)

// Fault describes what goes wrong.
type Fault struct {
	// Passes returns how many of the bytes that arrived are still carried before the fault strikes; if it returns all
	// of them and struck false, it does not strike yet. It is called for one chunk at a time, of any connection.
	Passes func(way Way, chunk []byte) (n int, struck bool)
	How    How
	Dead   bool   // no connection carries anything afterwards, until the next Set
	Then   func() // called when it has struck, before anybody is told; may be nil
}

// After strikes when this many bytes have passed, counting both directions.
func After(bytes int) func(Way, []byte) (int, bool) {
	return func(_ Way, chunk []byte) (int, bool) {
		if len(chunk) <= bytes {
			bytes -= len(chunk)
			return len(chunk), false
		}
		return bytes, true
	}
}

// AnswerTo strikes when a request for a path with this ending has been sent, before the first byte of its answer
// arrives.
func AnswerTo(end string) func(Way, []byte) (int, bool) {
	asked := false
	return func(way Way, chunk []byte) (int, bool) {
		if way == Up {
			asked = asked || bytes.Contains(chunk, []byte(end+" HTTP/1.1\r\n"))
			return len(chunk), false
		}
		if asked {
			return 0, true
		}
		return len(chunk), false
	}
}

// Line is a network between a client and a server.
type Line struct {
	l net.Listener

	mu      sync.Mutex
	to      string
	size    int // of chunks
	delay   func() time.Duration
	fault   Fault
	dead    bool
	carried int64
	conns   map[*connection]bool
	running sync.WaitGroup
}

type connection struct {
	client, server net.Conn
	lost           bool // in a hole
}

// New makes a line to a server, which lasts until the test ends.
func New(t testing.TB, to string) *Line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &Line{l: l, to: to, size: 4096, conns: map[*connection]bool{}}
	n.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n.running.Go(func() { n.carry(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		n.Set(Fault{Passes: After(0), Dead: true})
		n.running.Wait()
	})
	return n
}

// Addr returns the address at which clients reach the server through the line.
func (n *Line) Addr() string { return n.l.Addr().String() }

// Chunks sets how many bytes connections carry at a time, from the next connection.
func (n *Line) Chunks(size int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.size = size
}

// Delay delays each chunk, from the next connection.
func (n *Line) Delay(delay func() time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay = delay
}

// To connects the line to another server, from the next connection.
func (n *Line) To(addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.to = addr
}

// Set ends all connections, and sets the fault from now on; the zero Fault: none.
func (n *Line) Set(f Fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.end(Reset)
	n.fault, n.dead, n.carried = f, false, 0
}

// Carried returns how many bytes were carried since Set.
func (n *Line) Carried() int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.carried
}

// end ends all connections. The caller holds the lock.
func (n *Line) end(how How) {
	for c := range n.conns {
		for _, end := range []net.Conn{c.client, c.server} {
			if tcp, ok := end.(*net.TCPConn); ok && how == Reset {
				_ = tcp.SetLinger(0)
			}
			end.Close()
		}
	}
}

// passes returns how much of a chunk is carried, and what happens to its connection; nil: nothing.
func (n *Line) passes(c *connection, way Way, chunk []byte) (k int, struck *Fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case c.lost:
		return 0, &Fault{How: Hole}
	case n.dead:
		return 0, &Fault{How: n.fault.How}
	case n.fault.Passes == nil:
		n.carried += int64(len(chunk))
		return len(chunk), nil
	}
	k, hit := n.fault.Passes(way, chunk)
	n.carried += int64(k)
	if !hit {
		return k, nil
	}
	f := n.fault
	n.fault.Passes, n.dead = nil, f.Dead
	for c := range n.conns {
		c.lost = f.How == Hole
	}
	return k, &f
}

func (n *Line) carry(client net.Conn) {
	defer client.Close()
	n.mu.Lock()
	to := n.to
	n.mu.Unlock()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return // as if nobody listens any more
	}
	defer server.Close()
	c := &connection{client: client, server: server}
	n.mu.Lock()
	n.conns[c] = true
	n.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { n.copy(c, Up, client, server) })
	both.Go(func() { n.copy(c, Down, server, client) })
	both.Wait()
	n.mu.Lock()
	delete(n.conns, c)
	n.mu.Unlock()
}

// copy carries one direction of a connection.
func (n *Line) copy(c *connection, way Way, from, to net.Conn) {
	n.mu.Lock()
	b, delay := make([]byte, n.size), n.delay
	n.mu.Unlock()
	for {
		k, err := from.Read(b)
		if delay != nil {
			time.Sleep(delay())
		}
		pass, struck := n.passes(c, way, b[:k])
		if _, werr := to.Write(b[:pass]); werr != nil {
			err = werr
		}
		switch {
		case struck != nil:
			n.strike(struck, from)
			return
		case err != nil:
			from.Close()
			to.Close()
			return
		}
	}
}

// strike applies a fault. Bytes that fall into a hole are read, and nobody is told.
func (n *Line) strike(f *Fault, from net.Conn) {
	if f.Then != nil {
		f.Then()
	}
	if f.How != Hole {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.end(f.How)
		return
	}
	for b := make([]byte, 4096); ; {
		if _, err := from.Read(b); err != nil {
			return
		}
	}
}
