package model_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// TestTwoPromotionsAtOnce: one wins, the others say that it did.
func TestTwoPromotionsAtOnce(t *testing.T) {
	h := newHouse(t)
	models := []object.Hash{h.trained(), h.trained("epochs", "9"), h.trained("epochs", "8")}
	for _, m := range models {
		h.evaluated(m)
	}
	requests := make([]model.PromoteRequest, len(models))
	for i, m := range models {
		requests[i] = h.request(m, 0)
	}
	held := *h.registry
	held.Now = func() object.Time { return 1_767_000_900_000_000 }
	errs := make([]error, len(models))
	var wg sync.WaitGroup
	for i := range models {
		wg.Go(func() { _, _, errs[i] = held.Promote(t.Context(), executor, requests[i]) })
	}
	wg.Wait()
	won := 0
	for i, err := range errs {
		var conflict *registry.ConflictError
		switch {
		case err == nil:
			won++
			if h.inRing(0) != models[i] {
				t.Errorf("model %d won and is not in the ring", i)
			}
		case !errors.As(err, &conflict) || !errors.Is(err, model.ErrConflict) || conflict.Ring != 0 || conflict.Have == nil || conflict.Want != nil:
			t.Errorf("promotion %d: %v", i, err)
		}
	}
	if won != 1 {
		t.Errorf("%d promotions won", won)
	}
	n := 0
	h.ok(held.Log(t.Context(), 0, func(object.Hash, *model.PromotionRecord) error { n++; return nil }))
	if n != 1 {
		t.Errorf("%d records", n)
	}
	records := 0
	h.ok(h.store.Objects(t.Context(), "PromotionRecord", func(store.Object) error { records++; return nil }))
	if records != 1 {
		t.Errorf("%d promotion records are kept", records)
	}
}

// TestSameRequestTwice: a repeated effect finds its record.
func TestSameRequestTwice(t *testing.T) {
	h := newHouse(t)
	m := h.trained()
	h.evaluated(m)
	q := h.request(m, 0)
	first, _, err := h.registry.Promote(t.Context(), executor, q)
	h.ok(err)
	again, _, err := h.registry.Promote(t.Context(), executor, q)
	if err != nil || again.PromotionID != first.PromotionID {
		t.Errorf("%+v, %v", again, err)
	}
	if _, _, err := h.registry.Promote(t.Context(), admin, q); !errors.Is(err, model.ErrConflict) {
		t.Errorf("by somebody else: %v", err)
	}
}

func TestFreeze(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	m, n := h.trained(), h.trained("epochs", "9")
	h.evaluated(m)
	h.evaluated(n)
	h.promoted(m, 0)
	hold := h.hold(true, "an incident")
	_, _, err := h.registry.Promote(ctx, executor, h.request(n, 0))
	var frozen *registry.FrozenError
	if !errors.As(err, &frozen) || !errors.Is(err, model.ErrFrozen) || !errors.Is(err, model.ErrRefused) || !strings.Contains(err.Error(), "an incident") {
		t.Fatalf("%v", err)
	}
	if _, shown, err := h.registry.Check(ctx, h.request(n, 0)); err != nil || shown == nil || shown.HoldID != hold.HoldID {
		t.Errorf("%+v, %v", shown, err)
	}
	thaw := h.hold(false, "over")
	if thaw.Previous == nil || *thaw.Previous != hold.HoldID {
		t.Errorf("%+v", thaw)
	}
	h.promoted(n, 0)
	h.hold(true, "again")
	newest, err := h.registry.Newest(ctx, 0)
	h.ok(err)
	if _, err := h.registry.Rollback(ctx, executor, model.RollbackRequest{PolicyID: h.policies[0], Record: *newest}); err != nil || h.inRing(0) != m {
		t.Errorf("a frozen ring does not roll back: %v", err)
	}
}

// TestHoldsInOrder: a freeze that lost a race reports that, and repeating a request returns its hold.
func TestHoldsInOrder(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	q := model.HoldRequest{RingID: 3, Reason: "an incident"}
	first, err := h.registry.SetHold(ctx, executor, q, true)
	h.ok(err)
	if again, err := h.registry.SetHold(ctx, executor, q, true); err != nil || again.HoldID != first.HoldID {
		t.Errorf("the same request again: %+v, %v", again, err)
	}
	for name, set := range map[string]func() (*model.RingHold, error){
		"somebody else": func() (*model.RingHold, error) { return h.registry.SetHold(ctx, admin, q, true) },
		"a thaw":        func() (*model.RingHold, error) { return h.registry.SetHold(ctx, executor, q, false) },
		"another reason": func() (*model.RingHold, error) {
			q := q
			q.Reason = "none"
			return h.registry.SetHold(ctx, executor, q, true)
		},
	} {
		if _, err := set(); !errors.Is(err, model.ErrConflict) {
			t.Errorf("%s after the same hold: %v", name, err)
		}
	}
	if now, err := h.registry.Hold(ctx, 3); err != nil || now.HoldID != first.HoldID {
		t.Errorf("%+v, %v", now, err)
	}
	if err := (model.HoldRequest{Reason: strings.Repeat("x", 1<<20)}).Check(); err == nil {
		t.Error("a reason without end")
	}
}

