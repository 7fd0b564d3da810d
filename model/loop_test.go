package model_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/judge"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/model/train"
	"github.com/mythos-project/mythos/model/why"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

func key(name string) *sign.Key { return sign.FromSeed(object.SumText("key of "+name).Sum, name) }

var (
	admin    = key("admin")
	executor = key("executor")
	vera     = key("vera")
	victor   = key("victor")
	stranger = key("stranger")
)

func only(keys ...*sign.Key) model.TrustedAt {
	return func(a object.AgentID, _ model.When) bool {
		return slices.ContainsFunc(keys, func(k *sign.Key) bool { return k.Agent().Same(a) })
	}
}

func ptr[T any](v T) *T { return &v }

// built are the tools, built once for all tests.
var built struct {
	once sync.Once
	dir  string
	err  error
}

func tool(t testing.TB, name string) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "mythos-model"); built.err != nil {
			return
		}
		for _, name := range []string{"linear", "ngram", "scorer", "textstat"} {
			cmd := osexec.Command("go", "build", "-o", filepath.Join(built.dir, name+".exe"), "../tools/"+name)
			if msg, err := cmd.CombinedOutput(); err != nil {
				built.err = fmt.Errorf("go build %s: %w: %s", name, err, msg)
				return
			}
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, name+".exe")
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

func runTool(t testing.TB, name string, request []byte) ([]byte, error) {
	cmd := osexec.Command(tool(t, name))
	cmd.Stdin = bytes.NewReader(request)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, stderr.String())
	}
	return out, err
}

// house is a repository with all the evidence of a promotion, made by the real packages over a store in memory.
type house struct {
	t        testing.TB
	db       *memory.DB
	store    *store.Store
	ledger   *kvledger.Ledger
	registry *registry.Registry
	env      train.Env
	clock    object.Time
	def      *dataset.DatasetDef
	recipe   object.Hash
	suite    object.Hash
	train    object.BlobRef // manifests
	tests    object.BlobRef
	policies [2]object.Hash
}

func (h *house) now() object.Time { h.clock += 1000; return h.clock }

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// grant issues a capability to the executor, by way of a delegable root.
func (h *house) grant(sc scope.Scope) object.Hash {
	h.t.Helper()
	s, err := scope.New(sc)
	h.ok(err)
	draft := caps.Draft{Subject: vera.Agent(), Scope: s, NotBefore: 1, ExpiresAt: 1 << 60, Delegable: true}
	root, err := caps.Issue(admin, draft)
	h.ok(err)
	draft.Subject, draft.Delegable = executor.Agent(), false
	leaf, err := caps.Attenuate(vera, caps.Chain{root}, draft)
	h.ok(err)
	h.ok(h.store.PutObjects(h.t.Context(), store.Object{ID: root.ID, Kind: "Capability", Raw: root.Raw}, store.Object{ID: leaf.ID, Kind: "Capability", Raw: leaf.Raw}))
	return leaf.ID
}

// effect makes the receipt of an effect, like the gate.
func (h *house) effect(tool, capability object.Hash, request, response []byte) object.Hash {
	h.t.Helper()
	ctx := h.t.Context()
	_, err := h.store.PutBytes(ctx, request)
	h.ok(err)
	_, err = h.store.PutBytes(ctx, response)
	h.ok(err)
	id, raw, err := ledger.NewReceipt(executor, ledger.Receipt{ToolID: tool, RequestHash: object.Sum(request), ResponseHash: object.Sum(response),
		Status: 200, TimeObserved: h.now(), Evidence: []object.Hash{capability}})
	h.ok(err)
	h.ok(h.ledger.Record(ctx, raw))
	return id
}

// goFiles are some of the toolchain's own files.
func goFiles(t testing.TB) [][]byte {
	var files [][]byte
	goroot, err := osexec.Command("go", "env", "GOROOT").Output() // runtime.GOROOT is empty in builds without paths
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"net", "strings", "sort", "sync", "os"} {
		paths, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(goroot)), "src", dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range paths {
			data, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			if i%3 == 0 && len(data) < 30<<10 {
				files = append(files, data)
			}
		}
	}
	if len(files) < 60 {
		t.Skip("no sources of the Go toolchain here")
	}
	return files
}

var statTool = object.SumText("tool:textstat")

