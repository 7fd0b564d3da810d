package peer

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/object"
)

// What strangers can make a server do is bounded here: before a request has proved who
// asks, nothing large is read for it.

// asker is who made a request, once that was proved.
type asker struct {
	agent object.AgentID
	chain caps.Chain
}

type askerKey struct{}

// provenFirst lets a request with a body through once it has proved who asks, and shows a
// capability that is theirs and holds: bodies are large, and strangers many.
func (s *Server) provenFirst(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		agent, chain, err := s.caller(r)
		if err == nil && len(chain) == 0 {
			err = &caps.DeniedError{Check: "active", Reason: "no capability is shown"}
		}
		if err == nil {
			err = s.Node.Verifier.Verify(chain, agent, s.Node.Now())
		}
		if err != nil {
			s.refuse(w, r, statusOf(err), err)
			return
		}
		next(w, r.WithContext(context.WithValue(r.Context(), askerKey{}, asker{agent, chain})))
	}
}

// oneRange serves the whole of what is asked for in several ranges, as RFC 9110 section
// 14.2 allows: each of them would cost a chunk, read and hashed.
func oneRange(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Range"), ",") {
			r.Header.Del("Range")
		}
		next(w, r)
	}
}

// hostOf is what counts as one address: an IPv6 network of 64 bits is one site's.
func hostOf(remote string) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote
	}
	ip := at.Addr().Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	network, err := ip.Prefix(64)
	if err != nil {
		return ip.String()
	}
	return network.String()
}

// maxConns is how many connections one address may have open.
const maxConns = 4 * maxOfPeer

// sharedListener closes connections of an address that has too many.
type sharedListener struct {
	net.Listener
	mu sync.Mutex
	of map[string]int
}

// Accept implements net.Listener.
func (l *sharedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		host := hostOf(c.RemoteAddr().String())
		if l.enter(host) {
			return &countedConn{Conn: c, leave: sync.OnceFunc(func() { l.left(host) })}, nil
		}
		_ = c.Close()
	}
}

func (l *sharedListener) enter(host string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of[host] >= maxConns {
		return false
	}
	l.of[host]++
	return true
}

func (l *sharedListener) left(host string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of[host]--; l.of[host] <= 0 {
		delete(l.of, host)
	}
}

type countedConn struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// CloseWrite lets net/http end a connection in order.
func (c *countedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
