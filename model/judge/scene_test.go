package judge

import (
	"fmt"
	"maps"
	"testing"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// The agents of the tests.
func key(name string) *sign.Key { return sign.FromSeed(object.SumText("key of "+name).Sum, name) }

var (
	admin    = key("admin")
	executor = key("executor")
	vera     = key("vera")
	victor   = key("victor")
	wanda    = key("wanda")
	stranger = key("stranger")
)

func only(keys ...*sign.Key) model.TrustedAt {
	return func(a object.AgentID, _ model.When) bool {
		for _, k := range keys {
			if k.Agent().Same(a) {
				return true
			}
		}
		return false
	}
}

func testTrust() model.Trust {
	return model.Trust{Receipt: only(executor), Attest: only(vera, victor, wanda), Policy: only(admin)}
}

const noon object.Time = 1_767_000_000_000_000

// scene is a promotion under test, as the parts of its evidence, which make assembles. The zero value of each hook
// changes nothing.
type scene struct {
	ring      uint8
	policy    model.PolicyDef
	policyKey *sign.Key
	below     *model.PolicyDef
	metrics   map[string]int64 // of the model
	current   map[string]int64 // of the model in the ring; nil: the ring is empty
	parent    bool
	receipts  *sign.Key // who signs receipts
	suite     model.EvalSuiteDef

	edit func(s *scene, e *Evidence) // at the end
	ids  struct{ model, current, parent, suite, report, policy object.Hash }
	t    testing.TB
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func must2[T any](_ object.Hash, raw T, err error) func(t testing.TB) T { return must(raw, err) }

func blobRef(text string) object.BlobRef {
	return object.BlobRef{CID: object.SumText(text), Size: uint64(len(text)), Media: "text/plain"}
}

func ptr[T any](v T) *T { return &v }

// newScene is a promotion into ring 0 that meets all conditions.

func newScene(t testing.TB) *scene {
	s := &scene{t: t, policyKey: admin, receipts: executor, metrics: map[string]int64{"accuracy_micro": 950_000, "loss_micro": 40_000}}
	s.suite = model.EvalSuiteDef{SuiteCodeHash: object.SumText("code"), TestsManifest: blobRef("tests"), Metrics: []string{"accuracy_micro", "loss_micro"}}
	s.ids.suite = must(model.EvalSuiteID(s.suite))(t)
	s.policy = model.PolicyDef{
		Suites: []object.Hash{s.ids.suite},
		Thresholds: []model.Threshold{
			{Metric: "accuracy_micro", Direction: model.HigherIsBetter, Limit: ptr[int64](900_000), LargestRegression: ptr[int64](10_000), Critical: true},
			{Metric: "loss_micro", Direction: model.LowerIsBetter, Limit: ptr[int64](100_000), LeastImprovement: ptr[int64](0), Critical: true},
		},
		Quorum: 2, Verifiers: []object.AgentID{vera.Agent(), victor.Agent(), wanda.Agent()},
		RollbackRule: model.RollbackPrevious, MaxAgeUs: ptr[uint64](3_600_000_000), TimeObserved: noon,
	}
	return s
}

// model makes a ModelState whose blobs are all here.
func (s *scene) model(name string, parent *object.Hash) ModelState {
	ref := model.ModelRef{Weights: blobRef("weights " + name), Config: blobRef("config " + name), CodeHash: object.SumText("code"), ParentModelID: parent}
	id, raw, err := model.NewModel(ref)
	if err != nil {
		s.t.Fatal(err)
	}
	return ModelState{ID: id, Raw: raw, Blobs: []BlobState{{Role: "weights", CID: ref.Weights.CID}, {Role: "config", CID: ref.Config.CID}}}
}

// effectOf makes the receipt of an effect by its request and response.
func effectOf(t testing.TB, signer *sign.Key, tool object.Hash, status uint16, request, response []byte) Effect {
	t.Helper()
	_, raw, err := ledger.NewReceipt(signer, ledger.Receipt{ToolID: tool, RequestHash: object.Sum(request), ResponseHash: object.Sum(response), Status: status, TimeObserved: noon})
	if err != nil {
		t.Fatal(err)
	}
	return Effect{raw, response}
}

func marshal(t testing.TB, v any) []byte { t.Helper(); return must(can.Marshal(v))(t) }

func (s *scene) training(m ModelState) Effect {
	ref := must(object.Decode[model.ModelRef](m.Raw))(s.t)
	res := model.TrainResult{Job: model.TrainJob{RecipeID: object.SumText("recipe"), DatasetDef: object.SumText("def"), Manifest: object.SumText("manifest"), MaxTokens: 9},
		Model: *ref, Metrics: map[string]int64{}, Examples: 3, ToolRequest: object.SumText("q"), ToolResponse: object.SumText("a")}
	return effectOf(s.t, s.receipts, model.TrainTool, 200, marshal(s.t, &res.Job), marshal(s.t, &res))
}

func (s *scene) evaluation(of object.Hash, metrics map[string]int64) Effect {
	res := model.EvalResult{Job: model.EvalJob{ModelID: of, SuiteID: s.ids.suite}, Metrics: metrics, Examples: 3, ToolRequest: object.SumText("q"), ToolResponse: object.SumText("a")}
	return effectOf(s.t, s.receipts, model.EvalTool, 200, marshal(s.t, &res.Job), marshal(s.t, &res))
}

func (s *scene) attest(k *sign.Key, claim uint8, result uint16, at object.Time, evidence ...object.Hash) []byte {
	return must2(model.NewAttestation(k, model.Attestation{SubjectHash: s.ids.model, ClaimType: claim, Result: result, Evidence: evidence, TimeObserved: at}))(s.t)
}

// make assembles the evidence.
func (s *scene) make() *Evidence {
	t := s.t
	e := &Evidence{Now: noon + 1_000_000, Ring: s.ring, Trust: testTrust()}
	var parent *object.Hash
	if s.parent {
		p := s.model("parent", nil)
		s.ids.parent, parent, e.Parent = p.ID, &p.ID, &p
	}
	e.Model = s.model("new", parent)
	s.ids.model = e.Model.ID
	e.Trainings = []Effect{s.training(e.Model)}
	evaluation := s.evaluation(s.ids.model, s.metrics)
	e.Evaluations = []Effect{evaluation}
	if s.current != nil {
		c := s.model("current", nil)
		s.ids.current, e.Current = c.ID, &c
		e.Evaluations = append(e.Evaluations, s.evaluation(c.ID, s.current))
	}
	s.policy.Ring = s.ring
	var err error
	if s.ids.policy, e.Policy, err = model.NewPolicy(s.policyKey, s.policy); err != nil {
		t.Fatal(err)
	}
	e.PolicyID, e.RingPolicy = s.ids.policy, ptr(s.ids.policy)
	if s.below != nil {
		e.BelowPolicy = must2(model.NewPolicy(admin, *s.below))(t)
		e.Below = ptr(s.ids.model)
	}
	_, suiteRaw, err := model.NewSuite(s.suite)
	e.Suites = [][]byte{must(suiteRaw, err)(t)}
	receipt := must(ledger.ReceiptRule.ID(evaluation.Receipt))(t)
	reportID, report, err := model.NewReport(model.EvalReport{ModelID: s.ids.model, SuiteID: s.ids.suite, Metrics: maps.Clone(s.metrics), ReceiptID: receipt})
	s.ids.report = reportID
	e.Reports = [][]byte{must(report, err)(t)}
	e.Attestations = [][]byte{
		s.attest(vera, model.ClaimEvalMetric, 0, noon, reportID),
		s.attest(vera, model.ClaimEvalPass, 0, noon, s.ids.suite, reportID),
		s.attest(vera, model.ClaimQuorumSignoff, 0, noon, s.ids.policy),
		s.attest(victor, model.ClaimQuorumSignoff, 0, noon, s.ids.policy),
	}
	if s.edit != nil {
		s.edit(s, e)
	}
	return e
}

// failed are the names of the conditions that do not hold.
func failed(list []Condition) string {
	text := ""
	for _, c := range list {
		if !c.Holds {
			text += c.Name + " "
		}
	}
	return text
}

func whys(list []Condition) string {
	text := ""
	for _, c := range list {
		text += fmt.Sprintf("%v %s: %s %v\n", c.Holds, c.Name, c.Why, c.Warnings)
	}
	return text
}
