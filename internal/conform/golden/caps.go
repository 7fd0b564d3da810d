package golden

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/conform/golden/input"
	"github.com/mythos-project/mythos/object"
)

// capabilityIn is a chain, leaf first, and a use of it: who, what and when.
type capabilityIn struct {
	Chain       []input.Hex `json:"chain"`
	Holder      string      `json:"holder_key"`
	Trusted     []string    `json:"trusted_keys"` // agents that may issue roots of every kind
	At          int64       `json:"at_us"`
	Use         *useIn      `json:"use,omitempty"`
	Revocations []input.Hex `json:"revocation_lists,omitempty"`
	MaxAge      *int64      `json:"max_age_us,omitempty"`
}

// useIn is one use of authority. Only the members of its kind count.
type useIn struct {
	Kind       uint8       `json:"kind"`
	CID        object.Hash `json:"cid,omitzero"`
	Offset     uint64      `json:"offset,omitempty"`
	Length     uint64      `json:"length,omitempty"`
	TTL        int64       `json:"ttl_us,omitempty"`
	Namespace  string      `json:"namespace,omitempty"`
	Size       uint64      `json:"size,omitempty"`
	Media      string      `json:"media,omitempty"`
	Tool       object.Hash `json:"tool_id,omitzero"`
	Request    input.Hex   `json:"request,omitempty"`
	Price      uint64      `json:"price,omitempty"`
	Recipe     object.Hash `json:"recipe_id,omitzero"`
	Jobs       uint64      `json:"jobs,omitempty"`
	Tokens     uint64      `json:"tokens,omitempty"`
	GPUms      uint64      `json:"gpu_ms,omitempty"`
	Suite      object.Hash `json:"suite_id,omitzero"`
	Runs       uint64      `json:"runs,omitempty"`
	Ring       uint8       `json:"ring,omitempty"`
	Policy     object.Hash `json:"policy_id,omitzero"`
	Pool       object.Hash `json:"pool_id,omitzero"`
	Workers    uint64      `json:"workers,omitempty"`
	CPUus      uint64      `json:"cpu_us,omitempty"`
	IO         uint64      `json:"io_count,omitempty"`
	Cell       object.Hash `json:"cell_id,omitzero"`
	Key        input.Hex   `json:"key,omitempty"`
	Events     uint64      `json:"events,omitempty"`
	EventTypes []uint32    `json:"event_types,omitempty"`
}

func (u useIn) use() scope.Use {
	return scope.Use{Kind: u.Kind, CID: u.CID, Offset: u.Offset, Length: u.Length, TTL: time.Duration(u.TTL) * time.Microsecond,
		Namespace: u.Namespace, Size: u.Size, Media: u.Media, Tool: u.Tool, Request: u.Request, Price: u.Price, Recipe: u.Recipe, Jobs: u.Jobs,
		Tokens: u.Tokens, GPUms: u.GPUms, Suite: u.Suite, Runs: u.Runs, Ring: u.Ring, Policy: u.Policy, Pool: u.Pool, Workers: u.Workers,
		CPUus: u.CPUus, IO: u.IO, Cell: u.Cell, Key: u.Key, Events: u.Events, EventTypes: u.EventTypes}
}

func capabilityOf(in json.RawMessage) (any, error) {
	var v capabilityIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	holder, err := object.ParseKey(v.Holder)
	if err != nil {
		return nil, err
	}
	chain, verifier, err := v.open()
	if err != nil {
		return refused(err)
	}
	if v.Use != nil {
		err = verifier.Authorize(chain, holder, v.Use.use(), object.Time(v.At))
	} else {
		err = verifier.Verify(chain, holder, object.Time(v.At))
	}
	if err != nil {
		return refused(err)
	}
	return struct {
		OK bool        `json:"ok"`
		ID object.Hash `json:"cap_id"`
	}{true, chain[0].ID}, nil
}

func (v capabilityIn) open() (caps.Chain, *caps.Verifier, error) {
	raws := make([][]byte, len(v.Chain))
	for i, raw := range v.Chain {
		raws[i] = raw
	}
	lists := map[object.AgentID]*caps.RevocationList{}
	for _, raw := range v.Revocations {
		l, _, err := caps.OpenRevocationList(raw)
		if err != nil {
			return nil, nil, err
		}
		lists[l.Issuer.Bare()] = l
	}
	verifier := &caps.Verifier{
		Trusted: func(a object.AgentID, _ uint8) bool { return slices.Contains(v.Trusted, a.KeyHex()) },
		Revoked: func(a object.AgentID) (*caps.RevocationList, error) { return lists[a.Bare()], nil },
	}
	if v.MaxAge != nil {
		verifier.MaxAge = func(object.AgentID) time.Duration { return time.Duration(*v.MaxAge) * time.Microsecond }
	}
	chain, err := caps.OpenChain(raws...)
	return chain, verifier, err
}
