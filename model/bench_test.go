package model_test

import (
	"context"
	"testing"

	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/model/judge"
	"github.com/mythos-project/mythos/model/why"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
)

// BenchmarkWhy walks from a ring down to every capability, chunk, episode and signal.
func BenchmarkWhy(b *testing.B) {
	h := newHouse(b)
	m := h.trained()
	h.evaluated(m)
	h.promoted(m, 0)
	local := &why.Local{Registry: h.registry, Nodes: func(ctx context.Context) merkle.NodeReader { return h.store.Nodes(ctx) }}
	for name, o := range map[string]why.Options{"all": h.fullOptions(), "sample": h.whyOptions()} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if n, err := why.Explain(b.Context(), local, why.Start{Ring: new(uint8)}, o); err != nil || why.FirstProblem(n) != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkWhySignatures only verifies the signatures of the same signals and receipts: the lower bound of why.
func BenchmarkWhySignatures(b *testing.B) {
	h := newHouse(b)
	type signed struct {
		by  object.AgentID
		id  object.Hash
		sig object.Signature
	}
	var all []signed
	h.ok(h.store.Objects(b.Context(), signal.Kind, func(o store.Object) error {
		s, id, err := signal.Open(o.Raw)
		if err == nil {
			all = append(all, signed{s.Signer, id, s.Signature})
		}
		return err
	}))
	h.ok(h.ledger.Log(b.Context(), kvledger.Filter{}, func(e ledger.Entry) error {
		r, id, err := ledger.OpenReceipt(e.Raw)
		if err == nil {
			all = append(all, signed{r.Signer, id, r.Signature})
		}
		return err
	}))
	b.ReportMetric(float64(len(all)), "signatures")
	for b.Loop() {
		for _, s := range all {
			if err := sign.VerifyID(s.by, s.id, s.sig); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkPromotion judges the six conditions with every byte read (dry run).
func BenchmarkPromotion(b *testing.B) {
	h := newHouse(b)
	m := h.trained()
	h.evaluated(m)
	q := h.request(m, 0)
	for b.Loop() {
		conditions, _, err := h.registry.Check(b.Context(), q)
		if err != nil {
			b.Fatal(err)
		}
		if c, bad := judge.Failed(conditions); bad {
			b.Fatal(c.Why)
		}
	}
}
