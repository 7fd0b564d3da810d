package kvledger_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// paper is a log that was never in a store: its entries are written by hand, and its signer vouches for all of them.
type paper struct {
	t       *testing.T
	entries []ledger.EvidenceEntry
	hashes  []tlog.Hash // as tlog stores them
}

func (p *paper) add(kind byte, v any) {
	p.t.Helper()
	raw, ok := v.([]byte)
	if !ok {
		raw = mustMarshal(p.t, v)
	}
	p.entries = append(p.entries, ledger.EvidenceEntry{Seq: uint64(len(p.entries)), Kind: kind, Raw: raw})
	hashes, err := tlog.StoredHashes(int64(len(p.entries)-1), append([]byte{kind}, raw...), p.reader())
	if err != nil {
		p.t.Fatal(err)
	}
	p.hashes = append(p.hashes, hashes...)
}

func (p *paper) reader() tlog.HashReader {
	return tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		var list []tlog.Hash
		for _, i := range at {
			list = append(list, p.hashes[i])
		}
		return list, nil
	})
}

// noted signs notes as a log (suffix 1).
type noted struct{ sign.Signer }

func (n noted) Name() string { return mlog.Origin(n.Agent()) }
func (n noted) KeyHash() uint32 {
	key := n.Agent().Key
	sum := sha256.Sum256(append([]byte(n.Name()+"\n\x01"), key[:]...))
	return binary.BigEndian.Uint32(sum[:])
}
func (n noted) Sign(msg []byte) ([]byte, error) { sig, err := n.Signer.Sign(msg); return sig[:], err }

