package caps

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

const t0 = object.Time(1_700_000_000_000_000)

func hours(n int) object.Time { return t0.Add(time.Duration(n) * time.Hour) }

func testKey(name string) *sign.Key { return sign.FromSeed(object.SumText(name).Sum, name) }

var (
	owner = testKey("owner")
	alice = testKey("alice")
	bob   = testKey("bob")
	carol = testKey("carol")
)

func scopeOf(t testing.TB, s scope.Scope) scope.CapScope {
	t.Helper()
	c, err := scope.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func parse(t testing.TB, text string) scope.CapScope {
	t.Helper()
	s, err := scope.Parse(text, func(kind, name string) (object.Hash, error) { return object.SumText(kind + ":" + name), nil })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func rootCap(t testing.TB, scope string, change ...func(*Draft)) Chain {
	t.Helper()
	d := Draft{Subject: alice.Agent(), Scope: parse(t, scope), NotBefore: t0, ExpiresAt: hours(10), Delegable: true}
	for _, f := range change {
		f(&d)
	}
	l, err := Issue(owner, d)
	if err != nil {
		t.Fatal(err)
	}
	return Chain{l}
}

func extend(t testing.TB, s sign.Signer, chain Chain, d Draft) Chain {
	t.Helper()
	l, err := Attenuate(s, chain, d)
	if err != nil {
		t.Fatal(err)
	}
	return append(Chain{l}, chain...)
}

// forge makes a child without the checks that Attenuate makes.
func forge(t testing.TB, s sign.Signer, parent Link, change func(*Capability)) Link {
	t.Helper()
	c := Capability{
		Issuer: s.Agent(), Subject: bob.Agent(), Scope: parent.Cap.Scope, NotBefore: parent.Cap.NotBefore,
		ExpiresAt: parent.Cap.ExpiresAt, AttenuationParent: &parent.ID, RevocationRequired: parent.Cap.RevocationRequired,
	}
	change(&c)
	raw, err := sign.Seal(s, Rule, &c, &c.CapID, &c.Signature)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(raw)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// resign encodes a changed capability with the right id and its issuer's signature.
func resign(t testing.TB, s sign.Signer, c Capability) Link {
	t.Helper()
	raw, err := sign.Seal(s, Rule, &c, &c.CapID, &c.Signature)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(raw)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// satisfies returns why a request does not meet constraints.
func satisfies(request []byte, constraints map[string]string) error {
	return scope.Covers(&scope.ToolCall{Constraints: constraints}, &scope.Use{Request: request})
}

// asNarrow returns why constraints are not as narrow as the parent's.
func asNarrow(child, parent map[string]string) error {
	return scope.Within(&scope.ToolCall{Constraints: child}, &scope.ToolCall{Constraints: parent})
}

func trustOwner(issuer object.AgentID, _ uint8) bool { return issuer.Same(owner.Agent()) }

func verifier() *Verifier { return &Verifier{Trusted: trustOwner} }

func wantDenied(t testing.TB, err error, check string, link int) *DeniedError {
	t.Helper()
	var d *DeniedError
	if !errors.As(err, &d) || !errors.Is(err, ErrDenied) {
		t.Fatalf("got %v, want a refusal by %s", err, check)
	}
	if d.Check != check || d.Link != link {
		t.Fatalf("refused by %s at link %d (%v), want %s at link %d", d.Check, d.Link, d, check, link)
	}
	if d.Reason == "" {
		t.Fatal("a refusal without a reason")
	}
	return d
}

// memKV is a key-value store with compare-and-set.
type memKV struct {
	mu      sync.Mutex
	m       map[string][]byte
	updates int
	before  func() // runs before each Update, outside the lock
}

func newMemKV() *memKV { return &memKV{m: map[string][]byte{}} }

func (k *memKV) Get(ctx context.Context, key string) ([]byte, bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	v, ok := k.m[key]
	return bytes.Clone(v), ok, ctx.Err()
}

func (k *memKV) Update(ctx context.Context, check, put map[string][]byte) (bool, error) {
	if k.before != nil {
		k.before()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.updates++
	for key, want := range check {
		have, ok := k.m[key]
		if ok != (want != nil) || !bytes.Equal(have, want) {
			return false, nil
		}
	}
	for key, v := range put {
		if v == nil {
			delete(k.m, key)
		} else {
			k.m[key] = bytes.Clone(v)
		}
	}
	return true, ctx.Err()
}

func TestRequiredTypesAreMapped(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range slices.Concat(Structs, scope.Structs) {
		seen[s.Name] = true
		if s.Type().Kind != can.KindStruct || len(s.Type().Fields) == 0 {
			t.Errorf("%s has no fields", s.Name)
		}
	}
	for i, name := range []string{"BlobRead", "BlobWrite", "BlobPin", "BlobDelete", "ToolCall", "TrainRun", "EvalRun", "DeployPromote", "ComputeSpawn", "CellRead", "CellWrite", "ToolsCall"} {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
		if got := fmt.Sprintf("%T", mustDecode(t, uint8(i+1))); got != "*scope."+name {
			t.Errorf("kind %d decodes as %s, want %s", i+1, got, name)
		}
	}
}

func mustDecode(t *testing.T, kind uint8) scope.Scope {
	t.Helper()
	for _, text := range allScopes {
		if s := parse(t, text); s.Kind == kind {
			scope, err := s.Decode()
			if err != nil {
				t.Fatal(err)
			}
			return scope
		}
	}
	t.Fatalf("no scope of kind %d", kind)
	return nil
}
