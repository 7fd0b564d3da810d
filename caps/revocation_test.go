package caps

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// threeLinks is owner → alice → bob → carol.
func threeLinks(t testing.TB, revocable bool) Chain {
	root := rootCap(t, "eval.run:"+hexA, func(d *Draft) { d.Revocable = revocable })
	second := extend(t, alice, root, Draft{Subject: bob.Agent(), Delegable: true})
	return extend(t, bob, second, Draft{Subject: carol.Agent()})
}

func TestRevocation(t *testing.T) {
	for _, required := range []bool{false, true} {
		chain := threeLinks(t, required)
		if err := verifyRevoked(t, chain, nil, object.Hash{}); err != nil {
			t.Fatal(err)
		}
		// The issuer of a link and everyone above can revoke it; nobody below can.
		for link := range chain {
			for by, s := range issuers {
				err := verifyRevoked(t, chain, s, chain[link].ID)
				if by >= link {
					wantDenied(t, err, CheckRevocation, link)
				} else if err != nil {
					t.Errorf("the issuer of link %d revoked link %d: %v", by, link, err)
				}
			}
		}
	}
}

// issuers are those of a threeLinks chain, in its order.
var issuers = []sign.Signer{bob, alice, owner}

// verifyRevoked verifies with a list of every issuer; only the list of by contains id.
func verifyRevoked(t *testing.T, chain Chain, by sign.Signer, id object.Hash) error {
	t.Helper()
	lists := NewRevocations(newMemKV())
	for _, s := range issuers {
		var ids []object.Hash
		if s == by {
			ids = append(ids, id)
		}
		if _, _, err := lists.Revoke(t.Context(), s, t0, ids...); err != nil {
			t.Fatal(err)
		}
	}
	v := &Verifier{Trusted: trustOwner, Revoked: lists.Lookup(t.Context())}
	return v.Verify(chain, carol.Agent(), t0)
}

func TestRevocationRequired(t *testing.T) {
	chain := threeLinks(t, true)
	lists := map[object.AgentID]*RevocationList{}
	v := &Verifier{Trusted: trustOwner}
	wantDenied(t, v.Verify(chain, carol.Agent(), t0), CheckRevocation, 2)
	lost := errors.New("the disk is gone")
	v.Revoked = func(object.AgentID) (*RevocationList, error) { return nil, lost }
	if d := wantDenied(t, v.Verify(chain, carol.Agent(), t0), CheckRevocation, 2); !errors.Is(d, lost) {
		t.Error("the cause is lost")
	}
	v.Revoked = func(a object.AgentID) (*RevocationList, error) { return lists[a.Bare()], nil }
	for link, s := range slices.Backward(issuers) {
		wantDenied(t, v.Verify(chain, carol.Agent(), t0), CheckRevocation, link)
		l, _, err := Revoke(s, nil, t0)
		if err != nil {
			t.Fatal(err)
		}
		lists[s.Agent().Bare()] = l
	}
	if err := v.Verify(chain, carol.Agent(), t0); err != nil {
		t.Fatal(err)
	}
	// A list of somebody else does not count.
	lists[bob.Agent().Bare()] = lists[owner.Agent().Bare()]
	wantDenied(t, v.Verify(chain, carol.Agent(), t0), CheckRevocation, 0)
}

func TestRevocationAge(t *testing.T) {
	chain := rootCap(t, "eval.run:"+hexA, func(d *Draft) { d.Revocable = true })
	list, _, err := Revoke(owner, nil, hours(1))
	if err != nil {
		t.Fatal(err)
	}
	age := time.Hour
	v := &Verifier{
		Trusted: trustOwner,
		Revoked: func(object.AgentID) (*RevocationList, error) { return list, nil },
		MaxAge:  func(object.AgentID) time.Duration { return age },
	}
	for now, fresh := range map[object.Time]bool{
		hours(1): true, hours(2): true, hours(2) + 1: false, hours(1).Add(-clockSkew): true, hours(1).Add(-clockSkew) - 1: false,
	} {
		err := v.Verify(chain, alice.Agent(), now)
		if fresh && err != nil {
			t.Errorf("at %s: %v", now, err)
		}
		if !fresh {
			wantDenied(t, err, CheckRevocation, 0)
		}
	}
	age = 0
	if err := v.Verify(chain, alice.Agent(), hours(9)); err != nil {
		t.Error("without a limit:", err)
	}
	// The age of the list does not matter for a capability that does not require one.
	age = time.Hour
	if err := v.Verify(rootCap(t, "eval.run:"+hexA), alice.Agent(), hours(9)); err != nil {
		t.Error(err)
	}
}

func TestRevocationsKeepTheNewest(t *testing.T) {
	ctx := context.Background()
	kv := newMemKV()
	r := NewRevocations(kv)
	a, b := object.SumText("a"), object.SumText("b")
	one, rawOne, err := r.Revoke(ctx, owner, t0, b, a, b)
	if err != nil || one.Sequence != 1 || len(one.Revoked) != 2 || !one.Has(a) || !one.Has(b) {
		t.Fatalf("%+v, %v", one, err)
	}
	two, rawTwo, err := Revoke(owner, one, t0+1)
	if err != nil || two.Sequence != 2 || len(two.Revoked) != 2 {
		t.Fatalf("%+v, %v", two, err)
	}
	_, rawFork, err := Revoke(owner, nil, t0+5, a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Put(ctx, rawFork); !errors.Is(err, ErrRevocationFork) {
		t.Errorf("two lists with sequence 1: %v", err)
	}
	if _, err := r.Put(ctx, rawTwo); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Put(ctx, rawTwo); err != nil {
		t.Errorf("the same list again: %v", err)
	}
	if _, err := r.Put(ctx, rawOne); !errors.Is(err, ErrRevocationOld) {
		t.Errorf("an older list: %v", err)
	}
	if l, err := NewRevocations(kv).List(ctx, owner.Agent()); err != nil || l.Sequence != 2 {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := r.List(ctx, bob.Agent()); l != nil || err != nil {
		t.Errorf("a list out of nowhere: %v, %v", l, err)
	}
	if _, _, err := Revoke(bob, one, t0); err == nil {
		t.Error("bob continues the owner's list")
	}
}

func TestRevocationListBytes(t *testing.T) {
	_, raw, err := Revoke(owner, nil, t0, object.SumText("a"), object.SumText("b"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		bad := bytes.Clone(raw)
		bad[i] ^= 1
		if _, _, err := OpenRevocationList(bad); err == nil {
			t.Fatalf("a change of byte %d is accepted", i)
		}
	}
	l := RevocationList{Issuer: owner.Agent(), Revoked: []object.Hash{object.SumText("a"), object.SumText("a")}}
	if l.Check() == nil {
		t.Error("a list with an id twice is accepted")
	}
	if _, err := NewRevocations(newMemKV()).Put(t.Context(), raw[:10]); err == nil {
		t.Error("a damaged list is kept")
	}
}
