package model

import (
	"bytes"
	"errors"
	"testing"

	"github.com/mythos-project/mythos/object"
)

// FuzzDefinitions: recipes, suites and policies that are read hold their own checks.
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

// FuzzResponses: a response of a tool that is taken has the weights that it announces.
func FuzzResponses(f *testing.F) {
	f.Add([]byte("{\"op\":\"train\",\"format\":\"f\",\"weights_bytes\":1,\"weights_sha256\":\"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\",\"metrics\":{}}\na"))
	f.Add([]byte("{\"op\":\"eval\",\"examples\":1,\"metrics\":{\"accuracy_micro\":1}}\n"))
	f.Add([]byte("{\"op\":\"eval\",\"examples\":1,\"metrics\":{\"a\":1,\"a\":2}}\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, weights, err := ParseTrainResponse(body)
		if err == nil && (r.WeightsBytes != int64(len(weights)) || !bytes.HasSuffix(body, weights)) {
			t.Fatalf("%+v", r)
		}
		_, _ = ParseEvalResponse(body)
		ParseProgress(string(body))
	})
}

// FuzzSigned: nothing that nobody signed is taken for an attestation, a policy, a promotion or
// a hold.
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
