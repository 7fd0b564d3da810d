package identity_test

import (
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

const start = object.Time(1_790_000_000_000_000)

// TestOwnAuthority: an identity that nobody names is its own authority, and nobody else's. A trust file that names it
// says for what and during which time.
func TestOwnAuthority(t *testing.T) {
	now, dir := start, t.TempDir()
	if err := identity.EditTrust(dir, func(*keyfile.Trust) error { return nil }); err != nil {
		t.Fatal(err)
	}
	seed := object.SumText("seed").Sum
	id, err := identity.Load(dir, hex.EncodeToString(seed[:]), nil, func() object.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	other := sign.FromSeed(object.SumText("other").Sum, "other")
	if !id.TrustsIssuer(id.Self(), scope.KindToolCall) || !id.MayIssue(scope.KindToolCall) || !id.Issued(id.Self()) {
		t.Error("an identity that nobody names is no authority of its own")
	}
	if id.TrustsIssuer(other.Agent(), scope.KindToolCall) || id.Issued(other.Agent()) {
		t.Error("a stranger is trusted")
	}
	if _, err := id.SignerOf(other.Agent()); !errors.Is(err, identity.ErrNoKey) {
		t.Error(err)
	}
	if s, err := id.SignerOf(id.Self()); err != nil || !s.Agent().Same(id.Self()) {
		t.Error(err)
	}
}

// TestTrustEnds: another key counts for the domains in the trust file, as long as the file says so.
func TestTrustEnds(t *testing.T) {
	now, dir := start, t.TempDir()
	seed := object.SumText("seed").Sum
	other := sign.FromSeed(object.SumText("other").Sum, "other")
	err := identity.EditTrust(dir, func(trust *keyfile.Trust) error {
		return trust.Add(keyfile.Entry{Name: "other", Key: other.Agent().KeyHex(), For: []string{scope.Domain(scope.KindToolCall)}, From: start.Add(time.Hour), Until: start.Add(2 * time.Hour)})
	})
	if err != nil {
		t.Fatal(err)
	}
	id, err := identity.Load(dir, hex.EncodeToString(seed[:]), nil, func() object.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at   time.Duration
		kind uint8
		want bool
	}{{0, scope.KindToolCall, false}, {time.Hour, scope.KindToolCall, true}, {time.Hour, scope.KindBlobRead, false}, {2*time.Hour - time.Microsecond, scope.KindToolCall, true}, {2 * time.Hour, scope.KindToolCall, false}} {
		now = start.Add(c.at)
		if got := id.TrustsIssuer(other.Agent(), c.kind); got != c.want {
			t.Errorf("after %s, for %s: %t", c.at, scope.KindName(c.kind), got)
		}
	}
}
