package remote_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/remote"
	"github.com/mythos-project/mythos/internal/toolbox"
)

// costly is a tool that reports a fixed cost for each call.
type costly uint64

func (c costly) Run(context.Context, exec.Call) (exec.Response, error) {
	n := uint64(c)
	return exec.Response{Status: exec.StatusOK, Use: output.Use{Cost: &n}}, nil
}

// TestCostElsewhere: the ledger's machine charges its own price for a tool, or the caller's if that is higher, returns
// what was not used according to the receipt, and counts what was used beyond it.
func TestCostElsewhere(t *testing.T) {
	far := peertest.Repo(t, "far")
	c := from(t, far, serve(t, far), remote.Options{}, time.Minute)
	most := uint64(100)
	c.chain = peertest.Grant(t, far, c.Self(), &scope.ToolCall{ToolID: c.tool, MaxCalls: 100, MaxCost: &most})
	left := func(want uint64, price uint64, what string, out exec.Outcome, err error) {
		t.Helper()
		rest, lerr := far.Quotas.Left(t.Context(), c.chain)
		if err != nil || lerr != nil || rest[scope.Cost] != want || out.Price != price {
			t.Errorf("%s: %d left, expected %d; price %d, expected %d; %v, %v", what, rest[scope.Cost], want, out.Price, price, err, lerr)
		}
	}
	price := func(n uint64) toolbox.PolicyChange { return toolbox.PolicyChange{Price: &n} }
	if _, _, err := c.Toolbox.SetPolicy(t.Context(), "deploy", price(10)); err != nil {
		t.Fatal(err)
	}
	out, err := c.call(t.Context(), "says nothing")
	left(90, 10, "a tool that says nothing", out, err)
	c.Gate.Runners[exec.KindHTTP] = costly(4)
	out, err = c.call(t.Context(), "less")
	left(86, 10, "less than its price", out, err)
	out, err = c.call(t.Context(), "less")
	left(86, 10, "a replay", out, err)
	c.Gate.Runners[exec.KindHTTP] = costly(16)
	out, err = c.call(t.Context(), "more")
	left(70, 10, "more than its price", out, err)
	out, err = c.call(t.Context(), "")
	left(54, 10, "more than its price, without a key", out, err)
	c.Gate.Runners[exec.KindHTTP] = broken{}
	if _, err := c.call(t.Context(), "gone"); !errors.Is(err, exec.ErrNotStarted) {
		t.Error(err)
	}
	left(54, 10, "what did not start", exec.Outcome{Price: 10}, nil)
	tool, err := c.Tools.Find(t.Context(), "deploy")
	if err != nil {
		t.Fatal(err)
	}
	if tool.Policy.Price = 20; err == nil {
		_, err = far.Tools.Add(t.Context(), tool)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.Gate.Runners[exec.KindHTTP] = costly(15)
	out, err = c.call(t.Context(), "by its price there")
	left(39, 20, "by its price there", out, err)
	c.Gate.Runners[exec.KindHTTP] = costly(1 << 40)
	out, err = c.call(t.Context(), "far more")
	left(0, 20, "more than is left", out, err)
	if _, err := c.call(t.Context(), "none is left"); !errors.Is(err, caps.ErrQuota) {
		t.Errorf("nothing was left: %v", err)
	}
}
