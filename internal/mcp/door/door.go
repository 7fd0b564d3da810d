// Package door holds what the doors for agents over HTTP check before anything else.
package door

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// Once passes on requests that say each thing once. A header that is there twice is read one way by a
// proxy and another way here, so that one of the two would let through what the other one checked.
func Once(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.Header {
			if len(values) > 1 && (strings.HasPrefix(name, "Mcp-") || slices.Contains(single, name)) {
				http.Error(w, fmt.Sprintf("the header %s is there %d times: one is expected", name, len(values)), http.StatusBadRequest)
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}

var single = []string{"Authorization", "Content-Type", "Last-Event-Id", "Origin"}

// Bearer is the token that a request shows; empty: none.
func Bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// Loopback reports whether a request was meant for this machine: web pages of others that
// have their name lead here are told apart by it.
func Loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || (err == nil && ip.IsLoopback())
}

// MaxMessages is how many messages of one agent are taken at a time. Some of them wait, with their bodies
// in memory.
const MaxMessages = 256

// Places are those of the agents for messages. The zero Places is ready to use.
type Places struct {
	mu   sync.Mutex
	used map[string]int
}

// Take takes a place until leave; without one it has answered.
func (p *Places) Take(w http.ResponseWriter, agent string) (leave func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used[agent] >= MaxMessages {
		w.Header().Set("Retry-After", "1")
		http.Error(w, fmt.Sprintf("%d messages of this agent are under way already", MaxMessages), http.StatusServiceUnavailable)
		return nil, false
	}
	if p.used == nil {
		p.used = map[string]int{}
	}
	p.used[agent]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.used[agent]--; p.used[agent] == 0 {
			delete(p.used, agent)
		}
	}, true
}
