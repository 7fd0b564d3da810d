package why

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// opened loads a receipt and its response and checks both.
func (w *walker) opened(id object.Hash) (*ledger.Receipt, model.Effect, error) {
	raw, err := w.raw("Receipt", id)
	if err != nil {
		return nil, model.Effect{}, err
	}
	r, got, err := ledger.OpenReceipt(raw)
	if err == nil {
		err = sameID(got, id)
	}
	if err != nil {
		return nil, model.Effect{}, err
	}
	body, err := w.raw(KindBytes, r.ResponseHash)
	if err != nil {
		return r, model.Effect{}, fmt.Errorf("its response %s: %w", r.ResponseHash.Short(), err)
	}
	if object.Sum(body) != r.ResponseHash {
		return r, model.Effect{}, fmt.Errorf("its response: %w", object.ErrID)
	}
	return r, model.Effect{Receipt: raw, Response: body}, nil
}

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
	if dataset.Imported(r) && !w.isCapability(r.Evidence[0]) {
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
	default:
		w.kept(n, "request", r.RequestHash)
		w.kept(n, "response", r.ResponseHash)
	}
	w.authority(n, r, use, depth)
	w.inner(n, r, depth)
}

// receiptWhen is when a receipt was signed. The time of an imported one is what its
// record says, and no time of a signature: it counts as signed at the beginning.
func receiptWhen(r *ledger.Receipt, id object.Hash) model.When {
	if dataset.Imported(r) {
		return model.When{Receipt: id}
	}
	return model.When{Time: r.TimeObserved, Receipt: id}
}

// imported shows evidence that came in from elsewhere as that: no capability allowed
// it, and nobody who saw it signed it.
func (w *walker) imported(n *Node, r *ledger.Receipt) {
	n.Label += ": " + *r.Notes
	w.kept(n, "request", r.RequestHash)
	w.kept(n, "response", r.ResponseHash)
	n.leaf("Record", r.Evidence[0], "the imported record %s, not kept", r.Evidence[0].Short())
}

func (w *walker) isCapability(id object.Hash) bool {
	kind, err := w.res.Kind(w.ctx, id)
	return err == nil && kind == "Capability"
}

// tool is the name of a tool, or its short id.
func (w *walker) tool(id object.Hash) string {
	if w.o.ToolName != nil {
		if name := OneLine(w.o.ToolName(id)); name != id.Short() {
			return name
		}
	}
	for _, name := range []string{"train", "eval", "promote", "rollback", "policy.set", "ring.freeze", "ring.thaw", "index.update", "index.rollback", "codebook.train", "dataset.build", "blob.put", "blob.get", "blob.chunk_get"} {
		if ir.BuiltinTool(name) == id {
			return "mythos." + name
		}
	}
	return "tool " + id.Short()
}

// kept hangs what a tool was asked or answered below its receipt; that it is gone, or
// was never kept, is no problem.
func (w *walker) kept(n *Node, what string, h object.Hash) {
	body, err := w.raw(KindBytes, h)
	switch {
	case errors.Is(err, errNotHere):
		n.leaf(KindBytes, h, "%s %s, not kept here", what, h.Short())
	case err != nil:
		n.leaf(KindBytes, h, "%s %s", what, h.Short()).fail("%v", err)
	case object.Sum(body) != h:
		n.leaf(KindBytes, h, "%s %s", what, h.Short()).fail("its bytes have another hash")
	default:
		n.leaf(KindBytes, h, "%s %s, %s", what, h.Short(), model.Count(len(body), "byte"))
	}
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
	n.Label += fmt.Sprintf(": %s", model.Count(int(res.Examples), "example"))
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
	n.Label += fmt.Sprintf(": %s", model.Count(int(res.Examples), "example"))
	w.add(n, "EvalSuiteDef", res.Job.SuiteID, depth)
	return use
}

// deployReceipt reads what a promotion or rollback was asked for.
func (w *walker) deployReceipt(n *Node, r *ledger.Receipt) scope.Use {
	use := scope.Use{Kind: scope.KindDeployPromote}
	_, effect, err := w.opened(n.ID)
	if !n.check(err) {
		return use
	}
	p, _, err := model.OpenPromotion(effect.Response)
	if !n.check(err) {
		return use
	}
	use.Ring, use.Policy = p.RingID, p.PolicyID
	request, err := w.raw(KindBytes, r.RequestHash)
	if err != nil { // it was not captured: the record says what was done
		if r.ToolID == model.RollbackTool {
			use.Policy = w.rollbackPolicy(r, p)
		}
		return use
	}
	if object.Sum(request) != r.RequestHash {
		n.fail("its request %s: %v", r.RequestHash.Short(), object.ErrID)
		return use
	}
	if r.ToolID == model.PromoteTool {
		if q, err := object.Decode[model.PromoteRequest](request); err == nil {
			use.Policy = q.PolicyID
		}
	} else if q, err := object.Decode[model.RollbackRequest](request); err == nil {
		use.Policy = q.PolicyID
	}
	return use
}

