package packet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"filippo.io/age"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

func samples(t *testing.T, n int) [][]byte {
	var out [][]byte
	for i := range n {
		out = append(out, bundle(t, byte(i), fmt.Sprintf("a message like many others, this one has number %d", i)))
	}
	return out
}

func TestTrain(t *testing.T) {
	cb, saving, err := Train(samples(t, 40), 4096)
	if err != nil {
		t.Fatal(err)
	}
	if saving.Samples != 8 || saving.Trained >= saving.Baseline || saving.Trained >= saving.Plain {
		t.Errorf("%+v", saving)
	}
	if len(cb.Dictionary) > 4096+256 || can.Check(cb) != nil {
		t.Errorf("a dictionary of %d bytes", len(cb.Dictionary))
	}
	for _, bad := range [][][]byte{nil, samples(t, 3), {{0}, {0}, {0}, {0}}} {
		if _, _, err := Train(bad, 4096); !errors.Is(err, ErrTraining) {
			t.Errorf("%d samples: %v", len(bad), err)
		}
	}
}

// TestNegotiation: a codebook is valid only with both signatures, only for packets of the peer, and only until the
// agreement expires.
func TestNegotiation(t *testing.T) {
	cb, _, err := Train(samples(t, 40), 4096)
	if err != nil {
		t.Fatal(err)
	}
	const now, expires = 1_000_000, 3_000_000
	proposal, err := Propose(alice, cb, bob.Agent(), expires)
	if err != nil {
		t.Fatal(err)
	}
	raw := pack(t, Options{Codec: CodecZstd, Codebook: cb}, bundle(t, 1, "a message"))
	r := receiver(t)
	refused := func(why string) {
		t.Helper()
		if _, err := r.Receive(context.Background(), raw); !errors.Is(err, ErrCodebook) {
			t.Errorf("%s: %v", why, err)
		}
	}
	refused("not negotiated")
	if err := r.Codebooks.Add(cb, proposal, now); !errors.Is(err, ErrCodebook) {
		t.Errorf("not accepted: %v", err)
	}
	if _, err := Accept(eve, proposal, cb, now); !errors.Is(err, ErrCodebook) {
		t.Errorf("accepted by another: %v", err)
	}
	if _, err := Accept(bob, proposal, Baseline(), now); !errors.Is(err, ErrCodebook) {
		t.Errorf("another codebook: %v", err)
	}
	if _, err := Accept(bob, proposal, cb, expires); !errors.Is(err, ErrCodebook) {
		t.Errorf("accepted too late: %v", err)
	}
	agreement, err := Accept(bob, proposal, cb, now)
	if err != nil {
		t.Fatal(err)
	}
	for i := range agreement {
		changed := bytes.Clone(agreement)
		changed[i] ^= 1
		if err := NewRegistry(bob.Agent()).Add(cb, changed, now); !errors.Is(err, ErrCodebook) {
			t.Fatalf("a flip in byte %d: %v", i, err)
		}
	}
	if err := NewRegistry(eve.Agent()).Add(cb, agreement, now); !errors.Is(err, ErrCodebook) {
		t.Errorf("an agreement of others: %v", err)
	}
	if err := r.Codebooks.Add(cb, agreement, now); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Receive(context.Background(), raw); err != nil {
		t.Error(err)
	}
	theirs := NewRegistry(alice.Agent())
	if err := theirs.Add(cb, agreement, now); err != nil || !theirs.Good(agreedID(t, cb), bob.Agent(), now) {
		t.Errorf("the proposer's side: %v", err)
	}
	raw = pack(t, Options{Codec: CodecZstd, Codebook: cb, Signers: []sign.Signer{eve}}, bundle(t, 1, "a message"))
	r.Trusted = func(object.AgentID) bool { return true }
	refused("of another peer")
	raw = pack(t, Options{Codec: CodecZstd, Codebook: cb}, bundle(t, 1, "a message"))
	r.Now = func() object.Time { return expires }
	refused("expired")
}

// TestTrainMeasuresOthers: samples used for training are not measured, and a repeated sample counts once.
func TestTrainMeasuresOthers(t *testing.T) {
	all := samples(t, 10)
	training, measured := split(append(all, all...))
	if len(training) != 8 || len(measured) != 2 {
		t.Fatalf("%d for training, %d measured", len(training), len(measured))
	}
	for _, m := range measured {
		for _, tr := range training {
			if bytes.Equal(m, tr) {
				t.Error("a sample is measured that was trained on")
			}
		}
	}
	five := samples(t, 5)
	for range 3 {
		five = append(five, five[0])
	}
	if _, saving, err := Train(five, 1024); err != nil || saving.Samples != 1 {
		t.Errorf("%+v, %v", saving, err)
	}
	if _, _, err := Train([][]byte{five[0], five[0], five[0], five[0], five[0], five[0]}, 1024); !errors.Is(err, ErrTraining) {
		t.Errorf("one sample six times: %v", err)
	}
}

