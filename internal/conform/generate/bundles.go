package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec/approval"
	filed "github.com/mythos-project/mythos/internal/evidence"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/intoto"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/memory"
)

// paper is a log with arbitrary content, vouched for by alice's key.
type paper []ledger.EvidenceEntry

func written(entries ...ledger.EvidenceEntry) paper { return entries }

// bundle is the evidence of a receipt; change alters it before it is sealed.
func (p paper) bundle(raw []byte, change func(*ledger.EvidenceBundle)) string {
	ctx, log := context.Background(), mlog.New(memory.New())
	for _, e := range p {
		must(log.Append(ctx, &mlog.Append{Leaves: [][]byte{ledger.Leaf(e.Kind, e.Raw)}}))
	}
	b := ledger.EvidenceBundle{Receipt: raw, Entries: []ledger.EvidenceEntry{}, Caps: [][]byte{}, Log: alice.Agent(), Agents: []object.AgentID{},
		Checkpoint: string(must(log.Checkpoint(ctx, alice)))}
	for i, e := range p {
		e.Seq, e.Inclusion = uint64(i), must(log.Prover(ctx).Inclusion(uint64(len(p)), uint64(i)))
		b.Entries = append(b.Entries, e)
	}
	if change != nil {
		change(&b)
	}
	b.Signature = must(sign.ID(alice, must(ledger.EvidenceRule.IDOf(&b))))
	return hexOf(must(can.Marshal(&b)))
}

// how says how an entry is signed.
type how func(id object.Hash) object.Signature

func by(s sign.Signer) how {
	return func(id object.Hash) object.Signature { return must(sign.ID(s, id)) }
}

// unnamed signs without a key id.
func unnamed(s sign.Signer) how {
	return func(id object.Hash) object.Signature {
		sig := by(s)(id)
		sig.KeyID = nil
		return sig
	}
}

// garbage is 64 bytes of 07, with a key id or without.
func garbage(of *object.Hash) how {
	return func(object.Hash) object.Signature {
		return object.Signature{Alg: object.Ed25519, KeyID: of, Sig: [64]byte(slices.Repeat([]byte{7}, 64))}
	}
}

func entry[T any](kind uint8, rule object.Rule, v *T, sig *object.Signature, h how) ledger.EvidenceEntry {
	*sig = h(must(rule.IDOf(v)))
	return ledger.EvidenceEntry{Kind: kind, Raw: must(can.Marshal(v))}
}

var bundleKey = []byte("deploy-1")

func registered(owner sign.Signer, at int64, fence uint64, h how) ledger.EvidenceEntry {
	r := ledger.EffectRegister{IdemID: ledger.IdemID(tool, bundleKey), ToolID: tool, RequestHash: object.SumText("question"), IdempotencyKey: bundleKey,
		Owner: owner.Agent(), LeaseExpiresAt: object.Time(start + at + minute), TimeObserved: object.Time(start + at), Fence: &fence}
	return entry(ledger.EntryRegister, ledger.RegisterRule, &r, &r.Signature, h)
}

func receipted(raw []byte) ledger.EvidenceEntry {
	return ledger.EvidenceEntry{Kind: ledger.EntryReceipt, Raw: raw}
}

func committed(raw []byte, h how) ledger.EvidenceEntry {
	r := must(object.Decode[ledger.Receipt](raw))
	c := ledger.EffectCommit{IdemID: ledger.IdemID(tool, bundleKey), ToolID: tool, RequestHash: r.RequestHash, ResponseHash: r.ResponseHash, ReceiptID: r.ReceiptID,
		Status: r.Status, TimeObserved: r.TimeObserved}
	return entry(ledger.EntryCommit, ledger.CommitRule, &c, &c.Signature, h)
}

func marked(h how, evidence ...object.Hash) ledger.EvidenceEntry {
	slices.SortFunc(evidence, object.Hash.Compare)
	m := ledger.DivergenceMark{IdemID: ledger.IdemID(tool, bundleKey), ToolID: tool, Reason: ledger.ResponseHashConflict, Evidence: evidence, TimeObserved: object.Time(start)}
	return entry(ledger.EntryDivergence, ledger.DivergenceRule, &m, &m.Signature, h)
}

func resolved(as sign.Signer, decision uint8, h how, evidence ...object.Hash) ledger.EvidenceEntry {
	r := ledger.Resolution{IdemID: ledger.IdemID(tool, bundleKey), Decision: decision, Evidence: append([]object.Hash{}, evidence...), Signer: as.Agent(), TimeObserved: object.Time(start + 2*minute)}
	return entry(ledger.EntryResolution, ledger.ResolutionRule, &r, &r.Signature, h)
}

