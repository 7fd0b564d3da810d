package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Models is the registry of recipes, models, suites, policies and rings here.
func (n *Node) Models() *model.Registry {
	trusts := func(domain string) func(object.AgentID) bool {
		return func(a object.AgentID) bool { return a.Same(n.Self()) || n.Trust.Trusted(a, domain, n.now()) }
	}
	return &model.Registry{
		KV: n.DB, Store: n.Store, Receipts: receipts{n.Source()}, Responses: n.Store, Pins: n.Store, Now: n.now,
		Trust: model.Trust{Receipt: trusts(keyfile.ForLedger), Attest: trusts(keyfile.ForAttest), Policy: trusts("deploy")},
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
	long := exec.Limits{Timeout: 6 * time.Hour, MaxResponse: 1 << 20}
	n.Gate.Builtin(effectTrain, exec.Builtin{
		Use: decoded(func(j *model.TrainJob) caps.Use {
			return caps.Use{Kind: caps.KindTrainRun, Recipe: j.RecipeID, Jobs: 1, Tokens: j.MaxTokens, GPUms: j.MaxGPUms}
		}),
		Run: job(func(ctx context.Context, j *model.TrainJob) ([]byte, error) {
			raw, _, err := model.Train(ctx, n.learningEnv(), *j)
			return raw, err
		}),
		RetrySafe: true, Writes: true, Limits: long,
	})
	n.Gate.Builtin(effectEval, exec.Builtin{
		Use: decoded(func(j *model.EvalJob) caps.Use { return caps.Use{Kind: caps.KindEvalRun, Suite: j.SuiteID, Runs: 1} }),
		Run: job(func(ctx context.Context, j *model.EvalJob) ([]byte, error) {
			raw, _, err := model.Eval(ctx, n.learningEnv(), *j)
			return raw, err
		}),
		RetrySafe: true, Limits: long,
	})
	n.Gate.Builtin(effectPromote, exec.Builtin{
		Use: decoded(func(q *model.PromoteRequest) caps.Use {
			return caps.Use{Kind: caps.KindDeployPromote, Ring: q.RingID, Policy: q.PolicyID}
		}),
		Run: job(func(ctx context.Context, q *model.PromoteRequest) ([]byte, error) {
			rec, _, err := n.Models().Promote(ctx, n.Key, *q)
			return n.recordBytes(ctx, rec, err)
		}),
		RetrySafe: true, Writes: true,
	})
	n.Gate.Builtin(effectRollback, exec.Builtin{
		Use: decoded(func(q *model.RollbackRequest) caps.Use {
			return caps.Use{Kind: caps.KindDeployPromote, Ring: q.RingID, Policy: q.PolicyID}
		}),
		Run: job(func(ctx context.Context, q *model.RollbackRequest) ([]byte, error) {
			rec, err := n.Models().Rollback(ctx, n.Key, *q)
			return n.recordBytes(ctx, rec, err)
		}),
		RetrySafe: true, Writes: true,
	})
}

// decoded makes a Builtin.Use of a function over the decoded request.
func decoded[T any](use func(*T) caps.Use) func([]byte) (caps.Use, error) {
	return func(request []byte) (caps.Use, error) {
		v, err := object.Decode[T](request)
		if err != nil {
			return caps.Use{}, err
		}
		return use(v), nil
	}
}

// job makes a Builtin.Run of a function over the decoded request. Its error is the
// outcome of the effect: a failed one, with the reason as the response.
func job[T any](run func(context.Context, *T) ([]byte, error)) func(context.Context, exec.Call) (exec.Response, error) {
	return func(ctx context.Context, call exec.Call) (exec.Response, error) {
		v, err := object.Decode[T](call.Request)
		if err != nil {
			return failed(err), nil
		}
		body, err := run(ctx, v)
		if err != nil {
			if ctx.Err() != nil {
				return exec.Response{}, ctx.Err()
			}
			return failed(err), nil
		}
		return exec.Response{Body: body, Status: exec.StatusOK}, nil
	}
}

// learningEnv is what training and evaluation need: the tools that recipes and
// suites name, and datasets as JSON lines.
func (n *Node) learningEnv() model.Env {
	return model.Env{Store: n.Store, Code: n.runCode, Dataset: n.ExportJSONL}
}

// runCode runs the tool with this id on a request. The effect that asked for it is
// what leaves the receipt; its response carries the hashes of what went in and out.
func (n *Node) runCode(ctx context.Context, code object.Hash, request []byte) ([]byte, error) {
	t, err := n.Tools.Get(ctx, code)
	if err != nil {
		return nil, err
	}
	runner, ok := n.Gate.Runners[t.Module.Kind]
	if !ok {
		return nil, fmt.Errorf("%w: nothing here runs %s tools", exec.ErrNoTool, exec.KindName(t.Module.Kind))
	}
	limits := exec.DefaultLimits()
	limits.Timeout, limits.MaxRequest, limits.MaxResponse, limits.MaxMemory = 6*time.Hour, model.MaxToolRequest, 256<<20, 2<<30
	res, err := runner.Run(ctx, exec.Call{Tool: t.ID, Name: t.Name, Module: t.Module, Request: request, Limits: limits})
	if err != nil {
		return nil, err
	}
	if res.Status >= 300 {
		return nil, fmt.Errorf("tool %s: status %d: %s", t.Name, res.Status, res.Notes)
	}
	return res.Body, nil
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

// Train runs a recipe over a dataset as a train effect and notes the model.
func (n *Node) Train(ctx context.Context, recipe object.Hash, ref *dataset.DatasetRef, chains []caps.Chain) (*model.TrainResult, *Called, error) {
	j := model.TrainJob{RecipeID: recipe, DatasetDef: ref.DatasetDefID, Manifest: ref.Manifest.CID, BuildReceipt: &ref.BuildReceiptID,
		MaxTokens: 1 << 40, MaxGPUms: 0}
	called, err := n.learn(ctx, effectTrain, &j, chains, caps.Use{Kind: caps.KindTrainRun, Recipe: recipe, Jobs: 1, Tokens: j.MaxTokens})
	if err != nil {
		return nil, called, err
	}
	res, _, _, err := model.OpenTrainResult(called.Body)
	if err != nil {
		return nil, called, err
	}
	_, err = n.Models().AddEffect(ctx, called.ReceiptID)
	return res, called, err
}

// Eval measures a model with a suite as an eval effect and notes the result.
func (n *Node) Eval(ctx context.Context, m, suite object.Hash, chains []caps.Chain) (*model.EvalResult, *Called, error) {
	j := model.EvalJob{ModelID: m, SuiteID: suite}
	called, err := n.learn(ctx, effectEval, &j, chains, caps.Use{Kind: caps.KindEvalRun, Suite: suite, Runs: 1})
	if err != nil {
		return nil, called, err
	}
	res, _, err := model.OpenEvalResult(called.Body)
	if err != nil {
		return nil, called, err
	}
	_, err = n.Models().AddEffect(ctx, called.ReceiptID)
	return res, called, err
}

// learn runs one of the learning effects, keyed by its request: asking again gives
// the recorded result.
func (n *Node) learn(ctx context.Context, name string, request any, chains []caps.Chain, use caps.Use) (*Called, error) {
	raw, err := can.Marshal(request)
	if err != nil {
		return nil, err
	}
	if chains == nil {
		if chains, err = n.Covering(ctx, use); err != nil {
			return nil, err
		}
	}
	key := object.Sum(raw)
	return n.builtinCall(ctx, name, raw, key.Sum[:], orNone(chains))
}

// orNone keeps Call from looking for tool.call capabilities when there are none.
func orNone(chains []caps.Chain) []caps.Chain {
	if chains == nil {
		return []caps.Chain{}
	}
	return chains
}

// Promote puts a model into a ring as an effect. When the conditions do not hold,
// the error is that of the registry.
func (n *Node) Promote(ctx context.Context, q model.PromoteRequest, chains []caps.Chain) (*model.PromotionRecord, error) {
	conditions, hold, err := n.Models().Check(ctx, q)
	if err != nil {
		return nil, err
	}
	if _, bad := model.Failed(conditions); bad {
		return nil, fmt.Errorf("promotion of %s to ring %d: %w", q.ModelID.Short(), q.RingID,
			&model.RefusedError{Model: q.ModelID, Ring: q.RingID, Conditions: conditions})
	}
	if hold != nil && hold.Frozen {
		return nil, &model.FrozenError{Hold: *hold}
	}
	called, err := n.learn(ctx, effectPromote, &q, chains, caps.Use{Kind: caps.KindDeployPromote, Ring: q.RingID, Policy: q.PolicyID})
	if err != nil {
		return nil, err
	}
	return n.promoted(ctx, q.RingID, called)
}

// Rollback restores what a ring had before, as an effect.
func (n *Node) Rollback(ctx context.Context, q model.RollbackRequest, chains []caps.Chain) (*model.PromotionRecord, error) {
	called, err := n.learn(ctx, effectRollback, &q, chains, caps.Use{Kind: caps.KindDeployPromote, Ring: q.RingID, Policy: q.PolicyID})
	if err != nil {
		return nil, err
	}
	return n.promoted(ctx, q.RingID, called)
}

// RingRef is the ref that names the model now in a ring.
func RingRef(ring uint8) string { return fmt.Sprintf("ring%d", ring) }

// promoted reads the record that the effect answered with, and moves the ring's ref.
func (n *Node) promoted(ctx context.Context, ring uint8, called *Called) (*model.PromotionRecord, error) {
	rec, _, err := model.OpenPromotion(called.Body)
	if err != nil {
		return nil, err
	}
	state, err := n.Models().State(ctx, ring)
	if err != nil {
		return nil, err
	}
	return rec, n.Store.SetRef(ctx, RingRef(ring), state.ModelID, nil)
}

// recordBytes is the response of promote and rollback: the canonical record.
func (n *Node) recordBytes(ctx context.Context, rec *model.PromotionRecord, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	_, raw, err := n.Models().Record(ctx, rec.PromotionID)
	return raw, err
}

// Reevaluate runs an evaluation again, for a verifier: nothing is recorded.
func (n *Node) Reevaluate(ctx context.Context, j model.EvalJob) (*model.EvalResult, error) {
	_, res, err := model.Eval(ctx, n.learningEnv(), j)
	return res, err
}

// Why walks from a start down to what it rests on, verifying every link.
func (n *Node) Why(ctx context.Context, start model.Start, width int) (*model.Node, error) {
	reg := n.Models()
	return model.Why(ctx, &model.Local{Registry: reg, Nodes: n.Store.Nodes}, start,
		model.WhyOptions{Trust: reg.Trust, Caps: n.Verifier, Width: width})
}