// bundle is the evidence for a receipt, with all entries, sealed by alice's log.
func (p *paper) bundle(raw []byte, change func(*ledger.EvidenceBundle)) []byte {
	p.t.Helper()
	size := int64(len(p.entries))
	root, err := tlog.TreeHash(size, p.reader())
	if err != nil {
		p.t.Fatal(err)
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", mlog.Origin(alice), size, base64.StdEncoding.EncodeToString(root[:]))
	checkpoint, err := note.Sign(&note.Note{Text: text}, noted{testKey})
	if err != nil {
		p.t.Fatal(err)
	}
	b := ledger.EvidenceBundle{Receipt: raw, Entries: p.entries, Caps: [][]byte{}, Checkpoint: string(checkpoint), Log: alice, Agents: []object.AgentID{}}
	for i := range b.Entries {
		proof, err := tlog.ProveRecord(size, int64(i), p.reader())
		if err != nil {
			p.t.Fatal(err)
		}
		b.Entries[i].Inclusion = []object.Hash{}
		for _, h := range proof {
			b.Entries[i].Inclusion = append(b.Entries[i].Inclusion, object.HashOf(h))
		}
	}
	if change != nil {
		change(&b)
	}
	if b.Signature, err = sealed(&b); err != nil {
		p.t.Fatal(err)
	}
	return mustMarshal(p.t, &b)
}

// how says how an entry is signed.
type how func(t *testing.T, id object.Hash) object.Signature

func by(key sign.Signer) how {
	return func(t *testing.T, id object.Hash) object.Signature {
		sig, err := sign.ID(key, id)
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
}

// keyless signs without naming the key.
func keyless(key sign.Signer) how {
	return func(t *testing.T, id object.Hash) object.Signature {
		sig := by(key)(t, id)
		sig.KeyID = nil
		return sig
	}
}

// garbage is an invalid signature, in somebody's name or in nobody's.
func garbage(of *object.Hash) how {
	return func(*testing.T, object.Hash) object.Signature {
		return object.Signature{Alg: object.Ed25519, KeyID: of, Sig: [64]byte(bytes.Repeat([]byte{7}, 64))}
	}
}

func signedAs[T any](t *testing.T, rule object.Rule, v *T, sig *object.Signature, h how) []byte {
	t.Helper()
	id, err := rule.IDOf(v)
	if err != nil {
		t.Fatal(err)
	}
	*sig = h(t, id)
	return mustMarshal(t, v)
}

var paperKey = []byte("k")

func paperRegister(t *testing.T, h how) []byte {
	r := ledger.EffectRegister{IdemID: ledger.IdemID(tool, paperKey), ToolID: tool, RequestHash: object.SumText("q"), IdempotencyKey: paperKey, Owner: alice, LeaseExpiresAt: 9}
	return signedAs(t, ledger.RegisterRule, &r, &r.Signature, h)
}

func paperCommit(t *testing.T, raw []byte, h how) []byte {
	r, id, err := ledger.OpenReceipt(raw)
	if err != nil {
		t.Fatal(err)
	}
	c := ledger.EffectCommit{IdemID: ledger.IdemID(tool, paperKey), ToolID: tool, RequestHash: r.RequestHash, ResponseHash: r.ResponseHash, ReceiptID: id, Status: r.Status}
	return signedAs(t, ledger.CommitRule, &c, &c.Signature, h)
}

func paperMark(t *testing.T, h how) []byte {
	m := ledger.DivergenceMark{IdemID: ledger.IdemID(tool, paperKey), ToolID: tool, Reason: ledger.MultipleCommits, Evidence: []object.Hash{}}
	return signedAs(t, ledger.DivergenceRule, &m, &m.Signature, h)
}

func paperResolution(t *testing.T, signer object.AgentID, h how) []byte {
	r := ledger.Resolution{IdemID: ledger.IdemID(tool, paperKey), Decision: ledger.ResolveAbandon, Evidence: []object.Hash{}, Signer: signer}
	return signedAs(t, ledger.ResolutionRule, &r, &r.Signature, h)
}

// TestEvidenceNobodySigned: if a bundle holds anything that nothing in it verifies, it is not intact, even if the log's
// own signer vouches for all of it.
func TestEvidenceNobodySigned(t *testing.T) {
	good := by(testKey)
	raw := receipt(t, testKey, "k", "q", "r", 200)
	nobody, own := object.SumText("nobody"), alice.KeyID()
	for name, c := range map[string]struct {
		register, commit, mark, resolution how
		intact                             bool
	}{
		"all signed":                         {good, good, good, good, true},
		"keys not named":                     {keyless(testKey), keyless(testKey), keyless(testKey), keyless(testKey), true},
		"commit in nobody's name":            {good, garbage(&nobody), nil, nil, false},
		"commit in the owner's name":         {good, garbage(&own), nil, nil, false},
		"commit in no name":                  {good, garbage(nil), nil, nil, false},
		"commit by a stranger":               {good, by(thirdKey), nil, nil, false},
		"commit by a stranger, key not said": {good, keyless(thirdKey), nil, nil, false},
		"mark in nobody's name":              {good, good, garbage(&nobody), nil, false},
		"mark in no name":                    {good, good, garbage(nil), nil, false},
		"mark by a stranger":                 {good, good, by(thirdKey), nil, false},
		"resolution in no name":              {good, good, good, garbage(nil), false},
		"resolution by a stranger's key":     {good, good, good, by(thirdKey), false},
		"register in no name":                {garbage(nil), good, nil, nil, false},
		"register by a stranger's key":       {by(thirdKey), good, nil, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := &paper{t: t}
			p.add(ledger.EntryRegister, paperRegister(t, c.register))
			p.add(ledger.EntryReceipt, raw)
			p.add(ledger.EntryCommit, paperCommit(t, raw, c.commit))
			if c.mark != nil {
				p.add(ledger.EntryDivergence, paperMark(t, c.mark))
			}
			if c.resolution != nil {
				p.add(ledger.EntryResolution, paperResolution(t, alice, c.resolution))
			}
			_, err := ledger.VerifyEvidence(p.bundle(raw, nil), nil)
			if unproven := errors.Is(err, ledger.ErrUnverifiable) || errors.Is(err, sign.ErrSignature); c.intact != (err == nil) || c.intact == unproven {
				t.Errorf("intact %v: %v", c.intact, err)
			}
		})
	}
	p := &paper{t: t}
	p.add(ledger.EntryRegister, paperRegister(t, good))
	p.add(ledger.EntryReceipt, raw)
	p.add(ledger.EntryCommit, paperCommit(t, raw, by(thirdKey)))
	named := func(b *ledger.EvidenceBundle) { b.Agents = []object.AgentID{thirdKey.Agent()} }
	if _, err := ledger.VerifyEvidence(p.bundle(raw, named), nil); err != nil {
		t.Errorf("a commit by an agent that the bundle names: %v", err)
	}
}

// TestEvidenceOfAStrangersDecision: a resolution in a bundle counts if its signer is the log's agent or one of the
// operators that the log names.
func TestEvidenceOfAStrangersDecision(t *testing.T) {
	raw, third := receipt(t, testKey, "k", "q", "r", 200), thirdKey.Agent()
	p := &paper{t: t}
	p.add(ledger.EntryRegister, paperRegister(t, by(testKey)))
	p.add(ledger.EntryReceipt, raw)
	p.add(ledger.EntryCommit, paperCommit(t, raw, by(testKey)))
	p.add(ledger.EntryDivergence, paperMark(t, by(testKey)))
	p.add(ledger.EntryResolution, paperResolution(t, third, by(thirdKey)))
	for want, operators := range map[ledger.Status][]object.AgentID{ledger.StatusDivergent: nil, ledger.StatusAbandoned: {third}} {
		ev, err := ledger.VerifyEvidence(p.bundle(raw, func(b *ledger.EvidenceBundle) { b.Operators = operators }), nil)
		if err != nil || ev.State.At(9) != want {
			t.Errorf("expected %s: %v", want, err)
		}
	}
}

// TestEvidenceWithoutACommit: a receipt with a key needs the commit that names it. Only
// the receipt of a refusal stands alone, and nothing else passes for one.
func TestEvidenceWithoutACommit(t *testing.T) {
	with := func(status uint16, change func(*ledger.Receipt)) []byte { return refusal(t, "k", status, change) }
	says := func(text string) func(*ledger.Receipt) { return func(r *ledger.Receipt) { r.Notes = &text } }
	for name, c := range map[string]struct {
		raw    []byte
		intact bool
	}{
		"a refusal":                  {with(403, nil), true},
		"a refusal for its quota":    {with(429, nil), true},
		"a success":                  {receipt(t, testKey, "k", "q", "r", 200), false},
		"a success called a refusal": {with(200, nil), false},
		"a failure called a refusal": {with(500, nil), false},
		"without notes":              {with(403, func(r *ledger.Receipt) { r.Notes = nil }), false},
		"with other notes":           {with(403, says("it was refused: yes")), false},
		"with a response":            {with(404, func(r *ledger.Receipt) { r.ResponseHash = object.SumText("r") }), false},
		"under a capability":         {with(404, func(r *ledger.Receipt) { r.Evidence = []object.Hash{tool} }), false},
	} {
		p := &paper{t: t}
		p.add(ledger.EntryReceipt, c.raw)
		if ev, err := ledger.VerifyEvidence(p.bundle(c.raw, nil), nil); c.intact != (err == nil) || (err == nil && !ev.Refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	raw := receipt(t, testKey, "k", "q", "r", 200)
	p := &paper{t: t}
	p.add(ledger.EntryRegister, paperRegister(t, by(testKey)))
	p.add(ledger.EntryReceipt, with(403, nil))
	p.add(ledger.EntryCommit, paperCommit(t, raw, by(testKey)))
	if _, err := ledger.VerifyEvidence(p.bundle(p.entries[1].Raw, nil), nil); err == nil {
		t.Error("a refusal inside a history that is not its own")
	}
}

// TestEvidenceOfAWithdrawal: the receipt of an attempt that did not start has no commit, but a statement of its owner.
func TestEvidenceOfAWithdrawal(t *testing.T) {
	ctx := t.Context()
	l := newWorld(t).ledger(testKey)
	d, err := l.Register(ctx, tool, []byte("k"), object.SumText("q"), minute)
	if err != nil {
		t.Fatal(err)
	}
	raw := receipt(t, testKey, "k", "q", "not started", 500)
	if err := l.Withdraw(ctx, d, ledger.ResolveRelease, raw); err != nil {
		t.Fatal(err)
	}
	bundle, err := l.ExportEvidence(ctx, receiptID(t, raw), kvledger.Authority{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if ev, err := ledger.VerifyEvidence(bundle, nil); err != nil || ev.Refused || ev.State.At(0) != ledger.StatusReleased {
		t.Errorf("%+v %v", ev, err)
	}
	p := &paper{t: t}
	p.add(ledger.EntryReceipt, raw)
	if _, err := ledger.VerifyEvidence(p.bundle(raw, nil), nil); err == nil {
		t.Error("it is intact without the withdrawal")
	}
}

// TestEvidenceUnderAnUnknownSignature: a signature on the checkpoint that nobody in the bundle can verify makes the
// bundle not intact.
func TestEvidenceUnderAnUnknownSignature(t *testing.T) {
	raw := receipt(t, testKey, "", "q", "r", 200)
	p := &paper{t: t}
	p.add(ledger.EntryReceipt, raw)
	cosigned := func(b *ledger.EvidenceBundle) {
		text, err := mlog.Cosign(thirdKey, alice, []byte(b.Checkpoint), nil, nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		b.Checkpoint = string(text)
	}
	for name, c := range map[string]struct {
		change func(*ledger.EvidenceBundle)
		intact bool
	}{
		"cosigned by an agent of the bundle": {func(b *ledger.EvidenceBundle) { cosigned(b); b.Agents = []object.AgentID{thirdKey.Agent()} }, true},
		"cosigned by a stranger":             {cosigned, false},
		"cosigned, one bit changed": {func(b *ledger.EvidenceBundle) {
			cosigned(b)
			b.Agents = []object.AgentID{thirdKey.Agent()}
			i := strings.LastIndex(b.Checkpoint, " ") + 20
			b.Checkpoint = b.Checkpoint[:i] + string(b.Checkpoint[i]^1) + b.Checkpoint[i+1:]
		}, false},
		"a line of some other kind": {func(b *ledger.EvidenceBundle) {
			b.Checkpoint += "— example.org/log " + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 68)) + "\n"
		}, false},
	} {
		if _, err := ledger.VerifyEvidence(p.bundle(raw, c.change), nil); c.intact != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// refusal is the receipt of a refused effect; change alters it.
func refusal(t *testing.T, key string, status uint16, change func(*ledger.Receipt)) []byte {
	t.Helper()
	notes := ledger.RefusedNotes + "no capability is active"
	r := ledger.Receipt{ToolID: tool, RequestHash: object.SumText("q"), ResponseHash: object.Sum(nil),
		IdempotencyKey: []byte(key), Status: status, Notes: &notes}
	if change != nil {
		change(&r)
	}
	_, raw, err := ledger.NewReceipt(testKey, r)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