func bundles() *set {
	s := &set{Class: "evidence", About: "bundles of evidence, sealed by the log's own key: those that are intact, and each way in which one is not"}
	soundBundles(s)
	unprovenBundles(s)
	loneReceipts(s)
	changedBundles(s)
	bundlesWithCaps(s)
	bundlesWithApprovals(s)
	files(s)
	return s
}

func soundBundles(s *set) {
	good := by(alice)
	_, raw := receipt(alice, string(bundleKey), "question", "answer", 200)
	other, late := receipt(bob, string(bundleKey), "question", "another answer", 200)
	_, keyless := receipt(alice, "", "question", "answer", 200)
	sum := object.SumText
	show := func(name string, p paper, of []byte, change func(*ledger.EvidenceBundle)) {
		s.Add(name, fields{"bytes": p.bundle(of, change)})
	}
	once := []ledger.EvidenceEntry{registered(alice, 0, 1, good), receipted(raw), committed(raw, good)}
	show("committed", written(once...), raw, nil)
	show("without a key", written(receipted(keyless)), keyless, nil)
	show("key ids left out", written(registered(alice, 0, 1, unnamed(alice)), receipted(raw), committed(raw, unnamed(alice))), raw, nil)
	show("taken over", written(registered(bob, 0, 1, by(bob)), registered(alice, minute, 2, good), receipted(raw), committed(raw, good)), raw, nil)
	diverged := append(slices.Clone(once), receipted(late), committed(late, by(bob)), marked(good, sum("answer"), sum("another answer")))
	show("divergent", written(diverged...), raw, nil)
	show("divergent, the other receipt", written(diverged...), late, nil)
	accepted := append(slices.Clone(diverged), resolved(carol, ledger.ResolveAccept, by(carol), other))
	show("settled by an operator whom the log names", written(accepted...), raw, func(b *ledger.EvidenceBundle) { b.Operators = []object.AgentID{carol.Agent()} })
	show("settled by a stranger: it stays divergent", written(accepted...), raw, nil)
	show("marked by an agent whom the log names", written(append(slices.Clone(once), receipted(late), committed(late, by(bob)), marked(by(carol), sum("answer"), sum("another answer")))...), raw,
		func(b *ledger.EvidenceBundle) { b.Agents = []object.AgentID{carol.Agent()} })
	show("of an entry amid others", written(receipted(keyless), receipted(late)), keyless, func(b *ledger.EvidenceBundle) { b.Entries = b.Entries[:1] })
	cosigned := func(b *ledger.EvidenceBundle) {
		b.Checkpoint = string(must(mlog.Cosign(carol, alice.Agent(), []byte(b.Checkpoint), nil, nil, object.Time(start))))
	}
	show("cosigned by an agent whom the log names", written(once...), raw, func(b *ledger.EvidenceBundle) { cosigned(b); b.Agents = []object.AgentID{carol.Agent()} })
	show("cosigned by somebody unknown", written(once...), raw, cosigned)
	bundle := unhexed(written(once...).bundle(raw, nil))
	envelope := string(must(intoto.Seal(bob, bundle)))
	inToto := func(name, text string) { s.Add(name, fields{"in_toto": text, "envelope_key": bob.Agent().KeyHex()}) }
	inToto("in-toto", envelope)
	inToto("in-toto, the keyid of nobody", strings.Replace(envelope, bob.Agent().KeyID().String(), sum("nobody").String(), 1))
	inToto("in-toto, signed by another", string(must(intoto.Seal(alice, bundle))))
	inToto("in-toto, another payload type", strings.Replace(envelope, "in-toto+json", "in-toto", 1))
	inToto("in-toto, the statement of another response", restated(envelope, sum("answer").String(), sum("no answer").String()))
}

// restated replaces a text in the statement of an envelope, which bob signs again.
func restated(envelope, old, text string) string {
	var e intoto.Envelope
	must(0, json.Unmarshal([]byte(envelope), &e))
	return string(must(intoto.SealStatement(bob, []byte(strings.Replace(string(e.Payload), old, text, 1)))))
}