// meddler changes the store right before a promotion's update.
type meddler struct {
	registry.KV
	before func()
}

func (m *meddler) Update(ctx context.Context, check, put map[string][]byte) (bool, error) {
	for key := range put {
		if strings.HasPrefix(key, "m/ring/") && m.before != nil {
			before := m.before
			m.before = nil
			before()
		}
	}
	return m.KV.Update(ctx, check, put)
}

// TestNothingMayChangeMeanwhile: the update checks everything that the decision is based on.
func TestNothingMayChangeMeanwhile(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	m := h.trained()
	h.evaluated(m)
	for _, c := range []struct {
		name   string
		change func()
	}{
		{"the hold", func() { h.hold(true, "stop") }},
		{"the policy in force", func() { h.policies[0] = h.policy(0, 999_000) }}, // last: no promotion passes it
	} {
		name, kv := c.name, &meddler{KV: h.db, before: c.change}
		held := *h.registry
		held.KV = kv
		_, _, err := held.Promote(ctx, executor, h.request(m, 0))
		var conflict *registry.ConflictError
		if !errors.As(err, &conflict) || conflict.What != name || kv.before != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := h.registry.State(ctx, 0); !errors.Is(err, model.ErrNotFound) {
			t.Fatalf("%s: the ring moved (%v)", name, err)
		}
		h.hold(false, "go on")
	}
}

// failingKV fails like a machine that dies at the n-th write.
type failingKV struct {
	registry.KV
	left int
}

var errDied = errors.New("died")

func (f *failingKV) Update(ctx context.Context, check, put map[string][]byte) (bool, error) {
	if f.left--; f.left < 0 {
		return false, errDied
	}
	return f.KV.Update(ctx, check, put)
}

// TestCrash dies at every write of a promotion, in the registry or in the store: the ring has the old model or the new
// one, and repeating the request finishes.
func TestCrash(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	old, m := h.trained(), h.trained("epochs", "9")
	h.evaluated(old)
	h.evaluated(m)
	h.promoted(old, 0)
	q := h.request(m, 0)
	for n := 0; ; n++ {
		if n == 100 {
			t.Fatal("it never ends")
		}
		kv := &failingKV{KV: h.db, left: n}
		held := *h.registry
		held.KV = kv
		s := store.New(kv, h.db)
		held.Store, held.Pins = s, s
		_, _, err := held.Promote(ctx, executor, q)
		if now := h.inRing(0); now != old && now != m {
			t.Fatalf("write %d: the ring has %s", n, now)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, errDied) {
			t.Fatalf("write %d: %v", n, err)
		}
	}
	if h.inRing(0) != m {
		t.Error("the promotion did not happen")
	}
	newest, err := h.registry.Newest(ctx, 0)
	h.ok(err)
	if _, err := h.store.Object(ctx, *newest); err != nil {
		t.Errorf("the record is not among the objects: %v", err)
	}
}