// episode makes an episode of textstat on a file, with the scorer's signals.
func (h *house) episode(capability object.Hash, file []byte) object.Hash {
	h.t.Helper()
	ctx := h.t.Context()
	stat, err := runTool(h.t, "textstat", file)
	h.ok(err)
	receipt := h.effect(statTool, capability, file, stat)
	trace, err := h.store.PutBlob(ctx, strings.NewReader("trace of "+receipt.String()), store.PutOptions{Media: "application/mythos.trace"})
	h.ok(err)
	e := object.EpisodeRef{TraceRef: object.TraceRef{TraceBlob: trace, ReceiptIDs: []object.Hash{receipt}}, ContextHash: object.SumText("task"), OutcomeHash: object.Sum(stat), TimeObserved: h.now()}
	e.EpisodeID, err = object.EpisodeRule.IDOf(&e)
	h.ok(err)
	raw, err := can.Marshal(&e)
	h.ok(err)
	h.ok(h.store.PutObjects(ctx, store.Object{ID: e.EpisodeID, Kind: "EpisodeRef", Raw: raw}))
	request, err := json.Marshal(map[string]string{"request_text": string(file), "response_text": string(stat)})
	h.ok(err)
	answer, err := runTool(h.t, "scorer", request)
	h.ok(err)
	var signals []struct {
		Type, Kind string
		Value      json.RawMessage
	}
	h.ok(json.Unmarshal(answer, &signals))
	for _, s := range signals {
		if s.Kind != "text" {
			continue
		}
		var text string
		h.ok(json.Unmarshal(s.Value, &text))
		_, raw, err := signal.New(executor, e.EpisodeID, signal.Label, ir.TextScalar(text), h.now())
		h.ok(err)
		h.ok(signal.Put(ctx, h.store, raw))
	}
	return e.EpisodeID
}

// export writes the lines of a manifest's episodes.
func (h *house) export(ctx context.Context, manifest object.Hash, _ string, w io.Writer) error {
	src := &dataset.StoreSource{Store: h.store, Ledger: h.ledger}
	return dataset.ReadList(ctx, h.store.Nodes(ctx), manifest, func(id object.Hash) error {
		raw, err := src.Episode(ctx, id)
		if err != nil {
			return err
		}
		e, err := object.Decode[object.EpisodeRef](raw)
		if err != nil {
			return err
		}
		r, err := src.Receipt(ctx, e.TraceRef.ReceiptIDs[0])
		if err != nil {
			return err
		}
		file, err := h.store.Bytes(ctx, r.RequestHash)
		if err != nil {
			return err
		}
		type reward struct {
			Type  string `json:"type"`
			Kind  string `json:"kind"`
			Value string `json:"value"`
		}
		line := struct {
			Episode object.Hash `json:"episode"`
			Text    string      `json:"request_text"`
			Signals []reward    `json:"signals"`
		}{Episode: id, Text: string(file)}
		raws, err := src.Signals(ctx, id)
		if err != nil {
			return err
		}
		for _, raw := range raws {
			s, _, err := signal.Open(raw)
			if err != nil {
				return err
			}
			v, err := can.Parse(s.ValueBytes)
			if err != nil {
				return err
			}
			line.Signals = append(line.Signals, reward{"label", "text", string(v.Bytes)})
		}
		return json.NewEncoder(w).Encode(line)
	})
}

// template is the house from which others are copied.
var template *house

