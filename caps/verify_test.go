package caps

import (
	"bytes"
	"errors"
	"math/bits"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

func TestChainVerifies(t *testing.T) {
	root := rootCap(t, "tool.call:"+hexA+",calls=9")
	toBob := extend(t, alice, root, Draft{Subject: bob.Agent(), Scope: parse(t, "tool.call:"+hexA+",calls=5"), Delegable: true})
	toCarol := extend(t, bob, toBob, Draft{Subject: carol.Agent(), ExpiresAt: hours(1)})
	again := extend(t, owner, root, Draft{Subject: carol.Agent()}) // re-issue
	v := verifier()
	for _, c := range []struct {
		chain  Chain
		holder sign.Signer
	}{{root, alice}, {toBob, bob}, {toCarol, carol}, {again, carol}} {
		for range 2 { // cold and warm
			if err := v.Verify(c.chain, c.holder.Agent(), t0); err != nil {
				t.Error(err)
			}
		}
		wantDenied(t, v.Verify(c.chain, owner.Agent(), t0), CheckHolder, 0)
	}
	if got := toCarol[0].Cap.Scope.String(); got != "tool.call:"+hexA+",calls=5" {
		t.Errorf("the draft without a scope got %s", got)
	}
	if n := len(toCarol); n != 3 || toCarol[0].Cap.NotBefore != t0 || toCarol[0].Cap.ExpiresAt != hours(1) {
		t.Errorf("%d links, %+v", n, toCarol[0].Cap)
	}
	if hinted := (object.AgentID{Scheme: 1, Key: carol.Agent().Key, Hint: "another name"}); v.Verify(again, hinted, t0) != nil {
		t.Error("a hint changes who the holder is")
	}
}

func TestRefusals(t *testing.T) {
	root := rootCap(t, "tool.call:"+hexA+",calls=9", func(d *Draft) { d.Revocable = true })
	sealed := rootCap(t, "tool.call:"+hexA+",calls=9", func(d *Draft) { d.Delegable = false })
	for _, c := range []struct {
		name, check string
		link        int
		signer      sign.Signer
		parent      Chain
		change      func(*Capability)
	}{
		{"a stranger issues", CheckDelegation, 0, carol, root, func(c *Capability) {}},
		{"not delegable", CheckDelegation, 0, alice, sealed, func(c *Capability) {}},
		{"delegable again", CheckDelegation, 0, owner, sealed, func(c *Capability) { c.Delegable = true }},
		{"begins earlier", CheckWindow, 0, alice, root, func(c *Capability) { c.NotBefore-- }},
		{"ends later", CheckWindow, 0, alice, root, func(c *Capability) { c.ExpiresAt++ }},
		{"wider scope", CheckScope, 0, alice, root, func(c *Capability) { c.Scope = parse(t, "tool.call:"+hexA+",calls=10") }},
		{"another kind", CheckScope, 0, alice, root, func(c *Capability) { c.Scope = parse(t, "eval.run:"+hexA) }},
		{"revocation dropped", CheckRevocable, 0, alice, root, func(c *Capability) { c.RevocationRequired = nil }},
		{"revocation denied", CheckRevocable, 0, alice, root, func(c *Capability) { c.RevocationRequired = new(bool) }},
		{"another parent", CheckParent, 0, alice, root, func(c *Capability) { c.AttenuationParent = &sealed[0].ID }},
		{"two roots", CheckParent, 0, alice, root, func(c *Capability) { c.AttenuationParent = nil }},
	} {
		chain := append(Chain{forge(t, c.signer, c.parent[0], c.change)}, c.parent...)
		v := verifier()
		v.Revoked = emptyLists(t)
		for range 2 {
			d := wantDenied(t, v.Verify(chain, bob.Agent(), t0), c.check, c.link)
			if d.Cap != chain[c.link].ID {
				t.Errorf("%s: it names %s", c.name, d.Cap)
			}
		}
	}
}

// emptyLists returns an empty, fresh list for every test agent.
func emptyLists(t testing.TB) func(object.AgentID) (*RevocationList, error) {
	t.Helper()
	lists := map[object.AgentID]*RevocationList{}
	for _, k := range []sign.Signer{owner, alice, bob, carol} {
		l, _, err := Revoke(k, nil, t0)
		if err != nil {
			t.Fatal(err)
		}
		lists[k.Agent().Bare()] = l
	}
	return func(a object.AgentID) (*RevocationList, error) { return lists[a.Bare()], nil }
}

func TestTrustTimeAndForm(t *testing.T) {
	chain := extend(t, alice, rootCap(t, "eval.run:"+hexA), Draft{Subject: bob.Agent(), NotBefore: hours(1), ExpiresAt: hours(2)})
	v := verifier()
	wantDenied(t, v.Verify(nil, bob.Agent(), t0), CheckChain, 0)
	wantDenied(t, v.Verify(chain, bob.Agent(), t0-1), CheckTime, 1)
	wantDenied(t, v.Verify(chain, bob.Agent(), t0), CheckTime, 0)
	wantDenied(t, v.Verify(chain, bob.Agent(), hours(1)-1), CheckTime, 0)
	for _, now := range []object.Time{hours(1), hours(2) - 1} {
		if err := v.Verify(chain, bob.Agent(), now); err != nil {
			t.Error(err)
		}
	}
	wantDenied(t, v.Verify(chain, bob.Agent(), hours(2)), CheckTime, 0)
	wantDenied(t, v.Verify(chain, bob.Agent(), hours(10)), CheckTime, 1)
	wantDenied(t, (&Verifier{}).Verify(chain, bob.Agent(), hours(1)), CheckTrust, 1)
	onlyTools := &Verifier{Trusted: func(a object.AgentID, kind uint8) bool { return trustOwner(a, 0) && kind == scope.KindToolCall }}
	wantDenied(t, onlyTools.Verify(chain, bob.Agent(), hours(1)), CheckTrust, 1)
	wantDenied(t, v.Verify(chain[:1], bob.Agent(), hours(1)), CheckParent, 0)
	wantDenied(t, v.Verify(chain[1:], bob.Agent(), hours(1)), CheckHolder, 0)
	wantDenied(t, v.Verify(Chain{chain[1], chain[0]}, bob.Agent(), hours(1)), CheckParent, 1)
	wantDenied(t, v.Verify(Chain{{Raw: []byte{7}}}, bob.Agent(), hours(1)), CheckForm, 0)
	renamed := Chain{{ID: chain[1].ID, Cap: chain[0].Cap, Raw: chain[0].Raw}, chain[1]}
	wantDenied(t, v.Verify(renamed, bob.Agent(), hours(1)), CheckID, 0)
}

// Changes to Link.Cap have no effect: only the bytes count.
func TestOnlyBytesCount(t *testing.T) {
	chain := rootCap(t, "eval.run:"+hexA+",runs=1")
	chain[0].Cap.Subject = bob.Agent()
	chain[0].Cap.Scope = parse(t, "eval.run:"+hexA)
	wantDenied(t, verifier().Verify(chain, bob.Agent(), t0), CheckHolder, 0)
	use := scope.Use{Kind: scope.KindEvalRun, Suite: parseHash(t, hexA), Runs: 2}
	wantDenied(t, verifier().Authorize(chain, alice.Agent(), use, t0), CheckScope, 0)
}

func TestDepth(t *testing.T) {
	chain := rootCap(t, "eval.run:"+hexA)
	keys := []*sign.Key{alice, bob}
	for i := 1; i < MaxDepth; i++ {
		chain = extend(t, keys[(i+1)%2], chain, Draft{Subject: keys[i%2].Agent(), Delegable: true})
	}
	if err := verifier().Verify(chain, bob.Agent(), t0); err != nil || len(chain) != 16 {
		t.Fatalf("%d links: %v", len(chain), err)
	}
	_, err := Attenuate(bob, chain, Draft{Subject: alice.Agent()})
	wantDenied(t, err, CheckChain, 0)
	tooLong := append(Chain{forge(t, bob, chain[0], func(*Capability) {})}, chain...)
	wantDenied(t, verifier().Verify(tooLong, bob.Agent(), t0), CheckChain, 0)
}

// TestUnknownScopeFieldDenies: a later version may narrow a scope by a new field.
func TestUnknownScopeFieldDenies(t *testing.T) {
	payload, err := can.MapOf([][2][]byte{
		{can.AppendUint(nil, 1), mustMarshal(t, parseHash(t, hexA))},
		{can.AppendUint(nil, 9), can.AppendUint(nil, 1)},
	})
	if err != nil {
		t.Fatal(err)
	}
	l := resign(t, owner, Capability{Issuer: owner.Agent(), Subject: alice.Agent(), Scope: scope.CapScope{Kind: scope.KindBlobRead, Payload: payload}, NotBefore: t0, ExpiresAt: hours(1)})
	wantDenied(t, verifier().Verify(Chain{l}, alice.Agent(), t0), CheckScope, 0)
}

// TestEveryByte changes every byte of a root to every other value, and every bit
// of a child.
func TestEveryByte(t *testing.T) {
	chain := extend(t, alice, rootCap(t, "tool.call:"+hexA+",calls=3,eq:/a=b"), Draft{Subject: bob.Agent()})
	v := verifier()
	for link := range chain {
		raw := chain[link].Raw
		for i := range raw {
			for x := 1; x < 256; x++ {
				if (link == 0 || testing.Short()) && bits.OnesCount(uint(x)) != 1 { // single bits: with -short in every link
					continue
				}
				bad := bytes.Clone(raw)
				bad[i] ^= byte(x)
				changed := append(Chain{}, chain...)
				changed[link] = Link{ID: chain[link].ID, Cap: chain[link].Cap, Raw: bad}
				if l, err := Open(bad); err == nil {
					changed[link].ID = l.ID
				}
				if err := v.Verify(changed, bob.Agent(), t0); !errors.Is(err, ErrDenied) {
					t.Fatalf("link %d, byte %d ^ %#x: %v", link, i, x, err)
				}
				if x == 1 { // warm too
					if err := v.Verify(chain, bob.Agent(), t0); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	if _, err := Open(append(bytes.Clone(chain[0].Raw), 0)); err == nil {
		t.Error("a trailing byte is accepted")
	}
	if _, err := Open(make([]byte, MaxSize+1)); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("an oversized capability: %v", err)
	}
}

func TestCacheForgets(t *testing.T) {
	v := verifier()
	var first Chain
	for i := range cacheEntries + 10 {
		chain := rootCap(t, "eval.run:"+hexA, func(d *Draft) { d.ExpiresAt += object.Time(i) })
		if i == 0 {
			first = chain
		}
		if err := v.Verify(chain, alice.Agent(), t0); err != nil {
			t.Fatal(err)
		}
	}
	if len(v.cache.byID) != cacheEntries || len(v.cache.order) != cacheEntries {
		t.Errorf("%d chains are remembered", len(v.cache.byID))
	}
	if v.cache.find(first) != nil {
		t.Error("the oldest chain is still remembered")
	}
	sum := 0
	for _, p := range v.cache.byID {
		sum += p.links.size()
	}
	if v.cache.size != sum {
		t.Errorf("size %d, sum %d", v.cache.size, sum)
	}
}

func TestIssueRefuses(t *testing.T) {
	good := Draft{Subject: alice.Agent(), Scope: parse(t, "eval.run:"+hexA), NotBefore: t0, ExpiresAt: hours(1)}
	for name, change := range map[string]func(*Draft){
		"empty window": func(d *Draft) { d.ExpiresAt = d.NotBefore },
		"no subject":   func(d *Draft) { d.Subject = object.AgentID{} },
		"no scope":     func(d *Draft) { d.Scope = scope.CapScope{} },
	} {
		d := good
		change(&d)
		if _, err := Issue(owner, d); err == nil {
			t.Error(name, "is issued")
		}
	}
	if _, err := Issue(owner, good); err != nil {
		t.Error(err)
	}
	_, err := Attenuate(carol, rootCap(t, "eval.run:"+hexA), Draft{Subject: bob.Agent()})
	wantDenied(t, err, CheckDelegation, 0)
}

// TestOpenIsObjectOpen compares the fast reader with the generic one.
func TestOpenIsObjectOpen(t *testing.T) {
	raw := extend(t, alice, rootCap(t, "tool.call:"+hexA+",calls=3,eq:/a=b"), Draft{Subject: bob.Agent(), Revocable: true})[0].Raw
	for i := range raw {
		for bit := range 8 {
			bad := bytes.Clone(raw)
			bad[i] ^= 1 << bit
			_, ours := Open(bad)
			_, _, generic := object.Open[Capability](bad, Rule)
			for _, kind := range []error{nil, object.ErrID, object.ErrInvalid} {
				if kind == nil && (ours == nil) != (generic == nil) || kind != nil && errors.Is(ours, kind) != errors.Is(generic, kind) {
					t.Fatalf("byte %d, bit %d: %v, not %v", i, bit, ours, generic)
				}
			}
		}
	}
}
