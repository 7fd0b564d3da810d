package history

import (
	"bytes"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Client is an agent whose calls the executor makes; it signs nothing itself. Calls for it are recognized by its
// capabilities. A refusal ([ev-10]) or an attempt, which has no capability, is recognized only by its key.
type Client struct {
	Caps map[object.Hash]bool // under which its calls are, and were, made
	Key  []byte               // with which the keys of its calls begin
}

// Receipt reports whether a receipt is of a call made or refused for the agent.
func (c *Client) Receipt(r *ledger.Receipt) bool {
	if len(r.Evidence) > 0 {
		return c.Caps[r.Evidence[0]]
	}
	return r.Refusal() && bytes.HasPrefix(r.IdempotencyKey, c.Key)
}

// Has reports whether an entry is about such a call.
func (c *Client) Has(e ledger.Entry) bool {
	switch {
	case e.Receipt != nil:
		return c.Receipt(e.Receipt)
	case e.Register != nil:
		return bytes.HasPrefix(e.Register.IdempotencyKey, c.Key)
	}
	return false
}
