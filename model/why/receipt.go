package why

import (
	"fmt"
	"regexp"
	"slices"
	"sync"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/dataset/imported"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

func (w *walker) receipt(n *Node, raw []byte, depth int) {
	r, id, err := ledger.OpenReceipt(raw)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	n.Label = fmt.Sprintf("receipt of %s by %s, %s", w.tool(r.ToolID), who(r.Signer), minute(r.TimeObserved))
	if r.Status != 200 {
		n.Label += fmt.Sprintf(", status %d", r.Status)
	}
	if !model.Trusts(w.o.Trust.Receipt, r.Signer, receiptWhen(r, id)) {
		n.fail("%s is not trusted for receipts", r.Signer)
	}
	if imported.IsReceipt(r) && !w.isCapability(r.Evidence[0]) {
		w.imported(n, r)
		return
	}
	use := scope.Use{Kind: scope.KindToolCall, Tool: r.ToolID}
	switch r.ToolID {
	case model.TrainTool:
		use = w.trainReceipt(n, r, depth)
	case model.EvalTool:
		use = w.evalReceipt(n, r, depth)
	case model.PromoteTool, model.RollbackTool:
		use = w.deployReceipt(n, r)
	case capIssue:
		if r.Refusal() {
			w.denied(n, r.RequestHash)
		} else if w.isCapability(r.ResponseHash) {
			w.add(n, "Capability", r.ResponseHash, depth)
		}
	default:
		w.kept(n, "request", r.RequestHash)
		w.kept(n, "response", r.ResponseHash)
		nodes{w}.trees(n, r)
	}
	w.authority(n, r, use, depth)
	nodes{w}.agreed(n, r)
	w.inner(n, r, depth)
}

// receiptWhen is the time of a receipt's signature. The time of an imported receipt comes from its record and not from
// a signature: it counts as signed at the beginning.
func receiptWhen(r *ledger.Receipt, id object.Hash) model.When {
	if imported.IsReceipt(r) {
		return model.When{Receipt: id}
	}
	return model.When{Time: r.TimeObserved, Receipt: id}
}

func (w *walker) trainReceipt(n *Node, r *ledger.Receipt, depth int) scope.Use {
	use := scope.Use{Kind: scope.KindTrainRun}
	_, effect, err := w.opened(n.ID)
	if !n.check(err) {
		return use
	}
	res, request, _, err := model.OpenTrainResult(effect.Response)
	if !n.check(err) {
		return use
	}
	if request != r.RequestHash {
		n.fail("its response is of another job")
	}
	use.Recipe, use.Tokens, use.GPUms = res.Job.RecipeID, res.Job.MaxTokens, res.Job.MaxGPUms
	n.Label += fmt.Sprintf(": %s", units.Count(int(res.Examples), "example"))
	w.add(n, "RecipeDef", res.Job.RecipeID, depth)
	w.manifest(n, res.Job.Manifest, &res.Job.DatasetDef, depth)
	if res.Job.BuildReceipt != nil {
		w.add(n, "Receipt", *res.Job.BuildReceipt, depth)
	}
	return use
}

func (w *walker) evalReceipt(n *Node, r *ledger.Receipt, depth int) scope.Use {
	use := scope.Use{Kind: scope.KindEvalRun}
	_, effect, err := w.opened(n.ID)
	if !n.check(err) {
		return use
	}
	res, request, err := model.OpenEvalResult(effect.Response)
	if !n.check(err) {
		return use
	}
	if request != r.RequestHash {
		n.fail("its response is of another job")
	}
	use.Suite = res.Job.SuiteID
	n.Label += fmt.Sprintf(": %s", units.Count(int(res.Examples), "example"))
	w.add(n, "EvalSuiteDef", res.Job.SuiteID, depth)
	return use
}

// inner adds the tool calls that an effect consisted of below it: those that its receipt names beside its capability.
func (w *walker) inner(n *Node, r *ledger.Receipt, depth int) {
	if r.ToolID != model.TrainTool && r.ToolID != model.EvalTool || len(r.Evidence) == 0 {
		return
	}
	under := w.under(r)
	for _, h := range r.Evidence {
		if h != under {
			w.named(n, h, depth)
		}
	}
}

// authority adds the chain of a receipt's capability below it, and judges the chain at the time of the receipt.
func (w *walker) authority(n *Node, r *ledger.Receipt, use scope.Use, depth int) {
	switch {
	case slices.Contains(ownDoing, r.ToolID) && len(r.Evidence) > 0 && !w.isCapability(r.Evidence[0]):
		n.leaf("AgentID", r.Signer.KeyID(), "done by %s under its own key", who(r.Signer))
		w.asked(n, r.Evidence[0])
	case len(r.Evidence) > 0:
		id := w.under(r)
		w.past = append(w.past, w.o.then(n.ID, r))
		if c := w.add(n, "Capability", id, depth); FirstProblem(c) == nil {
			notes, err := w.judge(id, r, use)
			c.Notes = merged(c.Notes, notes)
			c.check(err)
		}
		w.past = w.past[:len(w.past)-1]
	case r.Status >= 400: // a refused effect had no authority, and its receipt says so
	case slices.Contains(ownDoing, r.ToolID):
		n.leaf("AgentID", r.Signer.KeyID(), "done by %s under its own key", who(r.Signer))
	default:
		n.leaf("Capability", object.Hash{}, "its authority").fail("the receipt names no capability")
	}
}

var capIssue = ir.BuiltinTool("cap.issue")

// ownDoing are the effects that nobody calls: the repository's own key makes them.
var ownDoing = []object.Hash{capIssue, ir.BuiltinTool("cap.policy"), ir.BuiltinTool("cap.revoke"),
	ir.BuiltinTool("episode.import"), ir.BuiltinTool("episode.redact"), ir.BuiltinTool("ledger.epoch")}

// then is the trust at the time of a receipt's signature. Without [WhyOptions.Then] it is the present trust, and no
// revocations.
func (o *Options) then(id object.Hash, r *ledger.Receipt) caps.Past {
	if o.Then == nil {
		return caps.Past{At: r.TimeObserved, Trusted: o.Caps.Trusted}
	}
	return o.Then(id, r)
}

// merged returns the notes of both lists, without repeats.
func merged(have, more []string) []string {
	for _, note := range more {
		if !slices.Contains(have, note) {
			have = append(have, note)
		}
	}
	return have
}

var wholeHash = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[0-9a-f]{64}`) })

func (w *walker) capability(n *Node, raw []byte, depth int) {
	link, err := caps.Open(raw)
	if !n.check(err) || !n.check(sameID(link.ID, n.ID)) {
		return
	}
	c := link.Cap
	n.check(sign.VerifyID(c.Issuer, link.ID, c.Signature))
	n.Label = fmt.Sprintf("capability of %s from %s: %s", who(c.Subject), who(c.Issuer), w.scope(c.Scope.String()))
	if c.AttenuationParent != nil {
		w.add(n, "Capability", *c.AttenuationParent, depth)
		return
	}
	issuer := n.leaf("AgentID", c.Issuer.KeyID(), "root issuer %s, key %s", who(c.Issuer), c.Issuer.KeyHex()[:12])
	if !w.trustsRoot(c.Issuer, c.Scope.Kind) {
		issuer.fail("%s is not trusted to issue %s", c.Issuer, scope.KindName(c.Scope.Kind))
	}
}
