package caps

import (
	"crypto/ed25519"
	"fmt"
	"testing"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// fiveLinks is a chain of depth 5 and its holder.
func fiveLinks(b *testing.B) (Chain, object.AgentID) {
	keys := []*sign.Key{alice, bob, carol, alice, bob}
	chain := rootCap(b, "tool.call:"+hexA+",calls=100,prefix:/path=/data/,max:/n=10")
	for i := 1; i < 5; i++ { // each a little narrower
		scope := fmt.Sprintf("tool.call:%s,calls=%d,prefix:/path=/data/,max:/n=%d", hexA, 100-i, 10-i)
		chain = extend(b, keys[i-1], chain, Draft{Subject: keys[i].Agent(), Delegable: true, Scope: parse(b, scope)})
	}
	return chain, bob.Agent()
}

// BenchmarkBareEd25519x5 is the lower bound of BenchmarkVerifyCold.
func BenchmarkBareEd25519x5(b *testing.B) {
	chain, _ := fiveLinks(b)
	for b.Loop() {
		for i := range chain {
			c := &chain[i].Cap
			if !ed25519.Verify(c.Issuer.Key[:], chain[i].ID.Sum[:], c.Signature.Sig[:]) {
				b.Fatal("no")
			}
		}
	}
}

// BenchmarkVerifyCold verifies a chain of depth 5 never seen before.
func BenchmarkVerifyCold(b *testing.B) {
	chain, holder := fiveLinks(b)
	for b.Loop() {
		if err := verifier().Verify(chain, holder, t0); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyWarm verifies a chain of depth 5 that the verifier remembers.
func BenchmarkVerifyWarm(b *testing.B) {
	chain, holder := fiveLinks(b)
	v := verifier()
	b.ReportAllocs()
	for b.Loop() {
		if err := v.Verify(chain, holder, t0); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyWarmRevocable adds reading the revocation lists.
func BenchmarkVerifyWarmRevocable(b *testing.B) {
	chain, holder := fiveLinks(b)
	v := &Verifier{Trusted: trustOwner, Revoked: emptyLists(b)}
	b.ReportAllocs()
	for b.Loop() {
		if err := v.Verify(chain, holder, t0); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAuthorizeWarm adds scope, constraints and the parsing of a request.
func BenchmarkAuthorizeWarm(b *testing.B) {
	chain, holder := fiveLinks(b)
	v := verifier()
	use := scope.Use{Kind: scope.KindToolCall, Tool: parseHash(b, hexA)}
	use.Request = []byte(`{"path":"/data/x","n":6,"other":[1,2,3]}`)
	for b.Loop() {
		if err := v.Authorize(chain, holder, use, t0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	chain, _ := fiveLinks(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(chain[0].Raw); err != nil {
			b.Fatal(err)
		}
	}
}
