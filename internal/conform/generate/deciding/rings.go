package deciding

import (
	"encoding/hex"
	"encoding/json"

	"github.com/mythos-project/mythos/internal/conform/generate/vector"
	"github.com/mythos-project/mythos/internal/conform/golden"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// ringScene is three models that meet a policy's conditions, and decisions about rings 0 and 1.
type ringScene struct {
	objects map[string][]string
	effects []vector.Fields
	blobs   []string
	steps   []vector.Fields
	models  map[string]object.Hash
	suite   object.Hash
	policy  map[string]object.Hash
	at      int64
}

// policyAt is a policy for ring 0, signed at a time after the start.
func (r *ringScene) policyAt(name string, by sign.Signer, after int64) {
	p := model.PolicyDef{Name: &name, Suites: []object.Hash{r.suite}, Quorum: 1, Verifiers: []object.AgentID{vector.Bob.Agent()}, RollbackRule: model.RollbackPrevious, TimeObserved: object.Time(vector.Start + after),
		Thresholds: []model.Threshold{{Metric: "accuracy_micro", Direction: model.HigherIsBetter, Limit: vector.Ptr(int64(900_000)), Critical: true}}, Signer: by.Agent()}
	id, raw, err := model.NewPolicy(by, p)
	r.add("PolicyDef", vector.Must(raw, err))
	r.policy[name] = id
}

func (r *ringScene) add(kind string, raw []byte) {
	r.objects[kind] = append(r.objects[kind], vector.Hex(raw))
}

func newRings() *ringScene {
	r := &ringScene{objects: map[string][]string{}, models: map[string]object.Hash{}, policy: map[string]object.Hash{}, at: vector.Start + vector.Minute}
	suite, raw, err := model.NewSuite(model.EvalSuiteDef{SuiteCodeHash: object.SumText("code"), TestsManifest: blobNamed("tests"), Metrics: []string{"accuracy_micro"}})
	r.add("EvalSuiteDef", vector.Must(raw, err))
	r.suite = suite
	r.policyAt("first", vector.Alice, 0)
	r.policyAt("second", vector.Alice, 1)
	for _, name := range []string{"a", "b", "c"} {
		r.model(name, nil)
	}
	return r
}

// model is a trained, evaluated, attested and signed-off model.
func (r *ringScene) model(name string, parent *object.Hash) {
	p := &promotionScene{executor: vector.Bob, suite: r.suite}
	ref, id, state := p.ref(name, parent)
	p.model, r.models[name] = id, id
	r.objects["ModelRef"] = append(r.objects["ModelRef"], state["raw"].(string))
	r.blobs = append(r.blobs, "weights "+name, "config "+name)
	trained := model.TrainResult{Job: model.TrainJob{RecipeID: object.SumText("recipe"), DatasetDef: object.SumText("def"), Manifest: object.SumText("manifest"), MaxTokens: 9},
		Model: ref, Metrics: map[string]int64{}, Examples: 3, ToolRequest: object.SumText("q"), ToolResponse: object.SumText("a")}
	training, _ := p.effect(model.TrainTool, 200, &trained.Job, &trained)
	metrics := map[string]int64{"accuracy_micro": 950_000}
	evaluation, receipt := p.evaluation(id, metrics)
	r.effects = append(r.effects, training, evaluation)
	reportID, report, err := model.NewReport(model.EvalReport{ModelID: id, SuiteID: r.suite, Metrics: metrics, ReceiptID: receipt})
	r.add("EvalReport", vector.Must(report, err))
	r.objects["Attestation"] = append(r.objects["Attestation"], p.attest(vector.Bob, model.ClaimEvalMetric, 0, 0, reportID), p.attest(vector.Bob, model.ClaimEvalPass, 0, 0, r.suite, reportID),
		p.attest(vector.Bob, model.ClaimQuorumSignoff, 0, 0, r.policy["first"]), p.attest(vector.Bob, model.ClaimQuorumSignoff, 0, 0, r.policy["second"]))
}

func (r *ringScene) in() vector.Fields {
	key := func(s *sign.Key) []string { return []string{s.Agent().KeyHex()} }
	return vector.Fields{"trusted_for_receipts": key(vector.Bob), "trusted_to_attest": key(vector.Bob), "trusted_for_policies": key(vector.Alice),
		"objects": r.objects, "effects": r.effects, "blobs": r.blobs, "steps": r.steps}
}

// do adds a step and returns the id of the decision; nil if it was refused.
func (r *ringScene) do(as, what string, request any) *object.Hash {
	r.at++
	kind := map[string]string{"policy": "PolicyRequest", "promote": "PromoteRequest", "rollback": "RollbackRequest", "freeze": "HoldRequest", "thaw": "HoldRequest"}[what]
	r.steps = append(r.steps, vector.Fields{"as": as, "at_us": r.at, what: vector.View(kind, request)})
	in := vector.Must(json.Marshal(r.in()))
	var out struct{ Steps []struct{ Response string } }
	vector.Must(0, json.Unmarshal(vector.Must(golden.Compute("rings", in)), &out))
	raw := vector.Must(hex.DecodeString(out.Steps[len(out.Steps)-1].Response))
	if len(raw) == 0 {
		return nil
	}
	var id object.Hash
	switch what {
	case "policy":
		return &vector.Must(object.Decode[model.PolicyState](raw)).PolicyID
	case "freeze", "thaw":
		_, id, _ = model.OpenHold(raw)
	default:
		_, id, _ = model.OpenPromotion(raw)
	}
	return &id
}

func (r *ringScene) inForce(name string, after *object.Hash) *object.Hash {
	return r.do("alice", "policy", &model.PolicyRequest{PolicyID: r.policy[name], After: after})
}

func (r *ringScene) promote(name string, after *object.Hash) *object.Hash {
	return r.do("alice", "promote", &model.PromoteRequest{ModelID: r.models[name], PolicyID: r.policy["first"], After: after})
}

func (r *ringScene) rollback(as, policy string, record *object.Hash) *object.Hash {
	return r.do(as, "rollback", &model.RollbackRequest{PolicyID: r.policy[policy], Record: *record, Reason: "it answers in the wrong language"})
}

func (r *ringScene) hold(as, what, reason string, after *object.Hash) *object.Hash {
	return r.do(as, what, &model.HoldRequest{Reason: reason, After: after})
}

// Rings are histories of rings: promotions, rollbacks, holds and policies.
func Rings() *vector.Set {
	s := &vector.Set{Class: "rings", About: "what is decided about ring 0, one after the other: policies, promotions, rollbacks, freezes and thaws"}
	show := func(id string, steps func(r *ringScene)) {
		r := newRings()
		r.inForce("first", nil)
		steps(r)
		s.Add(id, r.in())
	}
	ringRollbacks(show)
	ringHolds(show)
	ringPolicies(show)
	return s
}

func ringRollbacks(show func(string, func(*ringScene))) {
	show("rollback: three promotions, undone one after the other", func(r *ringScene) {
		one := r.promote("a", nil)
		two := r.promote("b", one)
		three := r.promote("c", two)
		back := r.rollback("alice", "first", three)
		back = r.rollback("alice", "first", back)
		r.rollback("alice", "first", back)
	})
	show("rollback: a promotion after it goes on from what it restored", func(r *ringScene) {
		one := r.promote("a", nil)
		back := r.rollback("alice", "first", r.promote("b", one))
		r.rollback("alice", "first", r.promote("c", back))
	})
	show("rollback: the model's parent, where nothing was in the ring", func(r *ringScene) {
		r.model("child", vector.Ptr(r.models["a"]))
		r.rollback("alice", "first", r.promote("child", nil))
	})
	show("rollback: of a record that is not the newest", func(r *ringScene) {
		one := r.promote("a", nil)
		r.promote("b", one)
		r.rollback("alice", "first", one)
	})
	show("rollback: asked again by the same agent, and by another one", func(r *ringScene) {
		two := r.promote("b", r.promote("a", nil))
		r.rollback("alice", "first", two)
		r.rollback("alice", "first", two)
		r.rollback("carol", "first", two)
	})
	show("rollback: under a policy that is not in force, and under the one that is now", func(r *ringScene) {
		two := r.promote("b", r.promote("a", nil))
		r.rollback("alice", "second", two)
		r.inForce("second", vector.Ptr(r.policy["first"]))
		r.rollback("alice", "second", two)
	})
	show("rollback: to a model whose weights are lost", func(r *ringScene) {
		two := r.promote("b", r.promote("a", nil))
		r.steps = append(r.steps, vector.Fields{"lose": object.SumText("weights a")})
		r.rollback("alice", "first", two)
	})
}

func ringHolds(show func(string, func(*ringScene))) {
	show("hold: a frozen ring takes no promotion, and rolls back", func(r *ringScene) {
		two := r.promote("b", r.promote("a", nil))
		frozen := r.hold("alice", "freeze", "under investigation", nil)
		r.promote("c", two)
		back := r.rollback("alice", "first", two)
		r.hold("bob", "thaw", "found", frozen)
		r.promote("c", back)
	})
	show("hold: asked again by the same agent, and by another one", func(r *ringScene) {
		r.hold("alice", "freeze", "stop", nil)
		r.hold("alice", "freeze", "stop", nil)
		r.hold("bob", "freeze", "stop", nil)
		r.hold("alice", "freeze", "stop at once", nil)
		r.hold("alice", "thaw", "stop", nil)
	})
	show("hold: frozen twice, each time anew", func(r *ringScene) {
		r.hold("bob", "freeze", "and now for good", r.hold("alice", "freeze", "", nil))
		r.promote("a", nil)
	})
	show("hold: after one that is not there", func(r *ringScene) {
		r.hold("alice", "freeze", "", vector.Ptr(object.SumText("another hold")))
	})
}

func ringPolicies(show func(string, func(*ringScene))) {
	show("policy: an older one does not come back", func(r *ringScene) {
		r.inForce("second", vector.Ptr(r.policy["first"]))
		r.inForce("first", vector.Ptr(r.policy["second"]))
	})
	show("policy: asked again, and after another one", func(r *ringScene) {
		r.inForce("first", nil)
		r.inForce("second", nil)
	})
	show("policy: by somebody whom nobody trusts", func(r *ringScene) {
		r.policyAt("stranger's", vector.Carol, 2)
		r.inForce("stranger's", vector.Ptr(r.policy["first"]))
	})
	show("policy: dated more than five minutes ahead", func(r *ringScene) {
		r.policyAt("early", vector.Alice, 7*vector.Minute)
		r.inForce("early", vector.Ptr(r.policy["first"]))
	})
	show("promotion: asked again, and after another record", func(r *ringScene) {
		one := r.promote("a", nil)
		r.promote("a", nil)
		r.promote("b", nil)
		r.promote("b", one)
	})
}
