package model_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/internal/show"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/why"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
)

// disk is the house's database with one object changed or removed, wherever it is stored.
type disk struct {
	store.KV
	store.Chunks
	id       object.Hash
	was, now []byte // now nil: removed
}

func (d *disk) holds(key string, value []byte) bool {
	switch key[:2] {
	case "o/", "n/", "c/":
		return strings.HasSuffix(key, d.id.String())
	case "l/", "m/":
		return bytes.Contains(value, d.was)
	}
	return false
}

func (d *disk) Get(ctx context.Context, key string) ([]byte, bool, error) {
	value, found, err := d.KV.Get(ctx, key)
	if !found || err != nil || !d.holds(key, value) {
		return value, found, err
	}
	return bytes.Replace(value, d.was, d.now, 1), d.now != nil, nil
}

func (d *disk) Scan(ctx context.Context, from, to string, fn func(string, []byte) error) error {
	return d.KV.Scan(ctx, from, to, func(key string, value []byte) error {
		if !d.holds(key, value) {
			return fn(key, value)
		}
		if d.now == nil {
			return nil
		}
		return fn(key, bytes.Replace(value, d.was, d.now, 1))
	})
}

func (d *disk) Chunk(ctx context.Context, h object.Hash) ([]byte, error) {
	if h != d.id {
		return d.Chunks.Chunk(ctx, h)
	}
	if d.now == nil {
		return nil, fmt.Errorf("chunk: %w", store.ErrNotFound)
	}
	return d.now, nil
}

func (d *disk) HasChunk(ctx context.Context, h object.Hash) (bool, error) {
	if h == d.id && d.now == nil {
		return false, nil
	}
	return d.Chunks.HasChunk(ctx, h)
}

// on returns the house's packages over a disk.
func (h *house) on(kv store.KV, chunks store.Chunks) *why.Local {
	s := store.New(kv, chunks)
	r := *h.registry
	r.KV, r.Store, r.Responses, r.Pins, r.Receipts = kv, s, s, s, kvledger.Open(kv, executor, h.now)
	return &why.Local{Registry: &r, BlobRef: s.BlobRef, Nodes: func(ctx context.Context) merkle.NodeReader { return s.Nodes(ctx) }}
}

// link is a link of a tree that why draws. Its path leads from the start of a walk, as kinds of nodes, each the first
// below the one before whose label has the text after the colon.
type link struct {
	name, way string
	kept      string // the kind of the changed object, if it is not the node's own
	optional  bool   // its absence is not a problem
	start     why.Start
}

var signedBy = map[string]object.Rule{"PromotionRecord": model.PromotionRule, "PolicyDef": model.PolicyRule, "Receipt": ledger.ReceiptRule, "Capability": caps.Rule,
	"Attestation": model.AttestationRule, "RingHold": model.HoldRule, "Signal": signal.Rule}

// find follows a path down a tree. A node that was shown before is followed at its first place.
func find(root *why.Node, way string) *why.Node {
	n := root
	for step := range strings.SplitSeq(way, "/") {
		if step == "" {
			continue
		}
		kind, label, _ := strings.Cut(step, ":")
		var next *why.Node
		walk(root, func(c *why.Node) {
			if n.Seen && !c.Seen && c.Kind == n.Kind && c.ID == n.ID {
				n = c
			}
		})
		for _, c := range n.Children {
			if next == nil && c.Kind == kind && strings.Contains(c.Label, label) {
				next = c
			}
		}
		if next == nil {
			return nil
		}
		n = next
	}
	return n
}

// decidedHouse has everything that a walk can meet: two promotions, a freeze and a thaw, a newer policy in force, an
// index.
func decidedHouse(t *testing.T) (*house, object.Hash) {
	h, _ := promotedHouse(t)
	h.hold(true, "an incident")
	h.hold(false, "over")
	h.policy(0, 850_000)
	s, err := h.registry.MoveIndex(t.Context(), "memory", nil, model.IndexContent{Manifest: h.tests.CID, Count: 50})
	h.ok(err)
	h.decided(model.IndexUpdateTool, &scope.ToolCall{ToolID: model.IndexUpdateTool, MaxCalls: 1}, &model.IndexUpdate{Name: "memory", Add: h.tests.CID}, s)
	return h, s.StateID
}