// unprovenBundles have an entry that no agent in the bundle has signed.
func unprovenBundles(s *set) {
	good, nobody, own := by(alice), object.SumText("nobody"), alice.Agent().KeyID()
	_, raw := receipt(alice, string(bundleKey), "question", "answer", 200)
	_, late := receipt(alice, string(bundleKey), "question", "another answer", 200)
	conflict := []object.Hash{object.SumText("answer"), object.SumText("another answer")}
	for _, c := range []struct {
		what string
		how  how
	}{
		{"garbage in nobody's name", garbage(&nobody)}, {"garbage in the owner's name", garbage(&own)}, {"garbage without a key id", garbage(nil)},
		{"by a stranger", by(carol)}, {"by a stranger, without a key id", unnamed(carol)},
	} {
		s.Addf(fields{"bytes": written(registered(alice, 0, 1, c.how), receipted(raw), committed(raw, good)).bundle(raw, nil)}, "register, %s", c.what)
		s.Addf(fields{"bytes": written(registered(alice, 0, 1, good), receipted(raw), committed(raw, c.how)).bundle(raw, nil)}, "commit, %s", c.what)
		diverged := []ledger.EvidenceEntry{registered(alice, 0, 1, good), receipted(raw), committed(raw, good), receipted(late), committed(late, good)}
		s.Addf(fields{"bytes": written(append(slices.Clone(diverged), marked(c.how, conflict...))...).bundle(raw, nil)}, "mark, %s", c.what)
		s.Addf(fields{"bytes": written(append(slices.Clone(diverged), marked(good, conflict...), resolved(alice, ledger.ResolveAbandon, c.how))...).bundle(raw, nil)}, "resolution, %s", c.what)
	}
}

// loneReceipts are bundles with only a receipt with a key: only that of a refusal is intact.
func loneReceipts(s *set) {
	lone := func(name string, change func(*ledger.Receipt)) {
		notes := "refused: no capability is active"
		r := ledger.Receipt{ToolID: tool, RequestHash: object.SumText("question"), ResponseHash: object.Sum(nil), IdempotencyKey: bundleKey, TimeObserved: object.Time(start),
			Status: 403, Notes: &notes}
		change(&r)
		_, raw, err := ledger.NewReceipt(alice, r)
		s.Add(name, fields{"bytes": written(receipted(must(raw, err))).bundle(raw, nil)})
	}
	status := func(n uint16) func(*ledger.Receipt) { return func(r *ledger.Receipt) { r.Status = n } }
	lone("a refusal, 403", status(403))
	lone("a refusal, 429", status(429))
	lone("a refusal with status 200", status(200))
	lone("a refusal with status 399", status(399))
	lone("a refusal with status 500", status(500))
	lone("a refusal without notes", func(r *ledger.Receipt) { r.Notes = nil })
	other := "it was refused: yes"
	lone("a refusal with other notes", func(r *ledger.Receipt) { r.Notes = &other })
	lone("a refusal with a response", func(r *ledger.Receipt) { r.ResponseHash = object.SumText("answer") })
	lone("a refusal under a capability", func(r *ledger.Receipt) { r.Evidence = []object.Hash{tool} })
	lone("a success without its commit", func(r *ledger.Receipt) {
		r.Status, r.Notes, r.ResponseHash = 200, nil, object.SumText("answer")
	})
}

