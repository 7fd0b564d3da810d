package peer

import (
	"errors"
	"net"
	"net/netip"
	"sync"
)

// This file limits what strangers can make a server do: before a request has proved its sender, nothing large is read
// for it.

// hostOf returns what counts as one address: an IPv6 network of 64 bits belongs to one site.
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

// CloseWrite lets net/http end a connection cleanly.
func (c *countedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
