// Package deciding makes the vectors about decisions by policies: issuances, promotions, and rings.
package deciding

import (
	"maps"

	"github.com/mythos-project/mythos/internal/conform/generate/vector"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// promotionScene is the evidence for a promotion into ring 0; each vector changes one thing.
type promotionScene struct {
	in       vector.Fields
	model    object.Hash
	suite    object.Hash
	policy   model.PolicyDef
	metrics  map[string]int64
	imported bool             // the model was trained elsewhere
	current  map[string]int64 // of the model in the ring; nil: the ring is empty
	signer   *sign.Key        // of the policy
	executor *sign.Key
	attested func(p *promotionScene, report object.Hash) []string // the attestations
	change   func(p *promotionScene)                              // at the end
}

func newPromotion() *promotionScene {
	p := &promotionScene{signer: vector.Alice, executor: vector.Bob, metrics: map[string]int64{"accuracy_micro": 950_000}}
	p.policy = model.PolicyDef{Quorum: 2, Verifiers: []object.AgentID{vector.Bob.Agent(), vector.Carol.Agent()}, RollbackRule: model.RollbackPrevious, MaxAgeUs: vector.Ptr(uint64(60 * vector.Minute)), TimeObserved: object.Time(vector.Start),
		Thresholds: []model.Threshold{{Metric: "accuracy_micro", Direction: model.HigherIsBetter, Limit: vector.Ptr(int64(900_000)), LargestRegression: vector.Ptr(int64(10_000)), Critical: true}}}
	p.attested = func(p *promotionScene, report object.Hash) []string {
		return []string{p.attest(vector.Bob, model.ClaimEvalMetric, 0, 0, report), p.attest(vector.Bob, model.ClaimEvalPass, 0, 0, p.suite, report),
			p.attest(vector.Bob, model.ClaimQuorumSignoff, 0, 0, p.policyID()), p.attest(vector.Carol, model.ClaimQuorumSignoff, 0, 0, p.policyID())}
	}
	return p
}

func (p *promotionScene) policyID() object.Hash { return vector.Must(model.PolicyID(p.policy)) }

func blobNamed(text string) object.BlobRef {
	return object.BlobRef{CID: object.SumText(text), Size: uint64(len(text)), Media: "text/plain"}
}

// origin is a model, and the effect that gave it: a training or an import.
func (p *promotionScene) origin(name string) (object.Hash, vector.Fields, vector.Fields) {
	if !p.imported {
		ref, id, state := p.ref(name, nil)
		res := model.TrainResult{Job: model.TrainJob{RecipeID: object.SumText("recipe"), DatasetDef: object.SumText("def"), Manifest: object.SumText("manifest"), MaxTokens: 9},
			Model: ref, Metrics: map[string]int64{}, Examples: 3, ToolRequest: object.SumText("q"), ToolResponse: object.SumText("a")}
		training, _ := p.effect(model.TrainTool, 200, &res.Job, &res)
		return id, state, vector.Fields{"trainings": []vector.Fields{training}}
	}
	job := model.ImportJob{Weights: blobNamed("weights " + name), Format: "safetensors"}
	ref, raw, _, err := job.Model()
	taken, _ := p.effect(model.ImportTool, 200, &job, &model.ImportResult{Job: job, Model: ref})
	state := vector.Fields{"raw": vector.Hex(vector.Must(raw, err)), "complete": []string{"weights", "config"}}
	return ref.ModelID, state, vector.Fields{"trainings": []vector.Fields{}, "imports": []vector.Fields{taken}}
}

func (p *promotionScene) ref(name string, parent *object.Hash) (model.ModelRef, object.Hash, vector.Fields) {
	ref := model.ModelRef{Weights: blobNamed("weights " + name), Config: blobNamed("config " + name), CodeHash: object.SumText("code"), ParentModelID: parent}
	id, raw, err := model.NewModel(ref)
	vector.Must(0, err)
	return *vector.Must(object.Decode[model.ModelRef](raw)), id, vector.Fields{"raw": vector.Hex(raw), "complete": []string{"weights", "config"}}
}

func (p *promotionScene) effect(tool object.Hash, status uint16, job, result any) (vector.Fields, object.Hash) {
	request, response := vector.Must(can.Marshal(job)), vector.Must(can.Marshal(result))
	id, raw, err := ledger.NewReceipt(p.executor, ledger.Receipt{ToolID: tool, RequestHash: object.Sum(request), ResponseHash: object.Sum(response), Status: status, TimeObserved: object.Time(vector.Start)})
	return vector.Fields{"receipt": vector.Hex(vector.Must(raw, err)), "response": vector.Hex(response)}, id
}

func (p *promotionScene) evaluation(of object.Hash, metrics map[string]int64) (vector.Fields, object.Hash) {
	res := model.EvalResult{Job: model.EvalJob{ModelID: of, SuiteID: p.suite}, Metrics: metrics, Examples: 3, ToolRequest: object.SumText("q"), ToolResponse: object.SumText("a")}
	return p.effect(model.EvalTool, 200, &res.Job, &res)
}

func (p *promotionScene) attest(by sign.Signer, claim uint8, result uint16, at int64, evidence ...object.Hash) string {
	_, raw, err := model.NewAttestation(by, model.Attestation{SubjectHash: p.model, ClaimType: claim, Result: result, Evidence: evidence, TimeObserved: object.Time(vector.Start + at)})
	return vector.Hex(vector.Must(raw, err))
}

// make assembles the input of a vector.
func (p *promotionScene) make() vector.Fields {
	suite := model.EvalSuiteDef{SuiteCodeHash: object.SumText("code"), TestsManifest: blobNamed("tests"), Metrics: []string{"accuracy_micro"}}
	suiteID, suiteRaw, err := model.NewSuite(suite)
	p.suite = suiteID
	p.policy.Suites = []object.Hash{suiteID}
	p.policy.Signer = p.signer.Agent()
	id, state, origin := p.origin("new")
	p.model = id
	evaluation, receipt := p.evaluation(id, p.metrics)
	reportID, report, rerr := model.NewReport(model.EvalReport{ModelID: id, SuiteID: suiteID, Metrics: p.metrics, ReceiptID: receipt})
	policyID, policy, perr := model.NewPolicy(p.signer, p.policy)
	p.policy.PolicyID = policyID
	p.in = vector.Fields{"at_us": vector.Start + vector.Minute, "ring": 0, "trusted_for_receipts": []string{vector.Bob.Agent().KeyHex()}, "trusted_to_attest": []string{vector.Bob.Agent().KeyHex(), vector.Carol.Agent().KeyHex()},
		"trusted_for_policies": []string{vector.Alice.Agent().KeyHex()}, "model": state, "policy_in_force": policyID, "policy": vector.Hex(vector.Must(policy, perr)),
		"evaluations": []vector.Fields{evaluation}, "reports": []string{vector.Hex(vector.Must(report, rerr))}, "suites": []string{vector.Hex(vector.Must(suiteRaw, err))}}
	maps.Copy(p.in, origin)
	if p.current != nil {
		_, old, state := p.ref("current", nil)
		p.in["current"] = state
		before, _ := p.evaluation(old, p.current)
		p.in["evaluations"] = []vector.Fields{evaluation, before}
	}
	p.in["attestations"] = p.attested(p, reportID)
	if p.change != nil {
		p.change(p)
	}
	return p.in
}

// Promotions decide on a model, each with one thing changed.
func Promotions() *vector.Set {
	s := &vector.Set{Class: "promotions", About: "the evidence for a promotion, and which of the six conditions hold"}
	show := func(id string, change func(p *promotionScene)) {
		p := newPromotion()
		if change != nil {
			change(p)
		}
		s.Add(id, p.make())
	}
	late := func(change func(p *promotionScene)) func(p *promotionScene) {
		return func(p *promotionScene) { p.change = change }
	}
	attested := func(f func(p *promotionScene, report object.Hash) []string) func(p *promotionScene) {
		return func(p *promotionScene) { p.attested = f }
	}
	show("all six hold", nil)
	show("complete: weights that are not whole", late(func(p *promotionScene) { p.in["model"].(vector.Fields)["complete"] = []string{"config"} }))
	show("trained: no training", late(func(p *promotionScene) { p.in["trainings"] = []vector.Fields{} }))
	show("trained: an executor whom nobody trusts", late(func(p *promotionScene) { p.in["trusted_for_receipts"] = []string{vector.Carol.Agent().KeyHex()} }))
	trainedElsewhere(show)
	show("metrics: at the limit", func(p *promotionScene) { p.metrics["accuracy_micro"] = 900_000 })
	show("metrics: below the limit", func(p *promotionScene) { p.metrics["accuracy_micro"] = 899_999 })
	show("metrics: a regression that is allowed", func(p *promotionScene) { p.current = map[string]int64{"accuracy_micro": 960_000} })
	show("metrics: a regression that is too large", func(p *promotionScene) { p.current = map[string]int64{"accuracy_micro": 960_001} })
	show("metrics: the threshold is not critical", func(p *promotionScene) { p.metrics["accuracy_micro"], p.policy.Thresholds[0].Critical = 1, false })
	improve := func(p *promotionScene) {
		p.policy.Thresholds[0].LargestRegression, p.policy.Thresholds[0].LeastImprovement = nil, vector.Ptr(int64(5))
	}
	show("metrics: an improvement over an empty ring", improve)
	show("metrics: an improvement of as much as is required", func(p *promotionScene) { improve(p); p.current = map[string]int64{"accuracy_micro": 949_995} })
	show("metrics: an improvement of less", func(p *promotionScene) { improve(p); p.current = map[string]int64{"accuracy_micro": 949_996} })
	show("metrics: a worse evaluation besides", late(func(p *promotionScene) {
		worse, _ := p.evaluation(p.model, map[string]int64{"accuracy_micro": 1})
		p.in["evaluations"] = append(p.in["evaluations"].([]vector.Fields), worse)
	}))
	show("evaluated: no report", late(func(p *promotionScene) { p.in["reports"] = []string{} }))
	show("evaluated: no EvalPass", attested(func(p *promotionScene, report object.Hash) []string {
		return []string{p.attest(vector.Bob, model.ClaimEvalMetric, 0, 0, report), p.attest(vector.Bob, model.ClaimQuorumSignoff, 0, 0, p.policyID()), p.attest(vector.Carol, model.ClaimQuorumSignoff, 0, 0, p.policyID())}
	}))
	more := func(f func(p *promotionScene, report object.Hash) string) func(p *promotionScene) {
		return func(p *promotionScene) {
			usual := p.attested
			p.attested = func(p *promotionScene, report object.Hash) []string { return append(usual(p, report), f(p, report)) }
		}
	}
	show("evaluated: a newer verdict against it", more(func(p *promotionScene, report object.Hash) string {
		return p.attest(vector.Carol, model.ClaimEvalPass, 1, 5, p.suite, report)
	}))
	show("evaluated: a verdict against it by somebody whom nobody trusts", more(func(p *promotionScene, report object.Hash) string {
		return p.attest(vector.Alice, model.ClaimEvalPass, 1, 5, p.suite, report)
	}))
	show("evaluated: the same verifier said no before", more(func(p *promotionScene, report object.Hash) string {
		return p.attest(vector.Bob, model.ClaimEvalPass, 1, -5, p.suite, report)
	}))
	show("evaluated: the same verifier says no at the same time", more(func(p *promotionScene, report object.Hash) string {
		return p.attest(vector.Bob, model.ClaimEvalPass, 1, 0, p.suite, report)
	}))
	show("evaluated: an attestation that is too old", late(func(p *promotionScene) { p.in["at_us"] = vector.Start + 60*vector.Minute + 1 }))
	show("quorum: one sign-off", attested(func(p *promotionScene, report object.Hash) []string {
		return []string{p.attest(vector.Bob, model.ClaimEvalMetric, 0, 0, report), p.attest(vector.Bob, model.ClaimEvalPass, 0, 0, p.suite, report), p.attest(vector.Bob, model.ClaimQuorumSignoff, 0, 0, p.policyID())}
	}))
	show("quorum: two sign-offs by one verifier", attested(func(p *promotionScene, report object.Hash) []string {
		return []string{p.attest(vector.Bob, model.ClaimEvalMetric, 0, 0, report), p.attest(vector.Bob, model.ClaimEvalPass, 0, 0, p.suite, report), p.attest(vector.Bob, model.ClaimQuorumSignoff, 0, 0, p.policyID()),
			p.attest(vector.Bob, model.ClaimQuorumSignoff, 0, 1, p.policyID())}
	}))
	show("quorum: a sign-off for another policy", attested(func(p *promotionScene, report object.Hash) []string {
		return []string{p.attest(vector.Bob, model.ClaimEvalMetric, 0, 0, report), p.attest(vector.Bob, model.ClaimEvalPass, 0, 0, p.suite, report), p.attest(vector.Bob, model.ClaimQuorumSignoff, 0, 0, p.policyID()),
			p.attest(vector.Carol, model.ClaimQuorumSignoff, 0, 0, object.SumText("another policy"))}
	}))
	show("ring: another policy is in force", late(func(p *promotionScene) { p.in["policy_in_force"] = object.SumText("another policy") }))
	show("ring: the policy is by somebody whom nobody trusts", func(p *promotionScene) { p.signer = vector.Carol })
	show("ring: the model is in it already", late(func(p *promotionScene) { p.in["current"] = p.in["model"] }))
	show("ring: ring 1, and the model is in ring 0", ringOne(nil))
	show("ring: ring 1, and another model is in ring 0", ringOne(func(p *promotionScene, _ *model.PolicyDef) { p.in["below"] = object.SumText("another model") }))
	show("ring: ring 1, and the policy of ring 0 is stricter", ringOne(func(_ *promotionScene, below *model.PolicyDef) { below.MaxAgeUs = vector.Ptr(uint64(1)) }))
	return s
}

// ringOne promotes into ring 1; change may alter the policy of ring 0.
func ringOne(change func(p *promotionScene, below *model.PolicyDef)) func(p *promotionScene) {
	return func(p *promotionScene) {
		p.policy.Ring = 1
		p.change = func(p *promotionScene) {
			p.in["ring"], p.in["below"] = 1, p.model
			below := p.policy
			below.Ring = 0
			if change != nil {
				change(p, &below)
			}
			_, raw, err := model.NewPolicy(vector.Alice, below)
			p.in["policy_below"] = vector.Hex(vector.Must(raw, err))
		}
	}
}

// trainedElsewhere promotes models that were imported.
func trainedElsewhere(show func(id string, change func(p *promotionScene))) {
	imported := func(change func(p *promotionScene)) func(p *promotionScene) {
		return func(p *promotionScene) { p.imported, p.policy.Imported, p.change = true, true, change }
	}
	show("trained: elsewhere, and the policy admits it", imported(nil))
	show("trained: elsewhere, and the policy does not admit it", func(p *promotionScene) { p.imported = true })
	show("trained: elsewhere, and nobody says who took it in", imported(func(p *promotionScene) { p.in["imports"] = []vector.Fields{} }))
	show("trained: elsewhere, and taken in by somebody whom nobody trusts", imported(func(p *promotionScene) { p.in["trusted_for_receipts"] = []string{vector.Carol.Agent().KeyHex()} }))
	show("trained: elsewhere, and the import gave another model", imported(func(p *promotionScene) {
		_, _, other := p.origin("other")
		maps.Copy(p.in, other)
	}))
	show("ring: ring 1, and the policy of ring 0 admits no imported models", func(p *promotionScene) {
		p.policy.Imported = true
		ringOne(func(_ *promotionScene, below *model.PolicyDef) { below.Imported = false })(p)
	})
}
