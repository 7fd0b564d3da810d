package judge

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

// TestConditionsFailAlone breaks one thing at a time: exactly the corresponding condition must fail, and say why.
func TestConditionsFailAlone(t *testing.T) {
	type edit = func(s *scene, e *Evidence)
	cases := []struct {
		name string
		set  func(s *scene) // before the evidence is made
		edit edit           // after
		want string         // the conditions that fail
		why  string         // part of the reason
	}{
		{name: "all hold"},
		{name: "all hold over a model in the ring", set: func(s *scene) { s.current = map[string]int64{"accuracy_micro": 955_000, "loss_micro": 40_000} }},
		{name: "all hold in ring 1", set: func(s *scene) { s.ring = 1; below := s.policy; s.below = &below }},
		{name: "fallback", set: func(s *scene) { s.parent = true; s.policy.RollbackRule = model.RollbackRequired }},

		{name: "no model", edit: func(_ *scene, e *Evidence) { e.Model.Raw = nil }, want: "complete ", why: "is not here"},
		{name: "weights missing", edit: func(_ *scene, e *Evidence) { e.Model.Blobs[0].Problem = "no such blob" }, want: "complete ", why: "weights"},
		{name: "config damaged", edit: func(_ *scene, e *Evidence) { e.Model.Blobs[1].Problem = "chunk 0 has another hash" }, want: "complete ", why: "config"},
		{name: "weights not looked for", edit: func(_ *scene, e *Evidence) { e.Model.Blobs = e.Model.Blobs[1:] }, want: "complete ", why: "not looked for"},
		{name: "other weights", edit: func(_ *scene, e *Evidence) { e.Model.Blobs[0].CID = object.SumText("other") }, want: "complete ", why: "not looked for"},
		{name: "model of another id", edit: func(s *scene, e *Evidence) { e.Model.Raw = s.model("other", nil).Raw }, want: "complete ", why: "does not verify"},

		{name: "no training", edit: func(_ *scene, e *Evidence) { e.Trainings = nil }, want: "trained ", why: "no receipt"},
		{name: "training of another model", edit: func(s *scene, e *Evidence) { e.Trainings = []Effect{s.training(s.model("other", nil))} }, want: "trained ", why: "another model"},
		{name: "training by a stranger", edit: func(s *scene, e *Evidence) { s.receipts = stranger; e.Trainings = []Effect{s.training(e.Model)} }, want: "trained ", why: "stranger"},
		{name: "training with another response", edit: func(_ *scene, e *Evidence) { e.Trainings[0].Response = append(e.Trainings[0].Response, 0) }, want: "trained ", why: "response"},
		{name: "training receipt of another tool", edit: func(s *scene, e *Evidence) {
			r := must(object.Decode[model.TrainResult](e.Trainings[0].Response))(s.t)
			e.Trainings[0] = effectOf(s.t, executor, object.SumText("tool:liar"), 200, marshal(s.t, &r.Job), e.Trainings[0].Response)
		}, want: "trained ", why: "another tool"},
		{name: "training that failed", edit: func(s *scene, e *Evidence) {
			r := must(object.Decode[model.TrainResult](e.Trainings[0].Response))(s.t)
			e.Trainings[0] = effectOf(s.t, executor, model.TrainTool, 500, marshal(s.t, &r.Job), e.Trainings[0].Response)
		}, want: "trained ", why: "status 500"},
		{name: "training of another job", edit: func(s *scene, e *Evidence) {
			e.Trainings[0] = effectOf(s.t, executor, model.TrainTool, 200, []byte("another request"), e.Trainings[0].Response)
		}, want: "trained ", why: "another job"},

		{name: "no EvalPass", edit: func(_ *scene, e *Evidence) { e.Attestations = slices.Delete(e.Attestations, 1, 2) }, want: "evaluated ", why: "no EvalPass"},
		{name: "EvalPass by a stranger", edit: func(s *scene, e *Evidence) {
			e.Attestations[1] = s.attest(stranger, model.ClaimEvalPass, 0, noon, s.ids.suite, s.ids.report)
		}, want: "evaluated ", why: "stranger"},
		{name: "EvalPass that is too old", edit: func(s *scene, e *Evidence) {
			e.Attestations[1] = s.attest(vera, model.ClaimEvalPass, 0, noon-2*3_600_000_000, s.ids.suite, s.ids.report)
		}, want: "evaluated ", why: "older than 1h"},
		{name: "EvalPass from the future", edit: func(s *scene, e *Evidence) {
			e.Attestations[1] = s.attest(vera, model.ClaimEvalPass, 0, noon+3_600_000_000, s.ids.suite, s.ids.report)
		}, want: "evaluated ", why: "no EvalPass"},
		{name: "EvalPass without its suite", edit: func(s *scene, e *Evidence) {
			e.Attestations[1] = s.attest(vera, model.ClaimEvalPass, 0, noon, s.ids.report)
		}, want: "evaluated ", why: "does not name"},
		{name: "EvalPass on another report", edit: func(s *scene, e *Evidence) {
			e.Attestations[1] = s.attest(vera, model.ClaimEvalPass, 0, noon, s.ids.suite, object.SumText("no report"))
		}, want: "evaluated ", why: "does not name"},
		{name: "EvalPass that says no", edit: func(s *scene, e *Evidence) {
			e.Attestations[1] = s.attest(vera, model.ClaimEvalPass, 7, noon, s.ids.suite, s.ids.report)
		}, want: "evaluated ", why: "fails (7)"},
		{name: "a later verdict against it", edit: func(s *scene, e *Evidence) {
			e.Attestations = append(e.Attestations, s.attest(vera, model.ClaimEvalPass, 7, noon+1, s.ids.suite, s.ids.report))
		}, want: "evaluated ", why: "fails (7)"},
		{name: "a trusted verdict against it", edit: func(s *scene, e *Evidence) {
			e.Attestations = append(e.Attestations, s.attest(wanda, model.ClaimEvalPass, 7, noon, s.ids.suite))
		}, want: "evaluated ", why: "fails (7)"},
		{name: "a stranger's verdict against it", edit: func(s *scene, e *Evidence) {
			e.Attestations = append(e.Attestations, s.attest(stranger, model.ClaimEvalPass, 7, noon, s.ids.suite))
		}},
		{name: "an earlier verdict against it", edit: func(s *scene, e *Evidence) {
			e.Attestations = append(e.Attestations, s.attest(vera, model.ClaimEvalPass, 7, noon-1, s.ids.suite, s.ids.report))
		}},
		{name: "evaluation by a stranger", edit: func(s *scene, e *Evidence) {
			s.receipts = stranger
			e.Evaluations = []Effect{s.evaluation(s.ids.model, s.metrics)}
		}, want: "evaluated metrics ", why: "no EvalPass"},
		{name: "report with better numbers", edit: func(s *scene, e *Evidence) {
			r := must(object.Decode[model.EvalReport](e.Reports[0]))(s.t)
			r.Metrics["accuracy_micro"] = 999_999
			id, raw, err := model.NewReport(*r)
			e.Reports = [][]byte{must(raw, err)(s.t)}
			e.Attestations[0] = s.attest(vera, model.ClaimEvalMetric, 0, noon, id)
			e.Attestations[1] = s.attest(vera, model.ClaimEvalPass, 0, noon, s.ids.suite, id)
		}, want: "evaluated metrics ", why: "no EvalPass"},

		{name: "below the limit", set: func(s *scene) { s.metrics["accuracy_micro"] = 899_999 }, want: "metrics ", why: "at least 900000"},
		{name: "above the limit", set: func(s *scene) { s.metrics["loss_micro"] = 100_001 }, want: "metrics ", why: "at most 100000"},
		{name: "at the limit", set: func(s *scene) { s.metrics["accuracy_micro"] = 900_000; s.metrics["loss_micro"] = 100_000 }},
		{name: "regression", set: func(s *scene) { s.current = map[string]int64{"accuracy_micro": 960_001, "loss_micro": 40_000} }, want: "metrics ", why: "worse by 10001"},
		{name: "regression just allowed", set: func(s *scene) { s.current = map[string]int64{"accuracy_micro": 960_000, "loss_micro": 40_000} }},
		{name: "no improvement", set: func(s *scene) { s.current = map[string]int64{"accuracy_micro": 950_000, "loss_micro": 39_999} }, want: "metrics ", why: "improvement"},
		{name: "nothing to compare with", set: func(s *scene) { s.current = map[string]int64{"accuracy_micro": 950_000} }, want: "metrics ", why: "to compare with"},
		{name: "an advisory threshold", set: func(s *scene) { s.metrics["loss_micro"] = 100_001; s.policy.Thresholds[1].Critical = false }},
		{name: "no EvalMetric", edit: func(_ *scene, e *Evidence) { e.Attestations = e.Attestations[1:] }, want: "metrics ", why: "no EvalMetric"},
		{name: "EvalMetric by a stranger", edit: func(s *scene, e *Evidence) {
			e.Attestations[0] = s.attest(stranger, model.ClaimEvalMetric, 0, noon, s.ids.report)
		}, want: "metrics ", why: "stranger"},
		{name: "EvalMetric that says no", edit: func(s *scene, e *Evidence) {
			e.Attestations[0] = s.attest(vera, model.ClaimEvalMetric, 2, noon, s.ids.report)
		}, want: "metrics ", why: "says no (2)"},
		{name: "a worse evaluation beside it", edit: func(s *scene, e *Evidence) {
			e.Evaluations = append(e.Evaluations, s.evaluation(s.ids.model, map[string]int64{"accuracy_micro": 1, "loss_micro": 1}))
		}, want: "metrics ", why: "is 1,"},
		{name: "suite is not here", edit: func(_ *scene, e *Evidence) { e.Suites = nil }, want: "metrics ", why: "is not here"},
		{name: "metric that no suite declares", set: func(s *scene) { s.policy.Thresholds[0].Metric = "speed" }, want: "metrics ", why: "no required suite declares"},

		{name: "one sign-off short", edit: func(_ *scene, e *Evidence) { e.Attestations = e.Attestations[:3] }, want: "quorum ", why: "2 sign-offs needed, 1"},
		{name: "the same verifier twice", edit: func(s *scene, e *Evidence) {
			e.Attestations[3] = s.attest(vera, model.ClaimQuorumSignoff, 0, noon+1, s.ids.policy)
		}, want: "quorum ", why: "1 signed off"},
		{name: "sign-off by a stranger", edit: func(s *scene, e *Evidence) {
			e.Attestations[3] = s.attest(stranger, model.ClaimQuorumSignoff, 0, noon, s.ids.policy)
		}, want: "quorum ", why: "stranger"},
		{name: "sign-off of another policy", edit: func(s *scene, e *Evidence) {
			e.Attestations[3] = s.attest(victor, model.ClaimQuorumSignoff, 0, noon, object.SumText("yesterday's"))
		}, want: "quorum ", why: "1 signed off"},
		{name: "sign-off withdrawn", edit: func(s *scene, e *Evidence) {
			e.Attestations = append(e.Attestations, s.attest(victor, model.ClaimQuorumSignoff, 1, noon+1, s.ids.policy))
		}, want: "quorum ", why: "says no (1)"},
		{name: "sign-off of another model", edit: func(s *scene, e *Evidence) {
			e.Attestations[3] = must2(model.NewAttestation(victor, model.Attestation{SubjectHash: object.SumText("other"), ClaimType: model.ClaimQuorumSignoff, Evidence: []object.Hash{s.ids.policy}, TimeObserved: noon}))(s.t)
		}, want: "quorum ", why: "1 signed off"},
		{name: "sign-off with a broken signature", edit: func(_ *scene, e *Evidence) {
			e.Attestations[3] = bytes.Clone(e.Attestations[3])
			e.Attestations[3][len(e.Attestations[3])-1] ^= 1
		}, want: "quorum ", why: "1 signed off"},

		{name: "no policy in force", edit: func(_ *scene, e *Evidence) { e.RingPolicy = nil }, want: "ring ", why: "no policy in force"},
		{name: "yesterday's policy", edit: func(_ *scene, e *Evidence) { e.RingPolicy = ptr(object.SumText("today's")) }, want: "ring ", why: "is not in force"},
		{name: "another ring's policy", edit: func(_ *scene, e *Evidence) { e.Ring = 3; e.Below = &e.Model.ID; e.BelowPolicy = nil }, want: "ring ", why: "is for ring 0, not 3"},
		{name: "ring below is empty", set: func(s *scene) { s.ring = 1; below := s.policy; s.below = &below }, edit: func(_ *scene, e *Evidence) { e.Below = nil }, want: "ring ", why: "which is empty"},
		{name: "ring below has another", set: func(s *scene) { s.ring = 1; below := s.policy; s.below = &below }, edit: func(_ *scene, e *Evidence) { e.Below = ptr(object.SumText("other")) }, want: "ring ", why: "takes only the model of ring 0"},
		{name: "ring below has no policy", set: func(s *scene) { s.ring = 1; below := s.policy; s.below = &below }, edit: func(_ *scene, e *Evidence) { e.BelowPolicy = nil }, want: "ring ", why: "no policy in force to compare"},
		{name: "less strict than below", set: func(s *scene) {
			s.ring = 1
			below := s.policy
			below.Quorum = 3
			s.below = &below
		}, want: "ring ", why: "less strict"},
		{name: "already there", set: func(s *scene) { s.current = map[string]int64{"accuracy_micro": 950_000, "loss_micro": 40_000} }, edit: func(s *scene, e *Evidence) {
			e.Current = &e.Model
		}, want: "ring ", why: "already"},
		{name: "rollback model missing", set: func(s *scene) { s.current = map[string]int64{"accuracy_micro": 950_000, "loss_micro": 40_000} }, edit: func(_ *scene, e *Evidence) {
			e.Current.Blobs[0].Problem = "no such blob"
		}, want: "ring ", why: "rollback model"},
		{name: "no fallback", set: func(s *scene) { s.policy.RollbackRule = model.RollbackRequired }, want: "ring ", why: "no rollback model"},
		{name: "fallback missing", set: func(s *scene) { s.policy.RollbackRule = model.RollbackRequired; s.parent = true }, edit: func(_ *scene, e *Evidence) {
			e.Parent.Raw = nil
		}, want: "ring ", why: "rollback model"},

		{name: "policy by a stranger", set: func(s *scene) { s.policyKey = stranger }, want: "evaluated metrics quorum ring ", why: "not trusted for policies"},
		{name: "no policy", edit: func(_ *scene, e *Evidence) { e.Policy = nil }, want: "evaluated metrics quorum ring ", why: "is not here"},
		{name: "another policy's bytes", edit: func(s *scene, e *Evidence) { e.PolicyID = object.SumText("other") }, want: "evaluated metrics quorum ring ", why: "id is"},
		{name: "nobody is trusted", edit: func(_ *scene, e *Evidence) { e.Trust = model.Trust{} }, want: "trained evaluated metrics quorum ring ", why: "not trusted"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			if c.set != nil {
				c.set(s)
			}
			s.edit = c.edit
			got := Evaluate(s.make())
			if failed(got) != c.want {
				t.Fatalf("failed: %q, expected %q\n%s", failed(got), c.want, whys(got))
			}
			if first, ok := Failed(got); ok && !strings.Contains(first.Why, c.why) {
				t.Errorf("%s: %q, expected %q", first.Name, first.Why, c.why)
			}
			for i, cond := range got {
				if cond.Name != Conditions[i] || cond.Why == "" || cond.Evidence == nil || (cond.Holds && len(cond.Evidence) == 0) {
					t.Errorf("condition %d: %+v", i, cond)
				}
			}
		})
	}
}