// rollbackPolicy is the policy that a rollback was asked under. Its record has that of what
// it restored. The capability names another one where that came into force since; the hash
// of the request says whether it was that one.
func (w *walker) rollbackPolicy(r *ledger.Receipt, p *model.PromotionRecord) object.Hash {
	if p.Previous == nil || len(r.Evidence) == 0 {
		return p.PolicyID
	}
	chain, err := w.chain(w.under(r))
	if err != nil {
		return p.PolicyID
	}
	leaf, _ := chain.Leaf()
	leafScope, err := leaf.Cap.Scope.Decode()
	deploy, ok := leafScope.(*scope.DeployPromote)
	if err != nil || !ok {
		return p.PolicyID
	}
	q := model.RollbackRequest{RingID: p.RingID, PolicyID: deploy.PolicyID, Record: *p.Previous}
	if p.Reason != nil {
		q.Reason = *p.Reason
	}
	if raw, err := can.Marshal(&q); err != nil || object.Sum(raw) != r.RequestHash {
		return p.PolicyID
	}
	return deploy.PolicyID
}

// inner hangs the calls of tools that an effect was made of below it: what its receipt
// names beside its capability.
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

// authority hangs the chain of the capability that a receipt names below it, and judges
// it at the time of the receipt.
func (w *walker) authority(n *Node, r *ledger.Receipt, use scope.Use, depth int) {
	switch {
	case len(r.Evidence) > 0:
		id := w.under(r)
		w.past = append(w.past, w.o.then(n.ID, r))
		if c := w.add(n, "Capability", id, depth); FirstProblem(c) == nil {
			notes, err := w.judge(id, r, use)
			c.Notes = merged(c.Notes, notes)
			c.check(err)
		}
		w.past = w.past[:len(w.past)-1]
	case r.Status >= 400: // a refused effect had no authority, and says so
	case slices.Contains(ownDoing, r.ToolID):
		n.leaf("AgentID", r.Signer.KeyID(), "done by %s under its own key", who(r.Signer))
	default:
		n.leaf("Capability", object.Hash{}, "its authority").fail("the receipt names no capability")
	}
}

// ownDoing are the effects that nobody calls: a repository's key does them, for anyone who
// has the key.
var ownDoing = []object.Hash{ir.BuiltinTool("cap.issue"), ir.BuiltinTool("cap.policy"), ir.BuiltinTool("cap.revoke"),
	ir.BuiltinTool("episode.import"), ir.BuiltinTool("episode.redact")}

// under is the capability that a receipt names: where none of its evidence is one that
// is here, the first, which the gate makes the capability.
func (w *walker) under(r *ledger.Receipt) object.Hash {
	for _, h := range r.Evidence {
		if w.isCapability(h) {
			return h
		}
	}
	return r.Evidence[0]
}

// judge verifies a chain as it was when the receipt was signed, and that it covered
// the use; the notes say what has changed since. The use of a tool is judged where the
// request is still here.
func (w *walker) judge(id object.Hash, r *ledger.Receipt, use scope.Use) ([]string, error) {
	past := w.past[len(w.past)-1]
	chain, err := w.chain(id)
	if err != nil {
		return nil, err
	}
	if use.Kind == scope.KindToolCall {
		request, err := w.raw(KindBytes, r.RequestHash)
		leaf, _ := chain.Leaf()
		if err != nil || leaf.Cap.Scope.Kind != scope.KindToolCall {
			return w.o.Caps.Then(chain, r.Signer, nil, past)
		}
		if object.Sum(request) != r.RequestHash {
			return nil, fmt.Errorf("the request: %w", object.ErrID)
		}
		use.Request = request
		if w.o.Use != nil {
			if needs, ok := w.o.Use(r.ToolID, request); ok {
				use = needs
			}
		}
	}
	return w.o.Caps.Then(chain, r.Signer, &use, past)
}

// chain loads a capability and its parents.
func (w *walker) chain(id object.Hash) (caps.Chain, error) {
	var raws [][]byte
	for next := &id; next != nil && len(raws) < caps.MaxDepth; {
		raw, err := w.raw("Capability", *next)
		if err != nil {
			return nil, fmt.Errorf("capability %s: %w", next.Short(), err)
		}
		link, err := caps.Open(raw)
		if err == nil {
			err = sameID(link.ID, *next)
		}
		if err != nil {
			return nil, fmt.Errorf("capability %s: %w", next.Short(), err)
		}
		raws, next = append(raws, raw), link.Cap.AttenuationParent
	}
	return caps.OpenChain(raws...)
}

// trustsRoot tells whether an issuer was trusted when the receipt above was signed, or
// is trusted now where the walk starts from a capability.
func (w *walker) trustsRoot(issuer object.AgentID, kind uint8) bool {
	trusted := w.o.Caps.Trusted
	if len(w.past) > 0 {
		trusted = w.past[len(w.past)-1].Trusted
	}
	return trusted != nil && trusted(issuer, kind)
}

// then is what counted when a receipt was signed; without [WhyOptions.Then] that is
// what counts now, and nothing that is revoked.
func (o *Options) then(id object.Hash, r *ledger.Receipt) caps.Past {
	if o.Then == nil {
		return caps.Past{At: r.TimeObserved, Trusted: o.Caps.Trusted}
	}
	return o.Then(id, r)
}

// merged are the notes of both lists, each once.
func merged(have, more []string) []string {
	for _, note := range more {
		if !slices.Contains(have, note) {
			have = append(have, note)
		}
	}
	return have
}

var wholeHash = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[0-9a-f]{64}`) })

// scope is a scope with tools by their names and other hashes cut short.
func (w *walker) scope(text string) string {
	return wholeHash().ReplaceAllStringFunc(text, func(hex string) string {
		id, err := object.ParseHash(hex)
		if err != nil {
			return hex
		}
		if name := w.tool(id); !strings.HasPrefix(name, "tool ") {
			return name
		}
		return id.Short()
	})
}

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
