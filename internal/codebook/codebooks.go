// Package codebook stores codebooks, and the agreements with peers about them.
package codebook

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/packet"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// Codebooks stores codebooks and the agreements about them.
type Codebooks struct {
	ID     *identity.Identity
	DB     kv.KV
	Store  *store.Store
	Gate   *exec.Gate
	Exec   *run.Executor
	Models *registry.Registry
	Caller *calls.Caller

	memory codebookMemory
}

// KindCodebook is the kind of a codebook as an object.
const KindCodebook = "Codebook"

// Put stores a codebook as an object and returns its id. It refuses a codebook without a dictionary
// (packet.ErrCodebook), which would change no packet.
func (c *Codebooks) Put(ctx context.Context, cb *packet.Codebook) (object.Hash, error) {
	if len(cb.Dictionary) == 0 {
		return object.Hash{}, fmt.Errorf("%w: without a dictionary it changes no packet, the baseline serves as well", packet.ErrCodebook)
	}
	raw, err := can.Marshal(cb)
	if err != nil {
		return object.Hash{}, err
	}
	id := object.Sum(raw)
	return id, objects.Put(ctx, c.Store, KindCodebook, id, raw)
}

// Get returns a codebook that is kept here. The error wraps store.ErrNotFound.
func (c *Codebooks) Get(ctx context.Context, id object.Hash) (*packet.Codebook, error) {
	if id == packet.BaselineID {
		return packet.Baseline(), nil
	}
	raw, err := objects.Load(ctx, c.Store, KindCodebook, id)
	if err != nil {
		return nil, err
	}
	return packet.OpenCodebook(raw)
}

// Bounds of the recorded runs from which a codebook is trained.
const (
	maxTrainSamples = 4096
	maxTrainBytes   = 64 << 20
)

// PastBundles returns the bundles of recorded runs, submitted ones included, for [packet.Train]: at most 4096, and
// about 64 MiB. A bundle that ran twice occurs once.
func (c *Codebooks) PastBundles(ctx context.Context) ([][]byte, error) {
	var list [][]byte
	seen, size := map[object.Hash]bool{}, 0
	err := c.Exec.Runs(ctx, func(r *run.Record) error {
		if seen[r.BundleHash] || len(list) == maxTrainSamples || size > maxTrainBytes {
			return nil
		}
		seen[r.BundleHash] = true
		raw, err := c.Store.Bytes(ctx, r.BundleHash)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		list, size = append(list, raw), size+len(raw)
		return err
	})
	return list, err
}

// With is the codebook whose agreement with the agent is in force for longest; nil: none, use the baseline.
func (c *Codebooks) With(ctx context.Context, agent object.AgentID) (*packet.Codebook, error) {
	var best *Agreement
	err := c.Agreements(ctx, func(a Agreement) error {
		other, err := a.Other(c.ID.Self())
		if err == nil && a.InForce(c.ID.Now()) && other.Same(agent) && (best == nil || a.ExpiresAt > best.ExpiresAt) {
			best = &a
		}
		return nil
	})
	if err != nil || best == nil {
		return nil, err
	}
	return c.For(ctx, best.CodebookID, []object.AgentID{agent})
}

// For returns a codebook for packets to the agents. An agreement about it must be in force with each of them, or with
// anyone if none is named. The error wraps packet.ErrCodebook.
func (c *Codebooks) For(ctx context.Context, id object.Hash, agents []object.AgentID) (*packet.Codebook, error) {
	r, err := c.memory.registry(ctx, c, id)
	if err != nil {
		return nil, err
	}
	for _, a := range agents {
		if !r.Good(id, a, c.ID.Now()) {
			return nil, fmt.Errorf("%w: %s: there is no agreement in force with %s", packet.ErrCodebook, id.Short(), a)
		}
	}
	return r.Find(id)
}

// Registry returns a registry that knows the agreements in force about the codebook.
func (c *Codebooks) Registry(ctx context.Context, id object.Hash) (*packet.Registry, error) {
	return c.memory.registry(ctx, c, id)
}

// codebookMemory caches the agreed codebooks that packets have named since the agreements last changed.
type codebookMemory struct {
	mu     sync.Mutex
	mark   string // what codebooksChanged was
	reg    *packet.Registry
	loaded map[object.Hash]bool
}

// registry returns the agreements about the codebook; their expiry shows which have ended since.
func (m *codebookMemory) registry(ctx context.Context, n *Codebooks, id object.Hash) (*packet.Registry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reg == nil {
		m.reg = packet.NewRegistry(n.ID.Self())
	}
	if id == packet.BaselineID {
		return m.reg, nil
	}
	mark, _, err := n.DB.Get(ctx, codebooksChanged)
	if err != nil {
		return nil, err
	}
	if m.mark != string(mark) || m.loaded == nil {
		m.mark, m.reg, m.loaded = string(mark), packet.NewRegistry(n.ID.Self()), map[object.Hash]bool{}
	}
	if m.loaded[id] {
		return m.reg, nil
	}
	return m.reg, m.load(ctx, n, id)
}

func (m *codebookMemory) load(ctx context.Context, n *Codebooks, id object.Hash) error {
	var cb *packet.Codebook
	err := n.agreements(ctx, id, func(a Agreement) error {
		if !a.InForce(n.ID.Now()) {
			return nil
		}
		var err error
		if cb == nil {
			if cb, err = n.Get(ctx, id); err != nil {
				return err
			}
		}
		return m.reg.Add(cb, a.Raw, n.ID.Now())
	})
	if err == nil && cb != nil { // do not cache a codebook without an agreement: anyone can name any
		m.loaded[id] = true
	}
	return err
}