func TestPolicies(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	old := h.policies[0]
	h.policies[0] = h.policy(0, 850_000)
	if _, err := h.registry.SetPolicy(ctx, h.policyRequest(old)); !errors.Is(err, model.ErrPolicy) || !errors.Is(err, model.ErrRefused) {
		t.Errorf("yesterday's policy came into force: %v", err)
	}
	q0 := h.policyRequest(h.policies[0])
	q0.After = &old
	if s, err := h.registry.SetPolicy(ctx, q0); err != nil || s.PolicyID != h.policies[0] || s.Previous == nil || *s.Previous != old {
		t.Errorf("the same request again: %+v, %v", s, err)
	}
	q0.After = nil
	if _, err := h.registry.SetPolicy(ctx, q0); !errors.Is(err, model.ErrConflict) {
		t.Errorf("from another policy in force: %v", err)
	}
	m := h.trained()
	h.evaluated(m)
	q := h.request(m, 0)
	q.PolicyID = old
	if _, _, err := h.registry.Promote(ctx, executor, q); !errors.Is(err, model.ErrRefused) || !strings.Contains(err.Error(), "is not in force") {
		t.Errorf("promoted under yesterday's policy: %v", err)
	}
	_, raw, err := model.NewPolicy(stranger, model.PolicyDef{Suites: []object.Hash{h.suite}, Quorum: 1, RollbackRule: 1, TimeObserved: h.now(), Verifiers: []object.AgentID{stranger.Agent()}})
	h.ok(err)
	id, err := h.registry.Add(ctx, "PolicyDef", raw)
	h.ok(err)
	if _, err := h.registry.SetPolicy(ctx, h.policyRequest(id)); !errors.Is(err, model.ErrPolicy) || !strings.Contains(err.Error(), "stranger") {
		t.Errorf("a stranger's policy came into force: %v", err)
	}
	if _, err := h.registry.SetPolicy(ctx, h.policyRequest(object.SumText("none"))); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// TestLostWeights removes the chunks of a model.
func TestLostWeights(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	m, n := h.trained(), h.trained("epochs", "9")
	h.evaluated(m)
	h.evaluated(n)
	h.promoted(m, 0)
	h.promoted(n, 0)
	o, err := h.store.Object(ctx, m)
	h.ok(err)
	ref, err := object.Decode[model.ModelRef](o.Raw)
	h.ok(err)
	h.ok(h.store.RemoveBlob(ctx, ref.Config.CID))
	_, err = h.db.Update(ctx, nil, map[string][]byte{"c/" + ref.Config.CID.String(): nil})
	h.ok(err)
	newest, err := h.registry.Newest(ctx, 0)
	h.ok(err)
	_, err = h.registry.Rollback(ctx, executor, model.RollbackRequest{PolicyID: h.policies[0], Record: *newest})
	if !errors.Is(err, model.ErrRefused) || !strings.Contains(err.Error(), "rollback model") || h.inRing(0) != n {
		t.Errorf("rolled back to a model that is not whole: %v", err)
	}
}

func TestVouch(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	m := h.trained()
	v := h.evaluated(m)
	receipts, err := h.registry.About(ctx, m, "eval")
	if err != nil || len(receipts) != 1 {
		t.Fatal(receipts, err)
	}
	lie := func(context.Context, model.EvalJob) (*model.EvalResult, error) {
		return &model.EvalResult{Metrics: map[string]int64{"accuracy_micro": 1}}, nil
	}
	bad, err := h.registry.Vouch(ctx, victor, receipts[0], lie)
	if err != nil || bad.Result != registry.ResultNotRepeated || bad.Report != v.Report {
		t.Fatalf("%+v, %v", bad, err)
	}
	if _, _, err := h.registry.Promote(ctx, executor, h.request(m, 0)); !errors.Is(err, model.ErrRefused) || !strings.Contains(err.Error(), "victor") {
		t.Errorf("promoted against a verifier's objection: %v", err)
	}
	trainings, err := h.registry.About(ctx, m, "train")
	h.ok(err)
	if _, err := h.registry.Vouch(ctx, vera, trainings[0], nil); err == nil {
		t.Error("vouched for a training as if it were an evaluation")
	}
	distrusting := *h.registry
	distrusting.Trust.Receipt = only(stranger)
	if _, err := distrusting.Vouch(ctx, vera, receipts[0], nil); err == nil || !strings.Contains(err.Error(), "not trusted for receipts") {
		t.Errorf("vouched for a stranger's receipt: %v", err)
	}
}

// TestRetention: a policy keeps one model for rollbacks. With the third model in the ring, the first one's pins are
// gone, except a pin that somebody else set.
func TestRetention(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	models := []object.Hash{h.trained(), h.trained("epochs", "9"), h.trained("epochs", "3"), h.trained("epochs", "2")}
	pinned := func(m object.Hash) bool {
		o, err := h.store.Object(ctx, m)
		h.ok(err)
		ref, err := object.Decode[model.ModelRef](o.Raw)
		h.ok(err)
		found := false
		h.ok(h.store.Pins(ctx, func(p store.Pin) error {
			found = found || p.CID == ref.Weights.CID
			return nil
		}))
		return found
	}
	policy := func(keep *uint16) {
		_, raw, err := model.NewPolicy(admin, model.PolicyDef{Suites: []object.Hash{h.suite}, Quorum: 1, RollbackRule: model.RollbackPrevious, KeepModels: keep,
			TimeObserved: h.now(), Verifiers: []object.AgentID{vera.Agent(), victor.Agent()}})
		h.ok(err)
		h.policies[0], err = h.registry.Add(ctx, "PolicyDef", raw)
		h.ok(err)
		h.inForce(h.policies[0])
	}
	policy(nil)
	for _, m := range models[:3] {
		h.evaluated(m)
		h.promoted(m, 0)
	}
	for i, m := range models[:3] {
		if !pinned(m) {
			t.Errorf("model %d is not pinned: without keep_models all are", i)
		}
	}
	policy(ptr[uint16](1))
	o, err := h.store.Object(ctx, models[1])
	h.ok(err)
	ref, err := object.Decode[model.ModelRef](o.Raw)
	h.ok(err)
	h.ok(h.store.Pin(ctx, ref.Weights.CID, 0, "the paper's model"))
	h.evaluated(models[3])
	h.promoted(models[3], 0)
	for i, want := range []bool{false, true, true, true} {
		if got := pinned(models[i]); got != want {
			t.Errorf("model %d pinned: %v, expected %v", i, got, want)
		}
	}
	newest, err := h.registry.Newest(ctx, 0)
	h.ok(err)
	p, err := h.registry.Rollback(ctx, executor, model.RollbackRequest{PolicyID: h.policies[0], Record: *newest})
	if err != nil || p.ModelID != models[2] {
		t.Errorf("the model that was kept is not restored: %v", err)
	}
}
