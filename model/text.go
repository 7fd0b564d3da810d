package model

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/mythos-project/mythos/internal/strictyaml"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
)

// Names resolves the names in definitions. kind is "suite", "model", "code" (a tool, for the hash of its
// implementation), "dataset" or "agent". A hash, or for an agent a public key in hex, needs no resolving.
type Names struct {
	Hash     func(kind, name string) (object.Hash, error)
	Agent    func(name string) (object.AgentID, error)
	Manifest func(name string) (object.BlobRef, error) // a dataset's manifest
}

func (n Names) hash(kind, name string) (object.Hash, error) {
	if h, err := object.ParseHash(name); err == nil {
		return h, nil
	}
	if n.Hash == nil {
		return object.Hash{}, fmt.Errorf("%s %q is not a hash", kind, name)
	}
	h, err := n.Hash(kind, name)
	if err != nil {
		return object.Hash{}, fmt.Errorf("%s %q: %w", kind, name, err)
	}
	return h, nil
}

func (n Names) agent(name string) (object.AgentID, error) {
	if a, err := object.ParseKey(name); err == nil {
		return a, nil
	}
	if n.Agent == nil {
		return object.AgentID{}, fmt.Errorf("agent %q is not a public key", name)
	}
	return n.Agent(name)
}

const maxDefinition = 1 << 20 // bytes of a definition in YAML or JSON

// decodeText reads YAML or JSON and refuses unknown members.
func decodeText(text []byte, v any) error {
	if len(text) > maxDefinition {
		return fmt.Errorf("a definition of %d bytes is larger than %d", len(text), maxDefinition)
	}
	return strictyaml.Unmarshal(text, v)
}

// ParseRecipe reads a recipe in YAML or JSON (spec/learning.md#recipe-text):
//
//	code: linear            # a tool, or a hash
//	base: MODEL             # optional
//	label: test
//	params: {epochs: 5}     # text, numbers and booleans
func ParseRecipe(text []byte, names Names) (RecipeDef, error) {
	var t struct {
		Code   string         `yaml:"code"`
		Base   string         `yaml:"base"`
		Label  string         `yaml:"label"`
		Params map[string]any `yaml:"params"`
	}
	if err := decodeText(text, &t); err != nil {
		return RecipeDef{}, fmt.Errorf("recipe: %w", err)
	}
	r := RecipeDef{BaseModel: FromScratch}
	var err error
	if r.Hyperparams, err = paramsOf(t.Label, t.Params); err != nil {
		return r, fmt.Errorf("recipe: %w", err)
	}
	if r.TrainCodeHash, err = names.hash("code", t.Code); err != nil {
		return r, fmt.Errorf("recipe: %w", err)
	}
	if t.Base != "" {
		if r.BaseModel, err = names.hash("model", t.Base); err != nil {
			return r, fmt.Errorf("recipe: %w", err)
		}
	}
	return r, nil
}

// ParseSuite reads an evaluation suite in YAML or JSON (spec/learning.md#suite-text):
//
//	code: linear
//	tests: DATASET          # a manifest's cid, or its name
//	label: test
//	metrics: [accuracy_micro]
//	params: {}
func ParseSuite(text []byte, names Names) (EvalSuiteDef, error) {
	var t struct {
		Code    string         `yaml:"code"`
		Tests   string         `yaml:"tests"`
		Label   string         `yaml:"label"`
		Metrics []string       `yaml:"metrics"`
		Params  map[string]any `yaml:"params"`
	}
	if err := decodeText(text, &t); err != nil {
		return EvalSuiteDef{}, fmt.Errorf("suite: %w", err)
	}
	s := EvalSuiteDef{Metrics: t.Metrics}
	var err error
	if s.Params, err = paramsOf(t.Label, t.Params); err != nil {
		return s, fmt.Errorf("suite: %w", err)
	}
	if s.SuiteCodeHash, err = names.hash("code", t.Code); err != nil {
		return s, fmt.Errorf("suite: %w", err)
	}
	if names.Manifest == nil {
		return s, errors.New("suite: no datasets are known here")
	}
	if s.TestsManifest, err = names.Manifest(t.Tests); err != nil {
		return s, fmt.Errorf("suite: tests %q: %w", t.Tests, err)
	}
	return s, nil
}

func paramsOf(label string, params map[string]any) (map[string]string, error) {
	out := map[string]string{}
	for name, value := range params {
		switch v := value.(type) {
		case string, int, int64, uint64, bool:
			out[name] = fmt.Sprint(v)
		default:
			return nil, fmt.Errorf("parameter %s: expected text, a whole number or a boolean", name)
		}
	}
	if label != "" {
		out["label"] = label
	}
	return out, checkParams(out)
}

// whole is an integer. YAML itself would read 0.9 as 0, which must not happen to a threshold.
type whole int64

// UnmarshalYAML accepts only integers.
func (w *whole) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" {
		return fmt.Errorf("line %d: %q is not a whole number (metrics count millionths)", n.Line, n.Value)
	}
	return n.Decode((*int64)(w))
}

func (w *whole) number() *int64 { return (*int64)(w) }

type thresholdText struct {
	Metric      string `yaml:"metric"`
	AtLeast     *whole `yaml:"at_least"`
	AtMost      *whole `yaml:"at_most"`
	Better      string `yaml:"better"` // higher or lower, if neither limit implies it
	Regression  *whole `yaml:"largest_regression"`
	Improvement *whole `yaml:"least_improvement"`
	Critical    *bool  `yaml:"critical"`
}

