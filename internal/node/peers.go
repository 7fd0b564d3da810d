package node

import (
	"context"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/store"
)

const peerKeys = "w/peer/"

// SetPeer remembers where a peer serves; an empty URL forgets it.
func (n *Node) SetPeer(ctx context.Context, name, url string) error {
	var value []byte
	if url != "" {
		value = []byte(url)
	}
	_, err := n.DB.Update(ctx, nil, map[string][]byte{peerKeys + name: value})
	return err
}

// PeerURL is where a peer serves. The error wraps store.ErrNotFound.
func (n *Node) PeerURL(ctx context.Context, name string) (string, error) {
	url, found, err := n.DB.Get(ctx, peerKeys+name)
	if err == nil && !found {
		err = fmt.Errorf("peer %q: %w", name, store.ErrNotFound)
	}
	return string(url), err
}

// Peers calls fn for each peer, ascending by name.
func (n *Node) Peers(ctx context.Context, fn func(name, url string) error) error {
	return n.DB.Scan(ctx, peerKeys, peerKeys+"\xff", func(key string, url []byte) error {
		return fn(strings.TrimPrefix(key, peerKeys), string(url))
	})
}