func links(h *house, index object.Hash) []link {
	ring, atIndex := why.Start{Ring: new(uint8)}, why.Start{ID: index}
	const record, trained, pass = "PromotionRecord", "PromotionRecord/ModelRef/Receipt", "PromotionRecord/Attestation:EvalPass"
	const episode = trained + "/Manifest/EpisodeRef"
	list := []link{
		{name: "ring → record", way: record},
		{name: "record → its receipt", way: record + "/Receipt"},
		{name: "record → its capability", way: record + "/Receipt/Capability"},
		{name: "capability → its parent", way: record + "/Receipt/Capability/Capability"},
		{name: "record → policy", way: record + "/PolicyDef"},
		{name: "policy → its coming into force", way: record + "/PolicyDef/Receipt"},
		{name: "coming into force → its response", way: record + "/PolicyDef/Receipt", kept: "response"},
		{name: "ring → policy in force", way: "PolicyDef"},
		{name: "ring → hold", way: "RingHold"},
		{name: "hold → its receipt", way: "RingHold/Receipt"},
		{name: "hold → its capability", way: "RingHold/Receipt/Capability"},
		{name: "record → model", way: record + "/ModelRef"},
		{name: "model → weights", way: record + "/ModelRef/BlobRef:weights", kept: why.KindNode},
		{name: "weights → chunk", way: record + "/ModelRef/BlobRef:weights/Chunk", kept: why.KindBytes},
		{name: "model → config", way: record + "/ModelRef/BlobRef:config", kept: why.KindBytes},
		{name: "model → training", way: trained},
		{name: "training → its response", way: trained, kept: "response"},
		{name: "training → its capability", way: trained + "/Capability"},
		{name: "training → recipe", way: trained + "/RecipeDef"},
		{name: "training → manifest", way: trained + "/Manifest", kept: why.KindNode},
		{name: "manifest → definition", way: trained + "/Manifest/DatasetDef"},
		{name: "manifest → episode", way: episode},
		{name: "episode → trace", way: episode + "/BlobRef", kept: why.KindBytes},
		{name: "episode → receipt", way: episode + "/Receipt"},
		{name: "episode → signal", way: episode + "/Signal"},
		{name: "receipt → request", way: episode + "/Receipt/Bytes:request", optional: true},
		{name: "receipt → response", way: episode + "/Receipt/Bytes:response", optional: true},
		{name: "receipt → capability", way: episode + "/Receipt/Capability"},
		{name: "record → sign-off", way: record + "/Attestation:QuorumSignoff"},
		{name: "record → metric", way: record + "/Attestation:EvalMetric"},
		{name: "record → pass", way: pass},
		{name: "pass → suite", way: pass + "/EvalSuiteDef"},
		{name: "suite → manifest", way: pass + "/EvalSuiteDef/Manifest", kept: why.KindNode},
		{name: "pass → report", way: pass + "/EvalReport"},
		{name: "report → evaluation", way: pass + "/EvalReport/Receipt"},
		{name: "evaluation → its response", way: pass + "/EvalReport/Receipt", kept: "response"},
		{name: "evaluation → its capability", way: pass + "/EvalReport/Receipt/Capability"},
	}
	for i := range list {
		list[i].start = ring
	}
	return append(list,
		link{name: "definition → corpus", way: "Corpus", kept: why.KindNode, start: why.Start{ID: h.def.DatasetDefID}},
		link{name: "index", start: atIndex},
		link{name: "index → manifest", way: "Manifest", kept: why.KindNode, start: atIndex},
		link{name: "index → its receipt", way: "Receipt", start: atIndex})
}

// TestEveryLink changes every kind of link on the disk: a byte flipped, the object removed, its signature replaced by
// somebody else's. Each time the walk names that link, and no other.
func TestEveryLink(t *testing.T) {
	h, index := decidedHouse(t)
	whole := h.on(h.db, h.db)
	tried := map[string]int{}
	for _, l := range links(h, index) {
		tree, err := why.Explain(t.Context(), whole, l.start, h.whyOptions())
		h.ok(err)
		n := find(tree, l.way)
		if n == nil || why.FirstProblem(tree) != nil {
			t.Fatalf("%s: no %q in\n%s", l.name, l.way, show.Text(tree))
		}
		kind, id := n.Kind, n.ID
		switch l.kept {
		case "":
		case "response":
			raw, err := whole.Raw(t.Context(), "Receipt", id)
			h.ok(err)
			r, _, err := ledger.OpenReceipt(raw)
			h.ok(err)
			kind, id = why.KindBytes, r.ResponseHash
		default:
			kind = l.kept
		}
		raw, err := whole.Raw(t.Context(), kind, id)
		h.ok(err)
		for how, now := range tampered(t, kind, id, raw) {
			if now == nil && l.optional {
				continue
			}
			d := &disk{KV: h.db, Chunks: h.db, id: id, was: raw, now: now}
			tree, err := why.Explain(t.Context(), h.on(d, d), l.start, h.whyOptions())
			if now == nil && errors.Is(err, model.ErrNotFound) && l.way == "" {
				continue // the start of the walk is gone
			}
			h.ok(err)
			path := why.FirstProblem(tree)
			if path == nil {
				t.Errorf("%s, %s: nothing is broken", l.name, how)
				continue
			}
			if last := path[len(path)-1]; last.ID != n.ID || (last.Kind != n.Kind && last.Kind != "Object") {
				t.Errorf("%s, %s: named is %s %s (%s)", l.name, how, last.Kind, last.ID.Short(), last.Problem)
			}
			how, _, _ = strings.Cut(how, " at")
			tried[how]++
		}
	}
	for _, how := range []string{"flipped", "gone", "swapped"} {
		if tried[how] < 15 {
			t.Errorf("%s: only %d links were tried", how, tried[how])
		}
	}
}

// tampered returns the changed versions of an object's bytes.
func tampered(t *testing.T, kind string, id object.Hash, raw []byte) map[string][]byte {
	t.Helper()
	all := map[string][]byte{"gone": nil}
	for i := range 5 {
		at := (len(raw) - 1) * i / 4
		b := bytes.Clone(raw)
		b[at] ^= 0x04
		all[fmt.Sprintf("flipped at %d", at)] = b
	}
	if rule, signed := signedBy[kind]; signed {
		mine, err := can.Field(raw, rule.Sig)
		if err != nil {
			t.Fatal(err)
		}
		other, err := sign.ID(stranger, id)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := can.Marshal(&other)
		if err != nil || len(theirs) != len(mine) {
			t.Fatalf("%s: signatures of %d and %d bytes, %v", kind, len(mine), len(theirs), err)
		}
		all["swapped"] = bytes.Replace(raw, mine, theirs, 1)
	}
	return all
}