// ParsePolicy reads a policy in YAML or JSON (spec/learning.md#policy-text). A threshold is critical by default; the
// default rollback rule is previous:
//
//	name: nightly
//	ring: 0
//	suites: [SUITE]
//	thresholds:
//	  - {metric: accuracy_micro, at_least: 900000, largest_regression: 5000}
//	  - {metric: loss_micro, better: lower, least_improvement: 0, critical: false}
//	quorum: 1
//	verifiers: [KEY]
//	rollback: required
//	max_age: 24h
//	keep: 3
//	imported: true
//
// NewPolicy makes a signed policy from the result.
func ParsePolicy(text []byte, names Names) (PolicyDef, error) {
	var t struct {
		Name       string          `yaml:"name"`
		Ring       *whole          `yaml:"ring"`
		Suites     []string        `yaml:"suites"`
		Thresholds []thresholdText `yaml:"thresholds"`
		Quorum     whole           `yaml:"quorum"`
		Verifiers  []string        `yaml:"verifiers"`
		Rollback   string          `yaml:"rollback"`
		MaxAge     string          `yaml:"max_age"`
		Keep       *whole          `yaml:"keep"`
		Imported   bool            `yaml:"imported"`
	}
	if err := decodeText(text, &t); err != nil {
		return PolicyDef{}, fmt.Errorf("policy: %w", err)
	}
	if t.Ring == nil {
		return PolicyDef{}, errors.New("policy: ring is missing: say for which ring it is, such as ring: 0")
	}
	if *t.Ring < 0 || *t.Ring > 255 || t.Quorum < 0 || t.Quorum > maxPolicyList {
		return PolicyDef{}, fmt.Errorf("policy: ring %d or quorum %d is out of range", *t.Ring, t.Quorum)
	}
	p := PolicyDef{Ring: uint8(*t.Ring), Quorum: uint16(t.Quorum), Thresholds: []Threshold{}, Imported: t.Imported}
	if t.Name != "" {
		p.Name = &t.Name
	}
	if t.Keep != nil {
		if *t.Keep < 1 || *t.Keep > 1<<16-1 {
			return p, fmt.Errorf("policy: keep is %d, expected 1 to %d", *t.Keep, 1<<16-1)
		}
		keep := uint16(*t.Keep)
		p.KeepModels = &keep
	}
	if err := p.lists(names, t.Suites, t.Verifiers, t.Thresholds); err != nil {
		return p, fmt.Errorf("policy: %w", err)
	}
	err := p.rules(t.Rollback, t.MaxAge)
	if err == nil {
		err = p.Check()
	}
	if err != nil {
		return p, fmt.Errorf("policy: %w", err)
	}
	return p, nil
}

// lists reads the suites, the verifiers and the thresholds.
func (p *PolicyDef) lists(names Names, suites, verifiers []string, thresholds []thresholdText) error {
	for _, name := range suites {
		h, err := names.hash("suite", name)
		if err != nil {
			return err
		}
		p.Suites = append(p.Suites, h)
	}
	for _, name := range verifiers {
		a, err := names.agent(name)
		if err != nil {
			return fmt.Errorf("verifier: %w", err)
		}
		p.Verifiers = append(p.Verifiers, a)
	}
	for _, text := range thresholds {
		threshold, err := text.threshold()
		if err != nil {
			return fmt.Errorf("metric %s: %w", text.Metric, err)
		}
		p.Thresholds = append(p.Thresholds, threshold)
	}
	return nil
}

// rules reads the rollback rule and the largest age.
func (p *PolicyDef) rules(rollback, maxAge string) error {
	switch rollback {
	case "", "previous":
		p.RollbackRule = RollbackPrevious
	case "required":
		p.RollbackRule = RollbackRequired
	default:
		return fmt.Errorf("rollback is %q, expected previous or required", rollback)
	}
	if maxAge == "" {
		return nil
	}
	d, err := units.ParseSpan(maxAge)
	if err != nil || d <= 0 {
		return fmt.Errorf("max_age is %q, expected a duration such as 24h", maxAge)
	}
	us := uint64(d.Microseconds())
	p.MaxAgeUs = &us
	return nil
}

func (t thresholdText) threshold() (Threshold, error) {
	out := Threshold{Metric: t.Metric, LargestRegression: t.Regression.number(), LeastImprovement: t.Improvement.number(), Critical: t.Critical == nil || *t.Critical}
	switch {
	case t.AtLeast != nil && t.AtMost != nil:
		return out, errors.New("at_least and at_most exclude each other")
	case t.AtLeast != nil && t.Better != "lower":
		out.Direction, out.Limit = HigherIsBetter, t.AtLeast.number()
	case t.AtMost != nil && t.Better != "higher":
		out.Direction, out.Limit = LowerIsBetter, t.AtMost.number()
	case t.AtLeast != nil || t.AtMost != nil:
		return out, errors.New("the limit contradicts which direction is better")
	case t.Better == "higher":
		out.Direction = HigherIsBetter
	case t.Better == "lower":
		out.Direction = LowerIsBetter
	default:
		return out, errors.New("better is higher or lower")
	}
	return out, out.Check()
}
