package why

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/judge"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
)

// source is a walk's input, and whom the walk trusts.
type source struct {
	ctx context.Context
	res Resolver
	o   Options
	err error // the walk cannot continue

	past []caps.Past // trust at the times of the receipts that are being judged, the innermost last
}

// opened loads a receipt and its response and checks both.
func (s *source) opened(id object.Hash) (*ledger.Receipt, judge.Effect, error) {
	raw, err := s.raw("Receipt", id)
	if err != nil {
		return nil, judge.Effect{}, err
	}
	r, got, err := ledger.OpenReceipt(raw)
	if err == nil {
		err = sameID(got, id)
	}
	if err != nil {
		return nil, judge.Effect{}, err
	}
	body, err := s.raw(KindBytes, r.ResponseHash)
	if err != nil {
		return r, judge.Effect{}, fmt.Errorf("its response %s: %w", r.ResponseHash.Short(), err)
	}
	if object.Sum(body) != r.ResponseHash {
		return r, judge.Effect{}, fmt.Errorf("its response: %w", object.ErrID)
	}
	return r, judge.Effect{Receipt: raw, Response: body}, nil
}

func (s *source) isCapability(id object.Hash) bool {
	kind, err := s.res.Kind(s.ctx, id)
	return err == nil && kind == "Capability"
}

// tool is the name of a tool, or its short id.
func (s *source) tool(id object.Hash) string {
	if s.o.ToolName != nil {
		if name := OneLine(s.o.ToolName(id)); name != id.Short() {
			return name
		}
	}
	for _, name := range []string{"train", "model.import", "eval", "promote", "rollback", "policy.set", "ring.freeze", "ring.thaw", "index.update", "index.rollback", "codebook.train", "dataset.build", "blob.put", "blob.get", "blob.chunk_get"} {
		if ir.BuiltinTool(name) == id {
			return "mythos." + name
		}
	}
	return "tool " + id.Short()
}

// kept adds a tool's request or response below its receipt. It is no problem if it is gone or was never stored.
func (s *source) kept(n *Node, what string, h object.Hash) {
	body, err := s.raw(KindBytes, h)
	switch {
	case errors.Is(err, errNotHere):
		n.leaf(KindBytes, h, "%s %s, not kept here", what, h.Short())
	case err != nil:
		n.leaf(KindBytes, h, "%s %s", what, h.Short()).fail("%v", err)
	case object.Sum(body) != h:
		n.leaf(KindBytes, h, "%s %s", what, h.Short()).fail("its bytes have another hash")
	default:
		n.leaf(KindBytes, h, "%s %s, %s", what, h.Short(), units.Count(len(body), "byte"))
	}
}