// TestOffer: an offer is accepted only whole; any changed bit is refused.
func TestOffer(t *testing.T) {
	cb, _, err := Train(samples(t, 40), 512)
	if err != nil {
		t.Fatal(err)
	}
	book, err := can.Marshal(cb)
	if err != nil {
		t.Fatal(err)
	}
	proposal, err := Propose(alice, cb, bob.Agent(), 3_000_000)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := can.Marshal(&CodebookOffer{Agreement: proposal, Codebook: book})
	if err != nil {
		t.Fatal(err)
	}
	_, a, got, err := OpenOffer(raw, 1_000_000)
	if err != nil || a.Accepted() || agreedID(t, got) != agreedID(t, cb) {
		t.Fatalf("%v, %v", a, err)
	}
	if other, err := a.Other(bob.Agent()); err != nil || !other.Same(alice.Agent()) {
		t.Error(other, err)
	}
	if _, err := a.Other(eve.Agent()); !errors.Is(err, ErrCodebook) {
		t.Errorf("of others: %v", err)
	}
	for i := 0; i < len(raw); i += 7 {
		changed := bytes.Clone(raw)
		changed[i] ^= 4
		if _, _, _, err := OpenOffer(changed, 1_000_000); !errors.Is(err, ErrCodebook) {
			t.Fatalf("a flip in byte %d: %v", i, err)
		}
	}
	if _, _, _, err := OpenOffer(raw, 3_000_000); !errors.Is(err, ErrCodebook) {
		t.Errorf("expired: %v", err)
	}
	if _, _, _, err := OpenOffer(make([]byte, MaxOffer+1), 0); !errors.Is(err, ErrCodebook) {
		t.Errorf("too large: %v", err)
	}
	junk, err := can.Marshal(&Codebook{Entries: []CodebookEntry{}, Dictionary: []byte("no dictionary of zstd's")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCodebook(junk); !errors.Is(err, ErrCodebook) {
		t.Errorf("no dictionary: %v", err)
	}
}

// TestSealed: a receiver without the key judges an encrypted packet by everything it can see.
func TestSealed(t *testing.T) {
	recipient, err := Recipient(eve.Agent())
	if err != nil {
		t.Fatal(err)
	}
	raw := pack(t, Options{Encrypt: []age.Recipient{recipient}}, bundle(t, 1, "for eve"))
	r := receiver(t)
	if _, err := r.Receive(context.Background(), raw); !errors.Is(err, ErrDecode) {
		t.Errorf("without the key: %v", err)
	}
	r.Sealed = true
	if got, err := r.Receive(context.Background(), raw); err != nil || got.Payload != nil {
		t.Errorf("sealed: %v", err)
	}
	raw[len(raw)-1] ^= 1
	if _, err := r.Receive(context.Background(), raw); !errors.Is(err, ErrSignature) {
		t.Errorf("sealed, with a bad signature: %v", err)
	}
	if _, err := r.Receive(context.Background(), pack(t, Options{}, []byte{0})); !errors.Is(err, ErrPayload) {
		t.Errorf("not encrypted, no bundle: %v", err)
	}
}

func agreedID(t *testing.T, cb *Codebook) object.Hash {
	id, err := cb.ID()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestCodebookRules(t *testing.T) {
	n := uint64(1)
	s := "x"
	one := CodebookEntry{Codeword: 1, Kind: EntrySmallInt, ValueU64: &n}
	for name, cb := range map[string]Codebook{
		"order":      {Entries: []CodebookEntry{one, one}},
		"kind":       {Entries: []CodebookEntry{{Codeword: 1, Kind: 5, ValueU64: &n}}},
		"no value":   {Entries: []CodebookEntry{{Codeword: 1, Kind: 1}}},
		"two values": {Entries: []CodebookEntry{{Codeword: 1, Kind: 1, ValueU64: &n, ValueText: &s}}},
		"dictionary": {Entries: []CodebookEntry{}, Dictionary: make([]byte, MaxDictionary+1)},
	} {
		if err := can.Check(&cb); !errors.Is(err, object.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	list, err := can.Marshal([]CodebookEntry{one})
	if err != nil {
		t.Fatal(err)
	}
	if got := agreedID(t, &Codebook{Entries: []CodebookEntry{one}}); got != object.Sum(list) {
		t.Error("without a dictionary the id is that of the list of entries")
	}
}

// FuzzOffer: an accepted offer is about the codebook it contains and between the two who signed it.
func FuzzOffer(f *testing.F) {
	cb := &Codebook{Entries: Baseline().Entries[:3]}
	book, err := can.Marshal(cb)
	if err != nil {
		f.Fatal(err)
	}
	proposal, err := Propose(alice, cb, bob.Agent(), 3_000_000)
	if err != nil {
		f.Fatal(err)
	}
	both, err := Accept(bob, proposal, cb, 1_000_000)
	if err != nil {
		f.Fatal(err)
	}
	for _, agreement := range [][]byte{proposal, both, nil} {
		raw, err := can.Marshal(&CodebookOffer{Agreement: agreement, Codebook: book})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, a, cb, err := OpenOffer(raw, 1_000_000)
		if err != nil {
			if !errors.Is(err, ErrCodebook) {
				t.Fatal(err)
			}
			return
		}
		if id, err := cb.ID(); err != nil || id != a.CodebookID {
			t.Fatalf("an agreement about another codebook, %v", err)
		}
		if !a.Proposer.Same(alice.Agent()) || !a.Accepter.Same(bob.Agent()) {
			t.Fatal("an agreement that was never signed")
		}
	})
}
