// Package peers is the address book of other repositories that run servers.
package peers

import (
	"context"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// Peers stores the addresses of other repositories that run servers.
type Peers struct {
	DB kv.KV
}

const peerKeys = kv.Peers

// Peer is another repository that runs a server.
type Peer struct {
	Name string
	URL  string          // "http://host:port" or "https://host:port"
	Key  *object.AgentID // the agent that must answer there; nil: unknown
}

// Set stores a peer.
func (pe *Peers) Set(ctx context.Context, p Peer) error {
	value := p.URL
	if p.Key != nil {
		value += " " + p.Key.KeyHex()
	}
	_, err := pe.DB.Update(ctx, nil, map[string][]byte{peerKeys + p.Name: []byte(value)})
	return err
}

// ErrNoPeer means that no peer has that name; it wraps store.ErrNotFound.
var ErrNoPeer = fmt.Errorf("%w", store.ErrNotFound)

// Remove removes a peer. The error wraps store.ErrNotFound.
func (pe *Peers) Remove(ctx context.Context, name string) error {
	if _, err := pe.Named(ctx, name); err != nil {
		return err
	}
	_, err := pe.DB.Update(ctx, nil, map[string][]byte{peerKeys + name: nil})
	return err
}

// Named returns the peer of that name. The error wraps store.ErrNotFound.
func (pe *Peers) Named(ctx context.Context, name string) (Peer, error) {
	value, found, err := pe.DB.Get(ctx, peerKeys+name)
	if err == nil && !found {
		err = fmt.Errorf("peer %q: %w", name, ErrNoPeer)
	}
	if err != nil {
		return Peer{}, err
	}
	return parsePeer(name, string(value))
}

func parsePeer(name, value string) (Peer, error) {
	url, key, found := strings.Cut(value, " ")
	p := Peer{Name: name, URL: url}
	if found {
		agent, err := object.ParseKey(key)
		if err != nil {
			return p, fmt.Errorf("peer %q: %w", name, err)
		}
		p.Key = &agent
	}
	return p, nil
}

// Each calls fn for each peer, ascending by name.
func (pe *Peers) Each(ctx context.Context, fn func(Peer) error) error {
	return pe.DB.Scan(ctx, peerKeys, kv.End(peerKeys), func(key string, value []byte) error {
		p, err := parsePeer(strings.TrimPrefix(key, peerKeys), string(value))
		if err != nil {
			return err
		}
		return fn(p)
	})
}