func changedBundles(s *set) {
	good := by(alice)
	_, raw := receipt(alice, string(bundleKey), "question", "answer", 200)
	_, late := receipt(alice, string(bundleKey), "question", "another answer", 200)
	_, stranger := receipt(bob, "", "question", "answer", 200)
	p := written(registered(alice, 0, 1, good), receipted(raw), committed(raw, good))
	for _, c := range []struct {
		name   string
		change func(*ledger.EvidenceBundle)
	}{
		{"no register", func(b *ledger.EvidenceBundle) { b.Entries = b.Entries[1:] }},
		{"no commit", func(b *ledger.EvidenceBundle) { b.Entries = b.Entries[:2] }},
		{"no entries", func(b *ledger.EvidenceBundle) { b.Entries = b.Entries[:0] }},
		{"reordered", func(b *ledger.EvidenceBundle) { slices.Reverse(b.Entries) }},
		{"an entry in another place", func(b *ledger.EvidenceBundle) { b.Entries[0].Seq++ }},
		{"an entry of another kind", func(b *ledger.EvidenceBundle) { b.Entries[0].Kind = ledger.EntryCommit }},
		{"an entry of an unknown kind", func(b *ledger.EvidenceBundle) { b.Entries[0].Kind = 9 }},
		{"no proof", func(b *ledger.EvidenceBundle) { b.Entries[1].Inclusion = []object.Hash{} }},
		{"another receipt", func(b *ledger.EvidenceBundle) { b.Receipt = stranger }},
		{"no receipt", func(b *ledger.EvidenceBundle) { b.Receipt = []byte{} }},
		{"another log", func(b *ledger.EvidenceBundle) { b.Log = bob.Agent() }},
		{"no checkpoint", func(b *ledger.EvidenceBundle) { b.Checkpoint = "" }},
	} {
		s.Add(c.name, fields{"bytes": p.bundle(raw, c.change)})
	}
	show := func(name string, entries ...ledger.EvidenceEntry) {
		s.Add(name, fields{"bytes": written(entries...).bundle(raw, nil)})
	}
	show("a register after the commit", registered(alice, 0, 1, good), receipted(raw), committed(raw, good), registered(bob, minute, 2, by(bob)))
	show("a conflict that is not marked", registered(alice, 0, 1, good), receipted(raw), committed(raw, good), receipted(late), committed(late, good))
	show("a commit that is not of its receipt", registered(alice, 0, 1, good), receipted(raw), committed(late, good))
	show("a fence that skips a number", registered(alice, 0, 2, good), receipted(raw), committed(raw, good))
	sealed := unhexed(p.bundle(raw, nil))
	changed := slices.Clone(sealed)
	changed[len(changed)-1] ^= 1
	s.Add("the seal changed", fields{"bytes": hexOf(changed)})
	s.Add("an unknown field that is not sealed", fields{"bytes": hexOf(withField(sealed, 900, can.AppendUint(nil, 1)))})
	s.Add("a bundle cut off", fields{"bytes": hexOf(sealed[:len(sealed)-1])})
}

// bundlesWithCaps hold a capability chain, which must be that of the receipt.
func bundlesWithCaps(s *set) {
	chain := issue(bob, alice, calls(tool, 5), nil)
	show := func(name string, signer sign.Signer, of *caps.Link, at int64, chain caps.Chain) {
		r := ledger.Receipt{ToolID: tool, RequestHash: object.SumText("question"), ResponseHash: object.SumText("answer"), TimeObserved: object.Time(start + at), Status: 200}
		if of != nil {
			r.Evidence = []object.Hash{of.ID}
		}
		_, raw, err := ledger.NewReceipt(signer, r)
		s.Add(name, fields{"bytes": written(receipted(must(raw, err))).bundle(raw, func(b *ledger.EvidenceBundle) { b.Caps = chain.Raws() })})
	}
	show("under a capability", alice, &chain[0], 0, chain)
	show("under a capability that is not shown", alice, &chain[0], 0, nil)
	show("a capability that the receipt does not name", alice, nil, 0, chain)
	show("another capability", alice, &chain[0], 0, issue(bob, alice, calls(tool, 6), nil))
	show("a capability that had expired", alice, &chain[0], 60*minute, chain)
	show("a capability of another", bob, &chain[0], 0, chain)
	elsewhere := issue(bob, alice, calls(object.SumText("tool:other"), 5), nil)
	show("a capability for another tool", alice, &elsewhere[0], 0, elsewhere)
	among := issue(bob, alice, &scope.ToolsCall{ToolIDs: []object.Hash{tool}, MaxCalls: 5}, nil)
	show("a capability for several tools", alice, &among[0], 0, among)
	others := issue(bob, alice, &scope.ToolsCall{ToolIDs: []object.Hash{object.SumText("tool:other")}, MaxCalls: 5}, nil)
	show("a capability for several other tools", alice, &others[0], 0, others)
	listed := issue(bob, alice, calls(tool, 5), func(d *caps.Draft) { d.Revocable = true })
	show("a capability that asks for a revocation list", alice, &listed[0], 0, listed)
	child := attenuate(alice, chain, alice, func(d *caps.Draft) { d.Scope = scopeOf(calls(tool, 1)) })
	show("under a chain of two", alice, &child[0], 0, child)
	show("a chain without its root", alice, &child[0], 0, child[:1])
	forged := slices.Clone(chain)
	forged[0].Raw = slices.Clone(forged[0].Raw)
	forged[0].Raw[len(forged[0].Raw)-1] ^= 1
	show("a capability with a changed signature", alice, &chain[0], 0, forged)
}

