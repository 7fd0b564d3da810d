package model_test

import (
	"context"
	"testing"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object/merkle"
)

// BenchmarkWhy walks from a ring down to every capability, chunk, episode and signal.
func BenchmarkWhy(b *testing.B) {
	h := newHouse(b)
	m := h.trained()
	h.evaluated(m)
	h.promoted(m, 0)
	local := &model.Local{Registry: h.registry, Nodes: func(ctx context.Context) merkle.NodeReader { return h.store.Nodes(ctx) }}
	for name, o := range map[string]model.WhyOptions{"all": h.fullOptions(), "sample": h.whyOptions()} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if n, err := model.Why(b.Context(), local, model.Start{Ring: new(uint8)}, o); err != nil || model.FirstProblem(n) != nil {
					b.Fatal(err)
				}
			}
		})
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
		if c, bad := model.Failed(conditions); bad {
			b.Fatal(c.Why)
		}
	}
}
