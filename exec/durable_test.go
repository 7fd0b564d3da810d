package exec_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/exectest"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

// brittle is a store that fails at some update: neither that update nor a later one happens.
type brittle struct {
	*memory.DB
	left    int // updates until it fails; negative: never
	updates int
}

var errPower = errors.New("no power")

func (b *brittle) Update(ctx context.Context, check, put map[string][]byte) (bool, error) {
	if b.left == 0 {
		return false, errPower
	}
	b.left--
	b.updates++
	return b.DB.Update(ctx, check, put)
}

// stand makes the gate's quotas, ledger and responses use another view of the store.
func stand(e *exectest.Env, kv *brittle) {
	e.Gate.Quotas, e.Gate.Ledger = quota.New(kv, e.Now), kvledger.Open(kv, e.Key, e.Now)
	e.Gate.Responses = store.New(kv, e.DB)
}

// TestKeyedEffectIsTwoUpdates: one durable update has charge and register, another has response and commit, whatever
// the quotas.
func TestKeyedEffectIsTwoUpdates(t *testing.T) {
	e := exectest.New(t, 1)
	kv := &brittle{DB: e.DB, left: -1}
	stand(e, kv)
	if _, err := e.Gate.Do(t.Context(), effect("test.count", "hello", "k", e.ToolCap("test.count", ",calls=9"))); err != nil {
		t.Fatal(err)
	}
	if kv.updates != 2 {
		t.Errorf("%d updates", kv.updates)
	}
}

// TestPowerFailsAtEveryUpdate: wherever an effect is interrupted, a quota of one call suffices to finish it later, and
// a committed effect has its response.
func TestPowerFailsAtEveryUpdate(t *testing.T) {
	for at := range 3 {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			e := exectest.New(t, 1)
			chain := e.ToolCap("test.count", ",calls=1")
			kv := &brittle{DB: e.DB, left: at}
			stand(e, kv)
			do := func() (exec.Outcome, error) {
				return e.Gate.Do(t.Context(), effect("test.count", "hello", "k", chain))
			}
			if _, err := do(); (err == nil) != (at == 2) || (err != nil && !errors.Is(err, errPower)) {
				t.Fatal(err)
			}
			stand(e, &brittle{DB: e.DB, left: -1}) // the process restarts after the lease has expired
			e.Pass(time.Hour)
			out, err := do()
			if err != nil || string(out.Body) != "got hello" || out.Replayed != (at == 2) {
				t.Fatalf("%+v, %v", out, err)
			}
			used, err := e.Gate.Quotas.(*quota.Quotas).Used(t.Context(), chain[0].ID)
			if err != nil || used[scope.Calls] != 1 {
				t.Errorf("charged %v, %v", used, err)
			}
		})
	}
}

// TestLargeResponseIsKept: a response too large for the update is stored before the commit.
func TestLargeResponseIsKept(t *testing.T) {
	e := exectest.New(t, 1)
	body := strings.Repeat("x", store.SmallChunk+1)
	e.Builtin("test.large", exec.Builtin{Run: func(context.Context, exec.Call) (exec.Response, error) {
		return exec.Response{Body: []byte(body), Status: exec.StatusOK}, nil
	}})
	for _, replayed := range []bool{false, true} {
		out, err := e.Gate.Do(t.Context(), effect("test.large", "r", "k", e.ToolCap("test.large", "")))
		if err != nil || string(out.Body) != body || out.Replayed != replayed {
			t.Fatalf("%d bytes, %v, %v", len(out.Body), out.Replayed, err)
		}
	}
}
