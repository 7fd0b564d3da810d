package model_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/train"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

const heldOut = `{"request_text":"alpha beta","signals":[{"type":"label","kind":"text","value":"x=a"}]}
{"request_text":"gamma","signals":[{"type":"label","kind":"text","value":"x=b"}]}
`

// TestShippedToolsSpeakTheProtocol runs the contract test kit over both trainers.
func TestShippedToolsSpeakTheProtocol(t *testing.T) {
	for name, c := range map[string]train.ToolCheck{
		"linear": {Label: "x", Params: map[string]string{"bits": "8"}, Metrics: []string{"accuracy_micro", "baseline_micro", "examples"}},
		"ngram":  {Label: "", Params: map[string]string{"order": "2"}, Metrics: []string{"loss_micro", "perplexity_micro"}},
	} {
		c.Train, c.HeldOut = []byte(heldOut), []byte(heldOut)
		c.Run = func(_ context.Context, request []byte, _ io.Writer) ([]byte, error) { return runTool(t, name, request) }
		if err := train.CheckTool(t.Context(), c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCheckToolFinds gives the kit tools with one fault each.
func TestCheckToolFinds(t *testing.T) {
	n := 0
	onlyTrain := []byte(`{"op":"train","label":"x","params":{"bits":"8"},"weights_bytes":0}` + "\n" + heldOut)
	good := func(request []byte) ([]byte, error) { return runTool(t, "linear", request) }
	for want, run := range map[string]func(request []byte) ([]byte, error){
		"another response": func(q []byte) ([]byte, error) {
			out, err := good(q)
			n++
			return bytes.Replace(out, []byte(`"gpu_ms":0`), []byte(`"gpu_ms":`+strings.Repeat("1", n)), 1), err
		},
		"is not the hash": func(q []byte) ([]byte, error) {
			out, err := good(q)
			if len(out) > 1000 {
				out[len(out)-1] ^= 1
			}
			return out, err
		},
		"announces": func(q []byte) ([]byte, error) {
			out, err := good(q)
			return append(out, '!'), err
		},
		"lacks accuracy_micro": func(q []byte) ([]byte, error) {
			out, err := good(q)
			return bytes.Replace(out, []byte(`"accuracy_micro"`), []byte(`"precision_micro"`), 1), err
		},
		"an empty request is not a failure": func(q []byte) ([]byte, error) {
			if len(q) == 0 {
				return nil, nil
			}
			return good(q)
		},
		"tokens, its budget has 5": func(q []byte) ([]byte, error) {
			out, err := good(q)
			return bytes.Replace(out, []byte(`"tokens":3`), []byte(`"tokens":6`), 1), err
		},
		"ms of GPU time, its budget has 7": func(q []byte) ([]byte, error) {
			out, err := good(q)
			return bytes.Replace(out, []byte(`"gpu_ms":0`), []byte(`"gpu_ms":8`), 1), err
		},
		"gives 0": func(q []byte) ([]byte, error) {
			out, err := good(q)
			line, _, _ := bytes.Cut(out, []byte("\n"))
			return append(line, '\n'), err
		},
		"an evaluation without the weights that it announces is not a failure": func(q []byte) ([]byte, error) {
			if header, rest, _ := bytes.Cut(q, []byte("\n")); len(rest) == 0 && bytes.Contains(header, []byte(`"op":"eval"`)) {
				return []byte(`{"op":"eval","metrics":{}}` + "\n"), nil
			}
			return good(q)
		},
		"goes on from weights cut short is not a failure": func(q []byte) ([]byte, error) {
			out, err := good(q)
			if header, _, _ := bytes.Cut(q, []byte("\n")); err != nil && bytes.Contains(header, []byte(`"op":"train"`)) && !bytes.Contains(header, []byte(`"weights_bytes":0`)) {
				return good(onlyTrain)
			}
			return out, err
		},
		"a training that goes on from its own weights": func(q []byte) ([]byte, error) {
			out, err := good(q)
			if header, _, _ := bytes.Cut(q, []byte("\n")); err == nil && bytes.Contains(header, []byte(`"op":"train"`)) && !bytes.Contains(header, []byte(`"weights_bytes":0`)) {
				return out[:len(out)-1], nil
			}
			return out, err
		},
		"it does not train": func([]byte) ([]byte, error) { return nil, errors.New("no") },
		"a member of the header": func(q []byte) ([]byte, error) {
			if bytes.Contains(q, []byte("mythos_unknown")) {
				return nil, errors.New("unknown member")
			}
			return good(q)
		},
	} {
		c := train.ToolCheck{Label: "x", Params: map[string]string{"bits": "8"}, Train: []byte(heldOut), HeldOut: []byte(heldOut), Metrics: []string{"accuracy_micro"},
			MaxTokens: ptr[uint64](5), MaxGPUms: ptr[uint64](7),
			Run: func(_ context.Context, request []byte, _ io.Writer) ([]byte, error) { return run(request) }}
		if err := train.CheckTool(t.Context(), c); !errors.Is(err, train.ErrTool) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestCheckToolStarts gives the kit a tool that trains only from a base model, as for adapters.
func TestCheckToolStarts(t *testing.T) {
	first, err := runTool(t, "linear", []byte(`{"op":"train","label":"x","params":{"bits":"8"},"weights_bytes":0}`+"\n"+heldOut))
	if err != nil {
		t.Fatal(err)
	}
	_, base, err := train.ParseTrainResponse(first)
	if err != nil {
		t.Fatal(err)
	}
	c := train.ToolCheck{Label: "x", Params: map[string]string{"bits": "8"}, Train: []byte(heldOut), HeldOut: []byte(heldOut), MaxTokens: ptr[uint64](1000),
		Run: func(_ context.Context, request []byte, _ io.Writer) ([]byte, error) {
			header, _, _ := bytes.Cut(request, []byte("\n"))
			if bytes.Contains(header, []byte(`"op":"train"`)) && (bytes.Contains(header, []byte(`"weights_bytes":0`)) || !bytes.Contains(header, []byte(`"max_tokens":1000`))) {
				return nil, errors.New("it starts from a model, and wants to know its budget")
			}
			return runTool(t, "linear", request)
		}}
	if err := train.CheckTool(t.Context(), c); !errors.Is(err, train.ErrTool) || !strings.Contains(err.Error(), "it does not train") {
		t.Errorf("without a base: %v", err)
	}
	c.Base = train.Weights{Bytes: base}
	if err := train.CheckTool(t.Context(), c); err != nil {
		t.Errorf("from its base: %v", err)
	}
}

// TestCheckToolCancels gives the kit tools that cannot be cancelled: one never ends, one leaves something behind that
// changes its answers.
func TestCheckToolCancels(t *testing.T) {
	good := func(request []byte) ([]byte, error) { return runTool(t, "linear", request) }
	check := train.ToolCheck{Label: "x", Params: map[string]string{"bits": "8"}, Train: []byte(heldOut), HeldOut: []byte(heldOut), Cancel: time.Nanosecond}
	forever := make(chan struct{})
	defer close(forever)
	deaf := check
	deaf.Grace = 10 * time.Millisecond
	deaf.Run = func(ctx context.Context, request []byte, stderr io.Writer) ([]byte, error) {
		if _, cancelled := ctx.Deadline(); cancelled {
			<-forever
		}
		return good(request)
	}
	dirty, left := check, false
	dirty.Run = func(ctx context.Context, request []byte, stderr io.Writer) ([]byte, error) {
		if _, cancelled := ctx.Deadline(); cancelled {
			left = true
			return nil, ctx.Err()
		}
		out, err := good(request)
		if left {
			out = bytes.Replace(out, []byte(`"skipped":0`), []byte(`"skipped":1`), 1)
		}
		return out, err
	}
	midst, half := check, false
	midst.Cancel = 0
	midst.Run = func(ctx context.Context, request []byte, stderr io.Writer) ([]byte, error) {
		fmt.Fprintln(stderr, "progress 1/2 loss=1") // cancelled here, it has begun
		if ctx.Err() != nil {
			half = true
			return nil, ctx.Err()
		}
		out, err := good(request)
		if half {
			out = bytes.Replace(out, []byte(`"skipped":0`), []byte(`"skipped":1`), 1)
		}
		return out, err
	}
	const another = "after one that was cancelled gives another response"
	for name, c := range map[string]struct {
		train.ToolCheck
		want string
	}{"deaf": {deaf, "a training that is cancelled has not ended"}, "dirty": {dirty, another}, "in its midst": {midst, another}} {
		want, c := c.want, c.ToolCheck
		if err := train.CheckTool(t.Context(), c); !errors.Is(err, train.ErrTool) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseResponsesRefuse(t *testing.T) {
	for _, bad := range []string{"", "{}", "no\n", `{"op":"eval"}` + "\nw", `{"op":"train","format":"f","weights_bytes":0,"weights_sha256":""}` + "\n",
		`{"op":"train","metrics":{"Bad Name":1}}`, `{"op":"train","format":"f","weights_bytes":1,"weights_sha256":"00"}` + "\nw"} {
		if _, _, err := train.ParseTrainResponse([]byte(bad)); !errors.Is(err, train.ErrTool) {
			t.Errorf("train response %q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "{}", `{"op":"train"}`, `{"op":"eval"}` + "\nmore", `{"op":"eval","metrics":{"":1}}`, `{"op":"eval","metrics":{"a":0.5}}`} {
		if _, err := train.ParseEvalResponse([]byte(bad)); !errors.Is(err, train.ErrTool) {
			t.Errorf("eval response %q: %v", bad, err)
		}
	}
}

// TestTrainingRefuses checks the budget and the protocol of a training.
func TestTrainingRefuses(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	job := model.TrainJob{RecipeID: h.recipe, DatasetDef: h.def.DatasetDefID, Manifest: h.train.CID, MaxTokens: 10}
	if _, _, err := train.Run(ctx, h.env, job); !errors.Is(err, train.ErrBudget) {
		t.Errorf("beyond its budget: %v", err)
	}
	job.MaxTokens = 1 << 40
	job.Manifest = object.SumText("no such manifest")
	if _, _, err := train.Run(ctx, h.env, job); err == nil {
		t.Error("trained on nothing")
	}
	job.Manifest, job.RecipeID = h.train.CID, object.SumText("no such recipe")
	if _, _, err := train.Run(ctx, h.env, job); err == nil {
		t.Error("trained by nothing")
	}
	if _, _, err := train.Run(ctx, h.env, model.TrainJob{RecipeID: h.suite}); !errors.Is(err, object.ErrID) && err == nil {
		t.Error("a suite was taken for a recipe")
	}
	m := h.trained()
	_, raw, err := model.NewSuite(model.EvalSuiteDef{SuiteCodeHash: object.SumText("linear"), TestsManifest: h.tests, Metrics: []string{"speed"}, Params: map[string]string{"label": "test"}})
	h.ok(err)
	suite, err := h.registry.Add(ctx, "EvalSuiteDef", raw)
	h.ok(err)
	if _, _, err := train.Eval(ctx, h.env, model.EvalJob{ModelID: m, SuiteID: suite}); !errors.Is(err, train.ErrTool) || !strings.Contains(err.Error(), "speed") {
		t.Errorf("a metric that the suite declares is missing: %v", err)
	}
}

// TestGoingOn trains from a base model: the child names its parent.
func TestGoingOn(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	parent := h.trained()
	_, raw, err := model.NewRecipe(model.RecipeDef{BaseModel: parent, TrainCodeHash: object.SumText("linear"), Hyperparams: map[string]string{"label": "test"}})
	h.ok(err)
	recipe, err := h.registry.Add(ctx, "RecipeDef", raw)
	h.ok(err)
	_, res, err := train.Run(ctx, h.env, model.TrainJob{RecipeID: recipe, DatasetDef: h.def.DatasetDefID, Manifest: h.train.CID, MaxTokens: 1 << 40})
	h.ok(err)
	if res.Model.ParentModelID == nil || *res.Model.ParentModelID != parent || res.Model.ModelID == parent {
		t.Errorf("%+v", res.Model)
	}
}

func TestAddRefuses(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	_, raw, err := model.NewRecipe(model.RecipeDef{BaseModel: model.FromScratch, TrainCodeHash: model.FromScratch})
	h.ok(err)
	for _, kind := range []string{"ModelRef", "EvalSuiteDef", "PolicyDef", "Attestation", "Receipt", ""} {
		if _, err := h.registry.Add(ctx, kind, raw); err == nil {
			t.Errorf("a recipe was added as %q", kind)
		}
	}
	raw[len(raw)-1] ^= 1
	if _, err := h.registry.Add(ctx, "RecipeDef", raw); err == nil {
		t.Error("a damaged recipe was added")
	}
	receipt := h.effect(statTool, object.SumText("cap"), []byte("q"), []byte("a"))
	if _, err := h.registry.AddEffect(ctx, receipt); err == nil {
		t.Error("any receipt is one of a training")
	}
}

// TestIDsLeaveOut pins which fields do not affect an id.
func TestIDsLeaveOut(t *testing.T) {
	p := model.PolicyDef{Suites: []object.Hash{model.FromScratch}, Thresholds: []model.Threshold{}, Quorum: 1, Verifiers: []object.AgentID{vera.Agent()}, RollbackRule: 1, Signer: admin.Agent()}
	id, err := model.PolicyID(p)
	if err != nil {
		t.Fatal(err)
	}
	p.PolicyID, p.Name, p.Signature = model.FromScratch, ptr("a name"), object.Signature{Alg: 1}
	if other, err := model.PolicyID(p); err != nil || other != id {
		t.Errorf("id, name or signature make a difference: %v", err)
	}
	p.Ring++
	if other, err := model.PolicyID(p); err != nil || other == id {
		t.Errorf("the ring makes no difference: %v", err)
	}
	m := model.ModelRef{Weights: object.BlobRef{CID: model.FromScratch}, Config: object.BlobRef{CID: model.FromScratch}, CodeHash: model.FromScratch}
	id, raw, err := model.NewModel(m)
	if err != nil {
		t.Fatal(err)
	}
	cut, err := can.Without(raw, can.Mask{1: nil})
	if err != nil || object.Sum(cut) != id {
		t.Errorf("%v", err)
	}
	if !slices.ContainsFunc(model.Structs, func(s object.Struct) bool { return s.Name == "ModelRef" && s.Check(raw) == nil }) {
		t.Error("ModelRef does not check")
	}
}