// newHouse makes episodes of real files, a dataset and held-out tests, recipe, suite and the policies of rings 0 and 1.
func newHouse(t testing.TB) *house {
	t.Helper()
	if template == nil {
		h := openHouse(t, memory.New(), house{clock: 1_767_000_000_000_000})
		h.furnish()
		template = h
	}
	db := memory.New()
	all := map[string][]byte{}
	err := template.db.Scan(t.Context(), "", "\xff", func(key string, value []byte) error {
		all[key] = bytes.Clone(value)
		return nil
	})
	if err == nil {
		_, err = db.Update(t.Context(), nil, all)
	}
	if err == nil {
		err = template.db.ScanChunks(t.Context(), func(c object.Hash, _ int64) error {
			data, err := template.db.Chunk(t.Context(), c)
			if err != nil {
				return err
			}
			_, err = store.New(db, db).PutBytes(t.Context(), data)
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return openHouse(t, db, *template)
}

// openHouse opens the packages over a database.
func openHouse(t testing.TB, db *memory.DB, of house) *house {
	h := &of
	h.t, h.db = t, db
	h.store = store.New(h.db, h.db)
	h.ledger = kvledger.Open(h.db, executor, h.now)
	h.registry = &registry.Registry{KV: h.db, Store: h.store, Receipts: h.ledger, Responses: h.store, Pins: h.store, Now: h.now,
		Trust: model.Trust{Receipt: only(executor), Attest: only(vera, victor), Policy: only(admin)}}
	code := map[object.Hash]string{object.SumText("linear"): "linear"}
	h.env = train.Env{Store: h.store, Dataset: h.export, Form: func(context.Context, object.Hash) (train.Form, error) { return train.Form{}, nil }, Code: func(_ context.Context, c object.Hash, request []byte) ([]byte, error) {
		return runTool(t, code[c], request)
	}}
	return h
}

func (h *house) furnish() {
	t, ctx := h.t, h.t.Context()
	call := h.grant(&scope.ToolCall{ToolID: statTool, MaxCalls: 10_000})
	var ids []object.Hash
	for _, file := range goFiles(t) {
		ids = append(ids, h.episode(call, file))
	}
	cut := len(ids) * 2 / 3
	slices.SortFunc(ids, object.Hash.Compare)
	h.def, h.train = h.dataset(ids[:cut])
	_, h.tests = h.dataset(ids[cut:])

	linear := object.SumText("linear")
	_, raw, err := model.NewRecipe(model.RecipeDef{BaseModel: model.FromScratch, TrainCodeHash: linear, Hyperparams: map[string]string{"label": "test", "bits": "12"}})
	h.ok(err)
	h.recipe, err = h.registry.Add(ctx, "RecipeDef", raw)
	h.ok(err)
	_, raw, err = model.NewSuite(model.EvalSuiteDef{SuiteCodeHash: linear, TestsManifest: h.tests, Metrics: []string{"accuracy_micro", "baseline_micro"}, Params: map[string]string{"label": "test"}})
	h.ok(err)
	h.suite, err = h.registry.Add(ctx, "EvalSuiteDef", raw)
	h.ok(err)
	for ring := range h.policies {
		h.policies[ring] = h.policy(uint8(ring), 800_000+int64(ring)*10_000)
	}
}

func (h *house) policy(ring uint8, least int64) object.Hash {
	h.t.Helper()
	_, raw, err := model.NewPolicy(admin, model.PolicyDef{Ring: ring, Suites: []object.Hash{h.suite}, Quorum: 2, RollbackRule: model.RollbackPrevious, TimeObserved: h.now(),
		Verifiers:  []object.AgentID{vera.Agent(), victor.Agent()},
		Thresholds: []model.Threshold{{Metric: "accuracy_micro", Direction: model.HigherIsBetter, Limit: &least, LargestRegression: ptr[int64](100_000), Critical: true}}})
	h.ok(err)
	id, err := h.registry.Add(h.t.Context(), "PolicyDef", raw)
	h.ok(err)
	h.inForce(id)
	return id
}

// inForce puts a policy into force and stores the receipt.
func (h *house) inForce(id object.Hash) {
	h.t.Helper()
	q := h.policyRequest(id)
	s, err := h.registry.SetPolicy(h.t.Context(), q)
	h.ok(err)
	h.decided(model.PolicyTool, &scope.ToolCall{ToolID: model.PolicyTool, MaxCalls: 1}, &q, s)
}

// policyRequest asks to put a policy into force after the present one of its ring.
func (h *house) policyRequest(id object.Hash) model.PolicyRequest {
	h.t.Helper()
	q := model.PolicyRequest{PolicyID: id}
	if o, err := h.store.Object(h.t.Context(), id); err == nil {
		p, _, err := model.OpenPolicy(o.Raw)
		h.ok(err)
		if now, err := h.registry.Policy(h.t.Context(), p.Ring); err == nil {
			q.After = &now
		}
	}
	return q
}

// hold freezes or thaws ring 0 and stores the receipt.
func (h *house) hold(frozen bool, reason string) *model.RingHold {
	h.t.Helper()
	newest, err := h.registry.Hold(h.t.Context(), 0)
	h.ok(err)
	q, tool := model.HoldRequest{Reason: reason}, model.ThawTool
	if newest != nil {
		q.After = &newest.HoldID
	}
	if frozen {
		tool = model.FreezeTool
	}
	hold, err := h.registry.SetHold(h.t.Context(), executor, q, frozen)
	h.ok(err)
	h.decided(tool, &scope.ToolCall{ToolID: tool, MaxCalls: 1}, &q, hold)
	return hold
}

// decided stores the receipt of a decision.
func (h *house) decided(tool object.Hash, scope scope.Scope, request, made any) {
	h.t.Helper()
	asked, err := can.Marshal(request)
	h.ok(err)
	answer, err := can.Marshal(made)
	h.ok(err)
	_, err = h.registry.AddEffect(h.t.Context(), h.effect(tool, h.grant(scope), asked, answer))
	h.ok(err)
}

func (h *house) dataset(ids []object.Hash) (*dataset.DatasetDef, object.BlobRef) {
	h.t.Helper()
	ctx := h.t.Context()
	corpus, _, err := dataset.Snapshot(ctx, h.store, dataset.MediaCorpus, ids)
	h.ok(err)
	expr, err := query.Parse("true", nil)
	h.ok(err)
	def, raw, err := dataset.NewDef(dataset.DatasetDef{DatasetDefID: corpus.CID, CorpusRoots: []object.Hash{corpus.CID}, Query: dataset.QueryDef{QueryID: corpus.CID, Predicate: expr}, Sampling: dataset.SamplingDef{Mode: dataset.SampleAll, Seed: object.SumText("seed")}})
	h.ok(err)
	h.ok(h.store.PutObjects(ctx, store.Object{ID: def.DatasetDefID, Kind: "DatasetDef", Raw: raw}))
	b, err := dataset.Build(ctx, h.store, &dataset.StoreSource{Store: h.store, Ledger: h.ledger}, def)
	h.ok(err)
	return def, b.Manifest
}

// trained trains a model and stores the receipt. Hyperparameters make another recipe.
func (h *house) trained(params ...string) object.Hash {
	h.t.Helper()
	ctx := h.t.Context()
	recipe := h.recipe
	if len(params) > 0 {
		hyper := map[string]string{"label": "test", "bits": "12"}
		for i := 0; i < len(params); i += 2 {
			hyper[params[i]] = params[i+1]
		}
		_, raw, err := model.NewRecipe(model.RecipeDef{BaseModel: model.FromScratch, TrainCodeHash: object.SumText("linear"), Hyperparams: hyper})
		h.ok(err)
		recipe, err = h.registry.Add(ctx, "RecipeDef", raw)
		h.ok(err)
	}
	job := model.TrainJob{RecipeID: recipe, DatasetDef: h.def.DatasetDefID, Manifest: h.train.CID, MaxTokens: 1 << 40}
	raw, res, err := train.Run(ctx, h.env, job)
	h.ok(err)
	request, err := can.Marshal(&job)
	h.ok(err)
	receipt := h.effect(model.TrainTool, h.grant(&scope.TrainRun{RecipeID: recipe, MaxJobs: 5, MaxTokens: 1 << 50}), request, raw)
	id, err := h.registry.AddEffect(ctx, receipt)
	h.ok(err)
	if id != res.Model.ModelID {
		h.t.Fatalf("model %s, indexed is %s", res.Model.ModelID, id)
	}
	return id
}

// evaluated evaluates a model, vouches for it and signs it off for both rings.
func (h *house) evaluated(m object.Hash) *registry.Vouched {
	h.t.Helper()
	ctx := h.t.Context()
	job := model.EvalJob{ModelID: m, SuiteID: h.suite}
	raw, _, err := train.Eval(ctx, h.env, job)
	h.ok(err)
	request, err := can.Marshal(&job)
	h.ok(err)
	receipt := h.effect(model.EvalTool, h.grant(&scope.EvalRun{SuiteID: h.suite, MaxRuns: 5}), request, raw)
	_, err = h.registry.AddEffect(ctx, receipt)
	h.ok(err)
	v, err := h.registry.Vouch(ctx, vera, receipt, func(ctx context.Context, job model.EvalJob) (*model.EvalResult, error) {
		_, res, err := train.Eval(ctx, h.env, job)
		return res, err
	})
	h.ok(err)
	for _, k := range []*sign.Key{vera, victor} {
		for _, policy := range h.policies {
			_, err := h.registry.SignOff(ctx, k, m, policy, model.ResultPass, "looked at it")
			h.ok(err)
		}
	}
	return v
}

// request asks for a promotion based on the present state of the ring.
func (h *house) request(m object.Hash, ring uint8) model.PromoteRequest {
	h.t.Helper()
	after, err := h.registry.Newest(h.t.Context(), ring)
	h.ok(err)
	return model.PromoteRequest{ModelID: m, RingID: ring, PolicyID: h.policies[ring], After: after}
}

func (h *house) promoted(m object.Hash, ring uint8) *model.PromotionRecord {
	h.t.Helper()
	q := h.request(m, ring)
	p, conditions, err := h.registry.Promote(h.t.Context(), executor, q)
	if err != nil {
		h.t.Fatalf("%v\n%+v", err, conditions)
	}
	h.decided(model.PromoteTool, &scope.DeployPromote{RingID: ring, PolicyID: q.PolicyID}, &q, p)
	return p
}

func (h *house) inRing(ring uint8) object.Hash {
	h.t.Helper()
	s, err := h.registry.State(h.t.Context(), ring)
	h.ok(err)
	return s.ModelID
}

func (h *house) why(start why.Start) *why.Node {
	h.t.Helper()
	local := &why.Local{Registry: h.registry, Nodes: func(ctx context.Context) merkle.NodeReader { return h.store.Nodes(ctx) }}
	n, err := why.Explain(h.t.Context(), local, start, h.whyOptions())
	h.ok(err)
	return n
}

func (h *house) whyOptions() why.Options {
	o := h.fullOptions()
	o.Sample = true
	return o
}

// fullOptions also verify what is not shown.
func (h *house) fullOptions() why.Options {
	return why.Options{Trust: h.registry.Trust, Caps: &caps.Verifier{Trusted: func(a object.AgentID, _ uint8) bool { return only(admin)(a, model.When{}) }}}
}

// TestLoop is the whole way from files to a promoted model and back.
func TestLoop(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	first := h.trained()
	if again := h.trained(); again != first {
		t.Fatal("the same training gives another model")
	}
	_, conditions, err := h.registry.Promote(ctx, executor, h.request(first, 0))
	var refused *registry.RefusedError
	if !errors.As(err, &refused) || !errors.Is(err, model.ErrRefused) || len(refused.Conditions) != 6 || !conditions[0].Holds || !conditions[1].Holds || conditions[2].Holds || conditions[4].Holds {
		t.Fatalf("without attestations: %v", err)
	}
	v := h.evaluated(first)
	t.Logf("metrics %v", v.Values)
	if v.Result != model.ResultPass || v.Values["accuracy_micro"] <= v.Values["baseline_micro"] {
		t.Fatalf("%+v", v)
	}
	conditions, hold, err := h.registry.Check(ctx, h.request(first, 0))
	if _, failed := judge.Failed(conditions); err != nil || failed || hold != nil {
		t.Fatalf("dry run: %v, %+v", err, conditions)
	}
	if _, err := h.registry.State(ctx, 0); !errors.Is(err, model.ErrNotFound) {
		t.Fatalf("the dry run moved the ring: %v", err)
	}
	p := h.promoted(first, 0)
	if h.inRing(0) != first || len(p.EvalAttestations) != 4 || p.Sequence != 1 {
		t.Errorf("%+v", p)
	}
	second := h.trained("epochs", "9")
	h.evaluated(second)
	if _, _, err := h.registry.Promote(ctx, executor, h.request(second, 1)); !errors.Is(err, model.ErrRefused) || !strings.Contains(err.Error(), "takes only the model of ring 0") {
		t.Errorf("ring 1 from nowhere: %v", err)
	}
	h.promoted(second, 0)
	h.promoted(second, 1)
	h.rollsBack(first, second)
}

// rollsBack checks that ring 0 can be rolled back from second to first, and no further.
func (h *house) rollsBack(first, second object.Hash) {
	t, ctx := h.t, h.t.Context()
	newest, err := h.registry.Newest(ctx, 0)
	h.ok(err)
	q := model.RollbackRequest{RingID: 0, PolicyID: h.policies[0], Record: *newest, Reason: "it is worse in practice"}
	p, err := h.registry.Rollback(ctx, executor, q)
	if err != nil || p.ModelID != first || h.inRing(0) != first || h.inRing(1) != second {
		t.Fatalf("%+v, %v", p, err)
	}
	again, err := h.registry.Rollback(ctx, executor, q)
	if err != nil || again.PromotionID != p.PromotionID {
		t.Errorf("the same request again: %+v, %v", again, err)
	}
	if _, err := h.registry.Rollback(ctx, admin, q); !errors.Is(err, model.ErrConflict) {
		t.Errorf("somebody else's request again: %v", err)
	}
	q.Record = p.PromotionID
	if _, err := h.registry.Rollback(ctx, executor, q); !errors.Is(err, model.ErrNoRollback) {
		t.Errorf("rolled back beyond the first: %v", err)
	}
	var actions []string
	h.ok(h.registry.Log(ctx, 0, func(_ object.Hash, p *model.PromotionRecord) error {
		actions = append(actions, p.ActionName())
		return nil
	}))
	if strings.Join(actions, " ") != "promote promote rollback" {
		t.Errorf("%v", actions)
	}
	pins := map[string]bool{}
	h.ok(h.store.Pins(ctx, func(p store.Pin) error { pins[p.CID.String()] = true; return nil }))
	if len(pins) != 4 { // weights and config of two models
		t.Errorf("%d pins", len(pins))
	}
}