// rollbackPolicy is the policy that a rollback request named. The record has the policy of the restored promotion. The
// capability names another one if that came into force since; the hash of the request shows which one it was.
func (s *source) rollbackPolicy(r *ledger.Receipt, p *model.PromotionRecord) object.Hash {
	if p.Previous == nil || len(r.Evidence) == 0 {
		return p.PolicyID
	}
	chain, err := s.chain(s.under(r))
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

// under is the capability that a receipt names. If none of its evidence is a capability that is here, it is the first
// hash, where the gate puts the capability.
func (s *source) under(r *ledger.Receipt) object.Hash {
	for _, h := range r.Evidence {
		if s.isCapability(h) {
			return h
		}
	}
	return r.Evidence[0]
}

// judge verifies a chain as it was when the receipt was signed, and that it covered the use; the notes say what has
// changed since. The use of a tool is checked if the request is still here.
func (s *source) judge(id object.Hash, r *ledger.Receipt, use scope.Use) ([]string, error) {
	past := s.past[len(s.past)-1]
	chain, err := s.chain(id)
	if err != nil {
		return nil, err
	}
	if use.Kind == scope.KindToolCall {
		request, err := s.raw(KindBytes, r.RequestHash)
		leaf, _ := chain.Leaf()
		if err != nil || !scope.Serves(leaf.Cap.Scope.Kind, scope.KindToolCall) {
			return s.o.Caps.Then(chain, r.Signer, nil, past)
		}
		if object.Sum(request) != r.RequestHash {
			return nil, fmt.Errorf("the request: %w", object.ErrID)
		}
		use.Request = request
		if s.o.Use != nil {
			if needs, ok := s.o.Use(r.ToolID, request); ok {
				use = needs
			}
		}
	}
	return s.o.Caps.Then(chain, r.Signer, &use, past)
}

// chain loads a capability and its parents.
func (s *source) chain(id object.Hash) (caps.Chain, error) {
	var raws [][]byte
	for next := &id; next != nil && len(raws) < caps.MaxDepth; {
		raw, err := s.raw("Capability", *next)
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

// trustsRoot reports whether an issuer was trusted when the receipt above was signed, or is trusted now if the walk
// starts from a capability.
func (s *source) trustsRoot(issuer object.AgentID, kind uint8) bool {
	trusted := s.o.Caps.Trusted
	if len(s.past) > 0 {
		trusted = s.past[len(s.past)-1].Trusted
	}
	return trusted != nil && trusted(issuer, kind)
}

// scope is a scope with tools by name and other hashes shortened.
func (s *source) scope(text string) string {
	return wholeHash().ReplaceAllStringFunc(text, func(hex string) string {
		id, err := object.ParseHash(hex)
		if err != nil {
			return hex
		}
		if name := s.tool(id); !strings.HasPrefix(name, "tool ") {
			return name
		}
		return id.Short()
	})
}

// raw reads bytes; any error but their absence ends the walk.
func (s *source) raw(kind string, id object.Hash) ([]byte, error) {
	if s.err == nil {
		s.err = s.ctx.Err()
	}
	if s.err != nil {
		return nil, s.err
	}
	raw, err := s.res.Raw(s.ctx, kind, id)
	if err == nil {
		return raw, nil
	}
	if model.NotHere(err) {
		return nil, errNotHere
	}
	if !damaged(err) {
		s.err = err
	}
	return nil, err
}

// kind is the kind of an object that n names. If the object is missing or damaged, kind adds it below n as a problem
// and returns "".
func (s *source) kind(n *Node, id object.Hash) string {
	kind, err := s.res.Kind(s.ctx, id)
	if err == nil && kind == "" {
		err = errNotHere
	}
	switch {
	case err == nil:
		return kind
	case damaged(err), errors.Is(err, errNotHere):
		n.leaf("Object", id, "%s", id.Short()).fail("%v", err)
	default:
		s.err = err
	}
	return ""
}

func (s *source) related(id object.Hash, kind string) []object.Hash {
	ids, err := s.res.Related(s.ctx, id, kind)
	if err != nil && s.err == nil {
		s.err = err
	}
	return ids
}

// receipts returns the related receipts of trusted signers, or all if there are none: anybody may send us a receipt
// about anything.
func (s *source) receipts(id object.Hash, kind string) []object.Hash {
	all := s.related(id, kind)
	var trusted []object.Hash
	for _, h := range all {
		if r, err := decoded[ledger.Receipt](s, "Receipt", h); err == nil && model.Trusts(s.o.Trust.Receipt, r.Signer, receiptWhen(r, h)) {
			trusted = append(trusted, h)
		}
	}
	if len(trusted) == 0 {
		return all
	}
	return trusted
}

// chunk proves one chunk.
func (s *source) chunk(tree *merkle.Tree, i uint64, root object.Hash) *Node {
	leaf := &Node{Kind: "Chunk", Label: fmt.Sprintf("chunk %d of %d", i+1, tree.Len()), Verified: true}
	chunk, err := tree.At(i)
	if !leaf.check(err) {
		return leaf
	}
	leaf.ID = chunk.Hash
	leaf.Label += fmt.Sprintf(", %s, proven against the root", units.Count(int(chunk.Len), "byte"))
	proof, err := tree.ProveChunk(i)
	if !leaf.check(err) {
		return leaf
	}
	raw, err := can.Marshal(proof)
	if !leaf.check(err) {
		return leaf
	}
	data, err := s.raw(KindBytes, chunk.Hash)
	if leaf.check(err) {
		leaf.check(merkle.VerifyChunk(root, i, raw, data))
	}
	return leaf
}

// imported marks evidence that came from elsewhere: no capability allowed it, and no witness signed it.
func (s *source) imported(n *Node, r *ledger.Receipt) {
	n.Label += ": " + *r.Notes
	s.kept(n, "request", r.RequestHash)
	s.kept(n, "response", r.ResponseHash)
	n.leaf("Record", r.Evidence[0], "the imported record %s, not kept", r.Evidence[0].Short())
}

// deployReceipt reads the request of a promotion or rollback.
func (s *source) deployReceipt(n *Node, r *ledger.Receipt) scope.Use {
	use := scope.Use{Kind: scope.KindDeployPromote}
	_, effect, err := s.opened(n.ID)
	if !n.check(err) {
		return use
	}
	p, _, err := model.OpenPromotion(effect.Response)
	if !n.check(err) {
		return use
	}
	use.Ring, use.Policy = p.RingID, p.PolicyID
	request, err := s.raw(KindBytes, r.RequestHash)
	if err != nil { // it was not captured: the record says what was done
		if r.ToolID == model.RollbackTool {
			use.Policy = s.rollbackPolicy(r, p)
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
