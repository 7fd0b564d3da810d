package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/packet"
)

// Models is the registry of recipes, models, suites, policies and rings here.
func (n *Node) Models() *model.Registry {
	ctx := context.Background()
	trusts := func(domain string) model.TrustedAt {
		return func(a object.AgentID, at model.When) bool {
			return n.Judge.Counted(ctx, a, domain, n.Judge.Moment(ctx, at))
		}
	}
	receipt := func(a object.AgentID, at model.When) bool {
		return n.Judge.ReceiptCounted(ctx, a, n.Judge.Moment(ctx, at))
	}
	return &model.Registry{
		KV: n.DB, Store: n.Store, Receipts: receipts{n.Source()}, Responses: n.Store, Pins: n.Store, Now: n.Now,
		Trust: model.Trust{Receipt: receipt, Attest: trusts(keyfile.ForAttest), Policy: trusts("deploy")},
	}
}

// receipts finds receipts of this ledger and those that came from others.
type receipts struct{ src *dataset.StoreSource }

// Receipt implements model.Receipts.
func (r receipts) Receipt(ctx context.Context, id object.Hash) ([]byte, error) {
	return r.src.ReceiptBytes(ctx, id)
}

// learningBuiltins registers train, eval, promote and rollback.
func (n *Node) learningBuiltins() {
	long := exec.Limits{Timeout: maxTraining, MaxResponse: 1 << 20}
	n.Gate.Builtin(effectTrain, exec.Builtin{
		Use: decoded(func(j *model.TrainJob) scope.Use {
			return scope.Use{Kind: scope.KindTrainRun, Recipe: j.RecipeID, Jobs: 1, Tokens: j.MaxTokens, GPUms: j.MaxGPUms}
		}),
		Run: job(func(ctx context.Context, call exec.Call, j *model.TrainJob) (exec.Response, error) {
			inner := &innerCall{node: n, outer: call}
			raw, res, err := model.Train(ctx, inner.env(), *j)
			if err != nil {
				return exec.Response{}, err
			}
			return exec.Response{Body: raw, Status: exec.StatusOK, Tokens: res.Tokens, GPUms: res.GPUms, Evidence: inner.receipts}, nil
		}),
		RetrySafe: true, Writes: true, Limits: long,
	})
	n.Gate.Builtin(effectEval, exec.Builtin{
		Use: decoded(func(j *model.EvalJob) scope.Use { return scope.Use{Kind: scope.KindEvalRun, Suite: j.SuiteID, Runs: 1} }),
		Run: job(func(ctx context.Context, call exec.Call, j *model.EvalJob) (exec.Response, error) {
			inner := &innerCall{node: n, outer: call}
			raw, _, err := model.Eval(ctx, inner.env(), *j)
			return exec.Response{Body: raw, Status: exec.StatusOK, Evidence: inner.receipts}, err
		}),
		RetrySafe: true, Limits: long,
	})
	n.Gate.Builtin(effectPromote, exec.Builtin{
		Use: decoded(func(q *model.PromoteRequest) scope.Use {
			return scope.Use{Kind: scope.KindDeployPromote, Ring: q.RingID, Policy: q.PolicyID}
		}),
		Run: job(func(ctx context.Context, _ exec.Call, q *model.PromoteRequest) (exec.Response, error) {
			rec, _, err := n.Models().Promote(ctx, n.Key, *q)
			return n.recordBytes(ctx, rec, err)
		}),
		RetrySafe: true, Writes: true,
	})
	n.Gate.Builtin(effectRollback, exec.Builtin{
		Use: decoded(func(q *model.RollbackRequest) scope.Use {
			return scope.Use{Kind: scope.KindDeployPromote, Ring: q.RingID, Policy: q.PolicyID}
		}),
		Run: job(func(ctx context.Context, _ exec.Call, q *model.RollbackRequest) (exec.Response, error) {
			rec, err := n.Models().Rollback(ctx, n.Key, *q)
			return n.recordBytes(ctx, rec, err)
		}),
		RetrySafe: true, Writes: true,
	})
}

// decoded makes a Builtin.Use of a function over the decoded request.
func decoded[T any](use func(*T) scope.Use) func([]byte) (scope.Use, error) {
	return func(request []byte) (scope.Use, error) {
		v, err := object.Decode[T](request)
		if err != nil {
			return scope.Use{}, err
		}
		return use(v), nil
	}
}

// Statuses of a learning effect that was done and did not succeed.
const (
	statusRefused  = exec.StatusDenied // a promotion's conditions do not hold, or the ring is frozen
	statusConflict = uint16(409)       // somebody else moved the ring first
	statusOver     = exec.StatusBudget // a training used more than its budget
)

// outcomes are the errors that are an outcome of the effect, with their statuses.
var outcomes = []struct {
	err    error
	status uint16
}{
	{model.ErrConflict, statusConflict},
	{model.ErrRefused, statusRefused},
	{model.ErrBudget, statusOver},
	{model.ErrTool, exec.StatusFailed},
	{packet.ErrTraining, exec.StatusFailed},
	{ErrToolFailed, exec.StatusFailed},
}

// job makes a Builtin.Run of a function over the decoded request. What the tool, the
// policy or the ring said no to is an outcome: a failed effect, with the reason as
// the response. Anything else (a cancellation, a missing object, a full disk) leaves
// the effect unfinished, and it is gone on with when it is asked for again.
func job[T any](run func(context.Context, exec.Call, *T) (exec.Response, error)) func(context.Context, exec.Call) (exec.Response, error) {
	return func(ctx context.Context, call exec.Call) (exec.Response, error) {
		v, err := object.Decode[T](call.Request)
		if err != nil {
			return exec.Failed(err), nil
		}
		res, err := run(ctx, call, v)
		if err == nil {
			return res, nil
		}
		if ctx.Err() != nil {
			return exec.Response{}, ctx.Err()
		}
		for _, o := range outcomes {
			if errors.Is(err, o.err) {
				res := exec.Failed(err)
				res.Status = o.status
				return res, nil
			}
		}
		return exec.Response{}, err
	}
}

// ExportJSONL writes the episodes of a manifest as JSON lines, in the manifest's
// order: the same bytes for the same evidence.
func (n *Node) ExportJSONL(ctx context.Context, manifest object.Hash, w io.Writer) error {
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	err := dataset.ReadList(ctx, n.Store.Nodes(ctx), manifest, func(id object.Hash) error {
		s, err := n.Sample(ctx, id)
		if err != nil {
			return err
		}
		return enc.Encode(s)
	})
	return errors.Join(err, b.Flush())
}