func TestEvaluateDoesNotDependOnOrder(t *testing.T) {
	s := newScene(t)
	s.current = map[string]int64{"accuracy_micro": 950_000, "loss_micro": 40_000}
	e := s.make()
	want := Evaluate(e)
	slices.Reverse(e.Attestations)
	slices.Reverse(e.Evaluations)
	if got := Evaluate(e); !reflect.DeepEqual(got, want) {
		t.Errorf("%s\n%s", whys(got), whys(want))
	}
}

// TestEveryByteOfAnAttestation flips every single bit, and cuts off the end: no result is a valid attestation.
func TestEveryByteOfAnAttestation(t *testing.T) {
	notes := "it passed"
	_, raw, err := model.NewAttestation(vera, model.Attestation{SubjectHash: object.SumText("model"), ClaimType: model.ClaimEvalPass, Evidence: []object.Hash{object.SumText("suite")}, TimeObserved: noon, Notes: &notes})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := model.OpenAttestation(raw); err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for bit := range 8 {
			bad := bytes.Clone(raw)
			bad[i] ^= 1 << bit
			if _, _, err := model.OpenAttestation(bad); err == nil {
				t.Fatalf("byte %d, bit %d: accepted", i, bit)
			}
		}
		if _, _, err := model.OpenAttestation(raw[:i]); err == nil {
			t.Fatalf("the first %d bytes: accepted", i)
		}
	}
}

func TestOpenAttestations(t *testing.T) {
	s := newScene(t)
	e := s.make()
	var raws [][]byte
	for i := range 40 {
		raw := bytes.Clone(e.Attestations[i%len(e.Attestations)])
		if i%7 == 3 {
			raw[len(raw)/2] ^= 1
		}
		raws = append(raws, raw)
	}
	opened, errs := model.OpenAttestations(raws)
	for i := range raws {
		if want := i%7 == 3; (errs[i] != nil) != want || (opened[i].Attestation == nil) != want {
			t.Errorf("attestation %d: %v", i, errs[i])
		}
	}
	if opened, errs := model.OpenAttestations(nil); len(opened) != 0 || len(errs) != 0 {
		t.Error("something was made of nothing")
	}
}
