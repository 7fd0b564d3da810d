package quota

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

const t0 = object.Time(1_700_000_000_000_000)

func clock() object.Time { return t0 }

var hexA = strings.Repeat("ab", 32)

func testKey(name string) *sign.Key { return sign.FromSeed(object.SumText(name).Sum, name) }

var (
	owner = testKey("owner")
	alice = testKey("alice")
	bob   = testKey("bob")
	carol = testKey("carol")
)

func trustOwner(issuer object.AgentID, _ uint8) bool { return issuer.Same(owner.Agent()) }

func parseHash(t testing.TB, s string) object.Hash {
	t.Helper()
	h, err := object.ParseHash(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func parse(t testing.TB, text string) scope.CapScope {
	t.Helper()
	s, err := scope.Parse(text, func(kind, name string) (object.Hash, error) { return object.SumText(kind + ":" + name), nil })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func rootCap(t testing.TB, scope string, change ...func(*caps.Draft)) caps.Chain {
	t.Helper()
	d := caps.Draft{Subject: alice.Agent(), Scope: parse(t, scope), NotBefore: t0, ExpiresAt: t0.Add(10 * time.Hour), Delegable: true}
	for _, f := range change {
		f(&d)
	}
	l, err := caps.Issue(owner, d)
	if err != nil {
		t.Fatal(err)
	}
	return caps.Chain{l}
}

func extend(t testing.TB, s sign.Signer, chain caps.Chain, d caps.Draft) caps.Chain {
	t.Helper()
	l, err := caps.Attenuate(s, chain, d)
	if err != nil {
		t.Fatal(err)
	}
	return append(caps.Chain{l}, chain...)
}

func wantDenied(t testing.TB, err error, check string, link int) *caps.DeniedError {
	t.Helper()
	var d *caps.DeniedError
	if !errors.As(err, &d) || !errors.Is(err, caps.ErrDenied) {
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
