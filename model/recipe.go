package model

import (
	"errors"
	"fmt"
	"sync"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
)

// FromScratch is the base_model of a recipe without one: the hash of the empty byte string.
var FromScratch = object.Sum(nil)

const (
	maxParams    = 256     // entries of a parameter map
	maxParamText = 8 << 10 // bytes of one value
)

// RecipeDef says how a model is trained: from which model, by which code, with
// which parameters.
type RecipeDef struct {
	RecipeID      object.Hash       `can:"1,recipe_id"`
	BaseModel     object.Hash       `can:"2,base_model"`      // SHA-256 of the empty string: none
	TrainCodeHash object.Hash       `can:"3,train_code_hash"` // of the module's bytes, or another name of the code
	Hyperparams   map[string]string `can:"4,hyperparams"`     // "label" is the value to predict; the rest goes to the code unchanged
}

// RecipeRule leaves out the recipe's own id.
var RecipeRule = object.Rule{Mask: can.Mask{1: nil}, IDField: 1}

// Check bounds the parameters [field-30].
func (r RecipeDef) Check() error { return checkParams(r.Hyperparams) }

// NewRecipe fills in the id and encodes.
func NewRecipe(r RecipeDef) (object.Hash, []byte, error) {
	if r.Hyperparams == nil {
		r.Hyperparams = map[string]string{}
	}
	return seal(RecipeRule, &r, &r.RecipeID)
}

// EvalSuiteDef says how a model is measured: by which code, on which held-out episodes, with which metrics.
type EvalSuiteDef struct {
	SuiteID       object.Hash       `can:"1,suite_id"`
	SuiteCodeHash object.Hash       `can:"2,suite_code_hash"`
	TestsManifest object.BlobRef    `can:"3,tests_manifest"`  // a dataset's manifest
	Metrics       []string          `can:"4,metrics"`         // metrics that every report of the suite must have
	Params        map[string]string `can:"5,params,optional"` // our addition: like a recipe's, so that no model chooses its own test
}

// SuiteRule leaves out the suite's own id.
var SuiteRule = object.Rule{Mask: can.Mask{1: nil}, IDField: 1}

// Check requires at least one metric and refuses repeated names [field-31].
func (s EvalSuiteDef) Check() error {
	if len(s.Metrics) == 0 || len(s.Metrics) > maxParams {
		return fmt.Errorf("a suite has 1 to %d metrics, not %d", maxParams, len(s.Metrics))
	}
	seen := map[string]bool{}
	for _, name := range s.Metrics {
		if err := checkMetric(name); err != nil {
			return err
		}
		if seen[name] {
			return fmt.Errorf("metric %q is named twice", name)
		}
		seen[name] = true
	}
	return checkParams(s.Params)
}

// ErrNoTests means that a suite has no test episodes.
var ErrNoTests = errors.New("its tests hold no episode: check the dataset's query")

// noEpisodes is the manifest of a dataset without episodes.
var noEpisodes = sync.OnceValues(func() (merkle.Root, error) { return merkle.ListRoot(nil) })

// Empty reports whether the suite has no test episodes. Such a suite can be read, but no model passes it.
func (s EvalSuiteDef) Empty() bool {
	root, err := noEpisodes()
	return err == nil && s.TestsManifest.CID == root.CID
}

// EvalSuiteID computes the id of a new suite.
func EvalSuiteID(s EvalSuiteDef) (object.Hash, error) { return SuiteRule.IDOf(&s) }

// NewSuite fills in the id and encodes. The error wraps ErrNoTests for a suite without
// episodes.
func NewSuite(s EvalSuiteDef) (object.Hash, []byte, error) {
	if s.Empty() {
		return object.Hash{}, nil, fmt.Errorf("suite: %w", ErrNoTests)
	}
	return seal(SuiteRule, &s, &s.SuiteID)
}

// seal computes the id of v, stores it through id, which points into v, checks
// v's field rules and encodes.
func seal(rule object.Rule, v any, id *object.Hash) (object.Hash, []byte, error) {
	h, err := rule.IDOf(v)
	if err != nil {
		return object.Hash{}, nil, err
	}
	*id = h
	if err := can.Check(v); err != nil {
		return object.Hash{}, nil, err
	}
	raw, err := can.Marshal(v)
	return h, raw, err
}

func checkParams(params map[string]string) error {
	if len(params) > maxParams {
		return fmt.Errorf("%d parameters, at most %d", len(params), maxParams)
	}
	for name, value := range params {
		if name == "" || len(name) > 64 || len(value) > maxParamText {
			return fmt.Errorf("parameter %q: a name has 1 to 64 bytes and a value at most %d", name, maxParamText)
		}
	}
	return nil
}

func checkMetric(name string) error {
	if name == "" || len(name) > 64 {
		return errors.New("a metric's name has 1 to 64 bytes")
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return fmt.Errorf("metric %q: a name is made of a to z, 0 to 9 and _", name)
		}
	}
	return nil
}