// bundlesWithApprovals are under a capability that requires two people's approval.
func bundlesWithApprovals(s *set) {
	two := func(d *scope.ToolCall) *scope.ToolCall { d.Approve = &scope.Approve{Need: 2, Role: "ops"}; return d }
	chain := issue(bob, alice, two(&scope.ToolCall{ToolID: tool, MaxCalls: 5}), nil)
	show := func(name string, change func(*approval.Request), drop int, signers ...sign.Signer) {
		q := &approval.Request{ToolID: tool, RequestHash: object.SumText("question"), Key: bundleKey, CapID: chain[0].ID, Agents: approval.Agents(chain), Need: 2, Role: "ops",
			ExpiresAt: object.Time(start + minute), Signer: alice.Agent(), TimeObserved: object.Time(start)}
		if change != nil {
			change(q)
		}
		agreed := [][]byte{must(sign.Seal(alice, approval.RequestRule, q, &q.ID, &q.Signature))}
		r := ledger.Receipt{ToolID: tool, RequestHash: object.SumText("question"), ResponseHash: object.SumText("answer"), IdempotencyKey: bundleKey, TimeObserved: object.Time(start), Status: 200, Evidence: []object.Hash{chain[0].ID, q.ID}}
		for i, k := range signers {
			a := &approval.Approval{Request: q.ID, Yes: true, Note: fmt.Sprint(i), Signer: k.Agent(), TimeObserved: object.Time(start)}
			agreed = append(agreed, must(sign.Seal(k, approval.Rule, a, &a.ID, &a.Signature)))
			r.Evidence = append(r.Evidence, a.ID)
		}
		_, raw, err := ledger.NewReceipt(alice, r)
		good := by(alice)
		s.Add(name, fields{"bytes": written(registered(alice, 0, 1, good), receipted(must(raw, err)), committed(raw, good)).bundle(raw, func(b *ledger.EvidenceBundle) {
			b.Caps, b.Agreed = chain.Raws(), agreed[:len(agreed)-drop]
		})})
	}
	show("after approval by two", nil, 0, bob, carol)
	show("after approval by two, of whom one is not shown", nil, 1, bob, carol)
	show("after approval by none that is shown", nil, 3, bob, carol)
	show("after approval by one, twice", nil, 0, bob, bob)
	show("after approval by the agent itself", nil, 0, alice, carol)
	show("after approval of another request", func(q *approval.Request) { q.RequestHash = object.SumText("another question") }, 0, bob, carol)
	show("after approval under another key", func(q *approval.Request) { q.Key = []byte("another") }, 0, bob, carol)
	show("after approval that one asked for", func(q *approval.Request) { q.Need = 1 }, 0, bob)
	show("after approval by another role", func(q *approval.Request) { q.Role = "dev" }, 0, bob, carol)
	show("after approval of an agent that does not say who it is", func(q *approval.Request) { q.Agents = []object.AgentID{carol.Agent()} }, 0, bob, carol)
	show("after approval that had expired", func(q *approval.Request) { q.ExpiresAt = object.Time(start) }, 0, bob, carol)
}

// files are evidence files of many receipts; each line has its own answer.
func files(s *set) {
	good := by(alice)
	id, raw := receipt(alice, string(bundleKey), "question", "answer", 200)
	single, keyless := receipt(alice, "", "question", "answer", 200)
	line := func(id object.Hash, hexed string) string {
		return string(must(filed.AppendLine(nil, filed.Line{ReceiptID: id, Evidence: unhexed(hexed)})))
	}
	first := line(id, written(registered(alice, 0, 1, good), receipted(raw), committed(raw, good)).bundle(raw, nil))
	second := line(single, written(receipted(keyless)).bundle(keyless, nil))
	for _, f := range []struct{ name, text string }{
		{"two", first + second},
		{"no line end at the end", first + strings.TrimSuffix(second, "\n")},
		{"CRLF", strings.ReplaceAll(first+second, "\n", "\r\n")},
		{"an empty line", first + "\n" + second},
		{"the evidence of another receipt", line(single, written(registered(alice, 0, 1, good), receipted(raw), committed(raw, good)).bundle(raw, nil)) + second},
		{"a bundle that is cut off", line(id, written(receipted(raw)).bundle(raw, nil)[:400]) + second},
		{"another member", strings.Replace(first, "{", `{"note":"",`, 1) + second},
		{"base64 without padding", strings.Replace(first, "=\"}", "\"}", 1) + second},
		{"a hash in capitals", strings.Replace(first, id.String(), strings.ToUpper(id.String()), 1) + second},
		{"nothing", ""},
	} {
		s.Add("file: "+f.name, fields{"file": f.text})
	}
}
