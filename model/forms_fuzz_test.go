package model

import (
	"errors"
	"testing"

	"github.com/mythos-project/mythos/object"
)

// FuzzDefinitions: recipes, suites and policies that parse pass their own checks.
func FuzzDefinitions(f *testing.F) {
	for _, s := range []string{
		"code: linear\nlabel: test\nparams: {epochs: 5}\n",
		"code: linear\ntests: d\nlabel: test\nmetrics: [accuracy_micro]\n",
		"name: n\nring: 0\nsuites: [s]\nthresholds:\n  - {metric: accuracy_micro, at_least: 900000}\nquorum: 1\nverifiers: [k]\nmax_age: 24h\n",
		"ring: 0.9\n", "ring: 0\nring: 1\n", "ring: 0\n---\nring: 1\n", "{\"ring\":0,\"max_age\":null}",
	} {
		f.Add([]byte(s))
	}
	names := Names{
		Hash:     func(kind, name string) (object.Hash, error) { return object.SumText(kind + name), nil },
		Agent:    func(string) (object.AgentID, error) { return object.AgentID{Key: [32]byte{1}}, nil },
		Manifest: func(string) (object.BlobRef, error) { return object.BlobRef{}, errors.New("none") },
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := ParseRecipe(text, names); err == nil {
			if err := checkParams(r.Hyperparams); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = ParseSuite(text, names)
		if p, err := ParsePolicy(text, names); err == nil {
			if err := p.Check(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzSigned: unsigned data is never accepted as an attestation, a policy, a promotion or a hold.
func FuzzSigned(f *testing.F) {
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, _, err1 := OpenAttestation(raw)
		_, _, err2 := OpenPolicy(raw)
		_, _, err3 := OpenPromotion(raw)
		_, _, err4 := OpenHold(raw)
		for i, err := range []error{err1, err2, err3, err4} {
			if err == nil {
				t.Fatalf("%d: a forgery is taken", i)
			}
		}
		_, _, _ = OpenReport(raw)
		_, _, _ = OpenIndexState(raw)
		_, _, _, _ = OpenTrainResult(raw)
		_, _, _ = OpenEvalResult(raw)
	})
}
