package kvledger_test

import (
	"testing"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

func FuzzOpenReceipt(f *testing.F) {
	f.Add(receipt(f, testKey, "", "q", "r", 200))
	f.Add(receipt(f, otherKey, "k", "q", "r", 500))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, id, err := ledger.OpenReceipt(data)
		if err != nil {
			return
		}
		if r.ReceiptID != id {
			t.Fatal("an accepted receipt has another id")
		}
		if err := can.Validate(data); err != nil {
			t.Fatalf("an accepted receipt is not canonical: %v", err)
		}
	})
}

// FuzzEntries reads any bytes as an entry of any kind. If an entry verifies under our key, we signed it.
func FuzzEntries(f *testing.F) {
	l := steady(f)
	fill(f, l, 1)
	idem := ledger.IdemID(tool, []byte("key-0"))
	if err := l.MarkDivergent(f.Context(), tool, idem, ledger.MultipleCommits, nil); err != nil {
		f.Fatal(err)
	}
	if err := l.Resolve(f.Context(), idem, ledger.ResolveAbandon, 1, nil, "no"); err != nil {
		f.Fatal(err)
	}
	signed := map[object.Hash]bool{} // a signature's key id is outside the id
	if err := l.Log(f.Context(), kvledger.Filter{}, func(e ledger.Entry) error {
		f.Add(e.Kind, e.Raw)
		id, err := ruleOf(e).ID(e.Raw)
		signed[id] = true
		return err
	}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, kind byte, raw []byte) {
		e, err := ledger.ParseEntry(kind, raw)
		if err != nil {
			return
		}
		_, _, _ = e.Tool(), e.Time(), e.KindName()
		e.IdemID()
		if e.Verify(testKey.Agent()) != nil {
			return
		}
		id, err := ruleOf(e).ID(raw)
		if err != nil {
			t.Fatal(err)
		}
		if !signed[id] && (e.Mark != nil || e.Commit != nil) { // only our key is tried
			t.Fatalf("a forged %s verifies", e.KindName())
		}
	})
}

func ruleOf(e ledger.Entry) object.Rule {
	return map[byte]object.Rule{ledger.EntryReceipt: ledger.ReceiptRule, ledger.EntryRegister: ledger.RegisterRule, ledger.EntryCommit: ledger.CommitRule,
		ledger.EntryDivergence: ledger.DivergenceRule, ledger.EntryResolution: ledger.ResolutionRule}[e.Kind]
}

func FuzzEvidence(f *testing.F) {
	l := steady(f)
	fillInOrder(f, l, 2)
	e, err := l.Entry(f.Context(), 4)
	if err != nil {
		f.Fatal(err)
	}
	bundle, err := l.ExportEvidence(f.Context(), e.Receipt.ReceiptID, kvledger.Authority{}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bundle)
	want, err := ledger.EvidenceRule.ID(bundle)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ev, err := ledger.VerifyEvidence(data, func(a object.AgentID) bool { return a.Same(alice) })
		if err != nil || !ev.Trusted() {
			return
		}
		if id, err := ledger.EvidenceRule.ID(data); err != nil || id != want {
			t.Fatalf("a forged bundle in our name is intact: %v", err)
		}
	})
}

// steady is a ledger whose entries have the same bytes in every process: a fuzz target runs in several processes, which
// share their seeds.
func steady(t testing.TB) *kvledger.Ledger {
	l := newWorld(t).ledger(testKey)
	l.Instance = make([]byte, ledger.InstanceSize)
	return l
}
