package model_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

var names = model.Names{
	Hash: func(kind, name string) (object.Hash, error) {
		if name == "" || strings.HasPrefix(name, "no-") {
			return object.Hash{}, errors.New("there is none")
		}
		return object.SumText(kind + ":" + name), nil
	},
	Agent:    func(name string) (object.AgentID, error) { return key(name).Agent(), nil },
	Manifest: func(name string) (object.BlobRef, error) { return object.BlobRef{CID: object.SumText(name)}, nil },
}

const policyText = `
name: nightly
ring: 1
suites: [held-out]
thresholds:
  - {metric: accuracy_micro, at_least: 900000, largest_regression: 5000}
  - {metric: loss_micro, better: lower, least_improvement: 0, critical: false}
quorum: 1
verifiers: [vera, victor]
rollback: required
max_age: 24h
`

func TestParsePolicy(t *testing.T) {
	p, err := model.ParsePolicy([]byte(policyText), names)
	if err != nil {
		t.Fatal(err)
	}
	first, second := p.Thresholds[0], p.Thresholds[1]
	if *p.Name != "nightly" || p.Ring != 1 || p.Suites[0] != object.SumText("suite:held-out") || p.Quorum != 1 || len(p.Verifiers) != 2 ||
		p.RollbackRule != model.RollbackRequired || *p.MaxAgeUs != 86_400_000_000 ||
		!first.Critical || first.Direction != model.HigherIsBetter || *first.Limit != 900_000 || *first.LargestRegression != 5000 || first.LeastImprovement != nil ||
		second.Critical || second.Direction != model.LowerIsBetter || second.Limit != nil || *second.LeastImprovement != 0 {
		t.Errorf("%+v", p)
	}
	_, raw, err := model.NewPolicy(admin, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := model.OpenPolicy(raw); err != nil {
		t.Error(err)
	}
	for old, bad := range map[string]string{
		"quorum: 1":              "quorum: 3",
		"name: nightly\nring: 1": "ring: 0.5",
		"ring: 1\n":              "",
		"ring: 1":                "ring: 256",
		"suites: [held-out]":     "suites: []",
		"[held-out]":             "[no-such]",
		"[vera, victor]":         "[vera, vera]",
		"required":               "sometimes",
		"24h":                    "soon",
		"name:":                  "nome:",
		"loss_micro":             "accuracy_micro",
		"better: lower, ":        "",
		"at_least: 900000":       "at_least: 1, at_most: 2",
		"900000":                 "0.9",
		"5000":                   "-1",

		"at_least":                 "better: lower, at_least",
		"largest_regression: 5000": "largest_regression: ",
	} {
		if p, err := model.ParsePolicy([]byte(strings.Replace(policyText, old, bad, 1)), names); err == nil {
			t.Errorf("%s for %s: %+v", bad, old, p)
		}
	}
}

func TestParseRecipeAndSuite(t *testing.T) {
	r, err := model.ParseRecipe([]byte("code: linear\nlabel: test\nparams: {epochs: 5, deep: true, note: x}\n"), names)
	if err != nil || r.TrainCodeHash != object.SumText("code:linear") || r.BaseModel != model.FromScratch ||
		r.Hyperparams["label"] != "test" || r.Hyperparams["epochs"] != "5" || r.Hyperparams["deep"] != "true" || len(r.Hyperparams) != 4 {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = model.ParseRecipe([]byte(`{"code":"`+object.SumText("c").String()+`","base":"m"}`), model.Names{Hash: names.Hash})
	if err != nil || r.TrainCodeHash != object.SumText("c") || r.BaseModel != object.SumText("model:m") {
		t.Errorf("%+v, %v", r, err)
	}
	s, err := model.ParseSuite([]byte("code: linear\ntests: held\nlabel: test\nmetrics: [accuracy_micro]\n"), names)
	if err != nil || s.TestsManifest.CID != object.SumText("held") || s.Params["label"] != "test" || len(s.Metrics) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{"", "code: no-such", "code: linear\nparams: {a: 0.5}", "code: linear\nparams: {a: [1]}", "code: linear\nextra: 1", "code: linear\n---\ncode: linear", "[]"} {
		if _, err := model.ParseRecipe([]byte(bad), names); err == nil {
			t.Errorf("recipe %q is accepted", bad)
		}
	}
	for _, bad := range []string{"", "code: no-such\ntests: a", "tests: a\ncode: linear\nunknown: 1"} {
		if _, err := model.ParseSuite([]byte(bad), names); err == nil {
			t.Errorf("suite %q is accepted", bad)
		}
	}
}

func TestPolicyChecks(t *testing.T) {
	good := func() model.PolicyDef {
		return model.PolicyDef{Suites: []object.Hash{model.FromScratch}, Quorum: 1, Verifiers: []object.AgentID{vera.Agent()}, RollbackRule: 1,
			Thresholds: []model.Threshold{{Metric: "x", Direction: 1, Limit: ptr[int64](1)}}}
	}
	if _, _, err := model.NewPolicy(admin, good()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(p *model.PolicyDef){
		"no suite":         func(p *model.PolicyDef) { p.Suites = nil },
		"no verifier":      func(p *model.PolicyDef) { p.Verifiers = nil },
		"no quorum":        func(p *model.PolicyDef) { p.Quorum = 0 },
		"large quorum":     func(p *model.PolicyDef) { p.Quorum = 2 },
		"no rollback rule": func(p *model.PolicyDef) { p.RollbackRule = 0 },
		"rollback rule 3":  func(p *model.PolicyDef) { p.RollbackRule = 3 },
		"age 0":            func(p *model.PolicyDef) { p.MaxAgeUs = ptr[uint64](0) },
		"suite twice":      func(p *model.PolicyDef) { p.Suites = append(p.Suites, p.Suites[0]) },
		"metric twice":     func(p *model.PolicyDef) { p.Thresholds = append(p.Thresholds, p.Thresholds[0]) },
		"empty threshold":  func(p *model.PolicyDef) { p.Thresholds[0].Limit = nil },
		"direction 0":      func(p *model.PolicyDef) { p.Thresholds[0].Direction = 0 },
		"odd metric":       func(p *model.PolicyDef) { p.Thresholds[0].Metric = "Accuracy %" },
		"below 0":          func(p *model.PolicyDef) { p.Thresholds[0].LeastImprovement = ptr[int64](-1) },
		"same verifier by hint": func(p *model.PolicyDef) {
			other := vera.Agent()
			other.Hint = "somebody else"
			p.Verifiers = append(p.Verifiers, other)
		},
	} {
		p := good()
		spoil(&p)
		if _, _, err := model.NewPolicy(admin, p); !errors.Is(err, object.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
