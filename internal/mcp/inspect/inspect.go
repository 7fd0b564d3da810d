// Package inspect tells an agent what it did here, and what it may do, with read-only tools and resources over its own
// receipts. What belongs to others looks as if it did not exist.
package inspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/catalog"
	"github.com/mythos-project/mythos/internal/history"
	"github.com/mythos-project/mythos/internal/mcp/serve"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// View is what one agent sees of a repository. It is safe for concurrent use.
type View struct {
	Repo *repo.Repo
	// Agent is the agent that looks, as at the beginning of its keys.
	Agent string
	// Held returns the capabilities under which its calls are, and were, made.
	Held func(ctx context.Context) ([]caps.Chain, error)
	// All says that it is the owner, who sees everything.
	All bool

	mu      sync.Mutex
	reached map[object.Hash]bool // blobs that were looked for and found
}

// mine decides what is the agent's: what was done under its capabilities, and what it asked for and was refused.
type mine struct {
	all bool
	history.Client
}

func (v *View) mine(ctx context.Context) (mine, error) {
	m := mine{v.All, history.Client{Caps: map[object.Hash]bool{}, Key: []byte(v.Agent + "/")}}
	if v.All {
		return m, nil
	}
	held, err := v.Held(ctx)
	for _, chain := range held {
		m.Caps[chain[0].ID] = true
	}
	return m, err
}

func (m mine) receipt(r *ledger.Receipt) bool { return m.all || m.Receipt(r) }

func (m mine) event(h history.Event) bool {
	switch {
	case m.all:
		return true
	case h.Capability != nil:
		return m.Caps[*h.Capability]
	}
	return (h.Refused || h.Kind != "effect") && bytes.HasPrefix([]byte(h.Key), m.Key)
}

// receipt returns a receipt of the agent. The error wraps serve.ErrNotReached if there is none.
func (v *View) receipt(ctx context.Context, id object.Hash) (*ledger.Receipt, []byte, error) {
	raw, err := v.Repo.Source.ReceiptBytes(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, fmt.Errorf("receipt %s: %w", id.Short(), serve.ErrNotReached)
	}
	if err != nil {
		return nil, nil, err
	}
	r, _, err := ledger.OpenReceipt(raw)
	if err != nil {
		return nil, nil, err
	}
	m, err := v.mine(ctx)
	if err == nil && !m.receipt(r) {
		err = fmt.Errorf("receipt %s: %w", id.Short(), serve.ErrNotReached)
	}
	return r, raw, err
}

// Receipt implements serve.Reads.
func (v *View) Receipt(ctx context.Context, id object.Hash) ([]byte, error) {
	_, raw, err := v.receipt(ctx, id)
	if err != nil {
		return nil, err
	}
	s, ok := catalog.Lookup("Receipt")
	if !ok {
		return nil, errors.New("no struct Receipt")
	}
	return object.ToJSON(s.Type(), raw)
}

// Blob implements serve.Reads.
func (v *View) Blob(ctx context.Context, cid object.Hash, offset, length int64) ([]byte, int64, error) {
	ok, err := v.reaches(ctx, cid)
	if err != nil {
		return nil, 0, err
	}
	if !ok {
		return nil, 0, fmt.Errorf("blob %s: %w", cid.Short(), serve.ErrNotReached)
	}
	data, err := v.Repo.Store.Bytes(ctx, cid)
	if err != nil {
		return nil, 0, fmt.Errorf("blob %s is named by a receipt, and not kept here: %w", cid.Short(), err)
	}
	size := int64(len(data))
	from := min(offset, size)
	return data[from : from+min(length, size-from)], size, nil
}

const (
	page       = 512  // ledger entries that are read at a time
	maxReached = 4096 // blobs that are remembered
)

// reaches reports whether a receipt of the agent names a blob. It reads the ledger from its end, as far as necessary.
func (v *View) reaches(ctx context.Context, cid object.Hash) (bool, error) {
	v.mu.Lock()
	known := v.reached[cid]
	v.mu.Unlock()
	if known {
		return true, nil
	}
	m, err := v.mine(ctx)
	if err != nil {
		return false, err
	}
	end, err := v.Repo.Ledger.Size(ctx)
	for found := false; err == nil && end > 0; {
		from := end - min(end, page)
		err = v.Repo.Ledger.Log(ctx, kvledger.Filter{From: from, To: end}, func(e ledger.Entry) error {
			if r := e.Receipt; r != nil && (r.ResponseHash == cid || r.RequestHash == cid) && m.receipt(r) {
				found = true
			}
			return nil
		})
		if found {
			v.remember(cid)
			return true, err
		}
		end = from
	}
	return false, err
}

func (v *View) remember(cid object.Hash) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.reached == nil || len(v.reached) >= maxReached {
		v.reached = map[object.Hash]bool{}
	}
	v.reached[cid] = true
}
