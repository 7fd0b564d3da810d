package bearer_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/gateway/bearer"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

var (
	owner  = sign.FromSeed([32]byte{1}, "owner")
	alice  = sign.FromSeed([32]byte{2}, "alice")
	server = sign.FromSeed([32]byte{3}, "server")
)

const hour = object.Time(time.Hour / time.Microsecond)

// through returns a chain from the owner through alice to the server.
func through(t testing.TB) caps.Chain {
	t.Helper()
	sc, err := scope.New(&scope.ToolCall{ToolID: object.SumText("tool"), MaxCalls: 5})
	if err != nil {
		t.Fatal(err)
	}
	root, err := caps.Issue(owner, caps.Draft{Subject: alice.Agent(), Scope: sc, ExpiresAt: 100 * hour, Delegable: true})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := caps.Attenuate(alice, caps.Chain{root}, caps.Draft{Subject: server.Agent()})
	if err != nil {
		t.Fatal(err)
	}
	return caps.Chain{leaf, root}
}

// TestBearer: a bearer token counts at its server, in its time, if it was made by the agent that let the server act; a
// capability alone does not count.
func TestBearer(t *testing.T) {
	chain := through(t)
	text, err := bearer.Make(alice, chain, 10*hour, 11*hour)
	if err != nil {
		t.Fatal(err)
	}
	for at, good := range map[object.Time]bool{10*hour - 1: false, 10 * hour: true, 11*hour - 1: true, 11 * hour: false} {
		b, got, err := bearer.Open(text, server.Agent(), at)
		if good != (err == nil) || err != nil && !errors.Is(err, bearer.ErrBearer) {
			t.Errorf("at %d: %v", at, err)
		}
		if good && (got[0].ID != chain[0].ID || !b.Issuer.Same(alice.Agent())) {
			t.Errorf("at %d: %+v", at, b)
		}
	}
	if _, _, err := bearer.Open(text, owner.Agent(), 10*hour); !errors.Is(err, bearer.ErrBearer) {
		t.Errorf("at another server: %v", err)
	}
	shown, err := caps.ExportText(chain)
	if err != nil {
		t.Fatal(err)
	}
	for name, word := range map[string]string{"a capability": shown, "its file form as a bearer": bearer.Prefix + shown[len(caps.TextPrefix):], "cut off": text[:len(text)-1], "nothing": "", "spaces": text + " ", "long": bearer.Prefix + strings.Repeat("A", 1<<17)} {
		if _, _, err := bearer.Open(word, server.Agent(), 10*hour); !errors.Is(err, bearer.ErrBearer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNobodyElse: neither the holder of an earlier link nor the server can make a bearer token, and none is valid for
// longer than a day.
func TestNobodyElse(t *testing.T) {
	chain := through(t)
	for _, key := range []*sign.Key{owner, server} {
		if _, err := bearer.Make(key, chain, 0, hour); !errors.Is(err, bearer.ErrBearer) {
			t.Errorf("by %s: %v", key.Agent(), err)
		}
	}
	for _, times := range [][2]object.Time{{0, 24*hour + 1}, {hour, hour}, {hour, 0}, {-1, hour}, {0, 1<<63 - 1}} {
		if _, err := bearer.Make(alice, chain, times[0], times[1]); !errors.Is(err, bearer.ErrBearer) {
			t.Errorf("%v: %v", times, err)
		}
	}
	if _, err := bearer.Make(alice, chain, 0, 24*hour); err != nil {
		t.Error(err)
	}
}

// TestEveryByte: no byte of a bearer can be changed.
func TestEveryByte(t *testing.T) {
	text, err := bearer.Make(alice, through(t), 0, hour)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(text[len(bearer.Prefix):])
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		raw[i] ^= 1
		if _, _, err := bearer.Open(bearer.Prefix+base64.RawURLEncoding.EncodeToString(raw), server.Agent(), 0); !errors.Is(err, bearer.ErrBearer) {
			t.Fatalf("byte %d: %v", i, err)
		}
		raw[i] ^= 1
	}
}
