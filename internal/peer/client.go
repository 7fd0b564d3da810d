package peer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/object"
)

// Client calls one peer.
type Client struct {
	Node *node.Node
	URL  string // "http://host:port"
	HTTP *http.Client
}

// StatusError is a refusal by the peer.
type StatusError struct {
	Status  int
	Message string
}

func (e *StatusError) Error() string { return fmt.Sprintf("peer answers %d: %s", e.Status, e.Message) }

func (c *Client) do(r *http.Request) (*http.Response, error) {
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
		return nil, &StatusError{res.StatusCode, strings.TrimSpace(string(text))}
	}
	return res, nil
}

// Submit sends a packet and returns the answer: its bytes, and what it says after
// all checks, among them that it answers this packet.
func (c *Client) Submit(ctx context.Context, pkt []byte) ([]byte, *node.Received, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/v1/packets", bytes.NewReader(pkt))
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Content-Type", "application/mythos-x")
	res, err := c.do(r)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return nil, nil, err
	}
	got, err := c.Node.Open(ctx, raw)
	if err != nil {
		return raw, nil, fmt.Errorf("answer: %w", err)
	}
	if got.Answer == nil || got.Answer.PacketID != object.Sum(pkt) {
		return raw, got, fmt.Errorf("the peer answered another packet")
	}
	return raw, got, nil
}

// Pulled counts what a pull brought.
type Pulled struct {
	Parts int   `json:"parts"`
	Bytes int64 `json:"bytes"`
}

// Pull fetches everything below root. Each part is checked and stored as it
// arrives, and at the end nothing below root is missing; a pull that was cut off is
// simply done again.
func (c *Client) Pull(ctx context.Context, root object.Hash, chain caps.Chain, progress func(int64)) (Pulled, error) {
	var got Pulled
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/v1/trees/"+root.String(), nil)
	if err != nil {
		return got, err
	}
	if err := signRequest(r, c.Node.Key, chain, c.Node.Now()); err != nil {
		return got, err
	}
	res, err := c.do(r)
	if err != nil {
		return got, err
	}
	defer res.Body.Close()
	keep := c.Node.Keeper(ctx)
	err = receive(bufio.NewReaderSize(res.Body, 1<<16), func(p node.Part) error {
		got.Parts++
		got.Bytes += int64(len(p.Data))
		progress(int64(len(p.Data)))
		return keep.Add(p)
	})
	if err = errors.Join(err, keep.Flush()); err == nil {
		err = c.Node.Whole(ctx, root) // a peer may send less than the tree
	}
	if err != nil {
		return got, fmt.Errorf("pull %s: %w", root.Short(), err)
	}
	return got, nil
}

// receive reads parts until the one that closes the stream.
func receive(in io.Reader, part func(node.Part) error) error {
	for {
		p, err := readFrame(in)
		if err != nil {
			return err
		}
		if p.Kind == "end" {
			return nil
		}
		if err := part(*p); err != nil {
			return err
		}
	}
}
