package repo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/internal/codebook"
	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/packet"
)

// agreeing is a repository with a clock that the test moves.
type agreeing struct {
	*repo.Repo
	now object.Time
}

func newAgreeing(t testing.TB) *agreeing {
	t.Helper()
	dir := t.TempDir()
	if _, _, err := repo.Init(dir, "near", engine.Make); err != nil {
		t.Fatal(err)
	}
	a := &agreeing{now: 1_000_000_000}
	var err error
	a.Repo, err = repo.Open(context.Background(), filepath.Join(dir, repo.Folder), repo.Options{
		Config: &config.Config{Lease: time.Minute, Busy: time.Second}, Now: func() object.Time { return a.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// book makes a trained codebook, a different one each time.
func book(t *testing.T, seed int) *packet.Codebook {
	t.Helper()
	var samples [][]byte
	for i := range 10 {
		raw, err := asm.Assemble(fmt.Appendf(nil, ".const a text \"codebook %d of many, sample %d\"\n.task #\"sym:main\" () budget { cpu 10, io 0, writes 0 }\nconst r0, $a\nret r0\n", seed, i))
		if err != nil {
			t.Fatal(err)
		}
		samples = append(samples, raw)
	}
	cb, _, err := packet.Train(samples, 512)
	if err != nil {
		t.Fatal(err)
	}
	return cb
}

func offerOf(t *testing.T, by *sign.Key, to object.AgentID, cb *packet.Codebook, expires object.Time) []byte {
	t.Helper()
	proposal, err := packet.Propose(by, cb, to, expires)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := can.Marshal(cb)
	if err != nil {
		t.Fatal(err)
	}
	offer, err := can.Marshal(&packet.CodebookOffer{Agreement: proposal, Codebook: raw})
	if err != nil {
		t.Fatal(err)
	}
	return offer
}

// TestProposalsAreBounded: one proposer can have eight open proposals, whose codebooks are removed with them when they
// expire.
func TestProposalsAreBounded(t *testing.T) {
	ctx := context.Background()
	n := newAgreeing(t)
	greedy, other := sign.FromSeed([32]byte{7}, "greedy"), sign.FromSeed([32]byte{8}, "other")
	cb := book(t, 0)
	for i := range 8 {
		if _, _, err := n.Codebooks.TakeOffer(ctx, offerOf(t, greedy, n.Self(), cb, n.now.Add(time.Hour+time.Duration(i)*time.Second)), false); err != nil {
			t.Fatal(err)
		}
	}
	ninth := offerOf(t, greedy, n.Self(), cb, n.now.Add(2*time.Hour))
	if _, _, err := n.Codebooks.TakeOffer(ctx, ninth, false); !errors.Is(err, packet.ErrCodebook) {
		t.Errorf("a ninth proposal: %v", err)
	}
	if _, _, err := n.Codebooks.TakeOffer(ctx, offerOf(t, other, n.Self(), cb, n.now.Add(2*time.Hour)), false); err != nil {
		t.Errorf("of another proposer: %v", err)
	}
	if _, err := n.Codebooks.Get(ctx, mustID(t, cb)); err == nil {
		t.Error("the codebook of a mere proposal is kept for ever")
	}
	n.now = n.now.Add(90 * time.Minute)
	if _, _, err := n.Codebooks.TakeOffer(ctx, ninth, false); err != nil {
		t.Errorf("after the others expired: %v", err)
	}
	count := 0
	if err := n.Codebooks.Agreements(ctx, func(codebook.Agreement) error { count++; return nil }); err != nil || count != 2 {
		t.Errorf("%d are kept, %v", count, err)
	}
}

// TestOfferedByStrangers: over a network only trusted agents are accepted, and only for agreements with us.
func TestOfferedByStrangers(t *testing.T) {
	ctx := context.Background()
	n := newAgreeing(t)
	stranger := sign.FromSeed([32]byte{7}, "stranger")
	cb := book(t, 1)
	expires := n.now.Add(time.Hour)
	if _, _, err := n.Codebooks.OfferFrom(ctx, offerOf(t, stranger, n.Self(), cb, expires), true); !errors.Is(err, packet.ErrUntrusted) {
		t.Errorf("a stranger's: %v", err)
	}
	if _, _, err := n.Codebooks.OfferFrom(ctx, offerOf(t, stranger, stranger.Agent(), cb, expires), true); !errors.Is(err, packet.ErrCodebook) {
		t.Errorf("one of others: %v", err)
	}
	if _, _, err := n.Codebooks.OfferFrom(ctx, offerOf(t, n.Key, n.Self(), cb, expires), true); !errors.Is(err, packet.ErrCodebook) {
		t.Errorf("one with ourselves: %v", err)
	}
	if err := n.Codebooks.Agreements(ctx, func(a codebook.Agreement) error { return fmt.Errorf("%s is kept", a.AgreementID) }); err != nil {
		t.Error(err)
	}
}

// TestAgreementsEnd: an agreement counts from its acceptance to its expiry, for both sides, and proposing again finds
// it.
func TestAgreementsEnd(t *testing.T) {
	ctx := context.Background()
	near, far := newAgreeing(t), newAgreeing(t)
	cb := book(t, 2)
	id, err := near.Codebooks.Put(ctx, cb)
	if err != nil {
		t.Fatal(err)
	}
	offer, err := near.Codebooks.Propose(ctx, id, far.Self(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	again, err := near.Codebooks.Propose(ctx, id, far.Self(), 2*time.Hour)
	if err != nil || !bytes.Equal(again, offer) {
		t.Errorf("proposed again, it is another proposal: %v", err)
	}
	if got, err := near.Codebooks.With(ctx, far.Self()); err != nil || got != nil {
		t.Errorf("proposed: %v, %v", got, err)
	}
	both, a, err := far.Codebooks.TakeOffer(ctx, offer, true)
	if err != nil || !a.InForce(far.now) {
		t.Fatalf("accepted: %v", err)
	}
	if _, a, err = near.Codebooks.TakeOffer(ctx, both, false); err != nil || !a.InForce(near.now) {
		t.Fatalf("taken: %v", err)
	}
	for _, side := range []struct{ here, there *agreeing }{{near, far}, {far, near}} {
		if got, err := side.here.Codebooks.With(ctx, side.there.Self()); err != nil || got == nil || mustID(t, got) != id {
			t.Errorf("in force: %v", err)
		}
		side.here.now = a.ExpiresAt
		if got, err := side.here.Codebooks.With(ctx, side.there.Self()); err != nil || got != nil {
			t.Errorf("expired: %v, %v", got, err)
		}
		if _, err := side.here.Codebooks.For(ctx, id, []object.AgentID{side.there.Self()}); !errors.Is(err, packet.ErrCodebook) {
			t.Errorf("expired: %v", err)
		}
	}
	plain := &packet.Codebook{Entries: packet.Baseline().Entries[:1]}
	if _, err := near.Codebooks.Put(ctx, plain); !errors.Is(err, packet.ErrCodebook) {
		t.Errorf("without a dictionary: %v", err)
	}
}

func mustID(t *testing.T, cb *packet.Codebook) object.Hash {
	t.Helper()
	id, err := cb.ID()
	if err != nil {
		t.Fatal(err)
	}
	return id
}
