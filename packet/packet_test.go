package packet

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

var (
	alice = sign.FromSeed([32]byte{1}, "alice")
	bob   = sign.FromSeed([32]byte{2}, "bob")
	eve   = sign.FromSeed([32]byte{3}, "eve")
)

func trustAlice(a object.AgentID) bool { return a.Same(alice.Agent()) }

// bundle is a valid program of alice's with a guard.
func bundle(t testing.TB, nonce byte, text string) []byte {
	t.Helper()
	raw, err := asm.Assemble([]byte(fmt.Sprintf(".const a text %q\n.task #\"sym:main\" () budget { cpu 10, io 0, writes 0 }\nconst r0, $a\nret r0\n", text)))
	if err != nil {
		t.Fatal(err)
	}
	if raw, err = ir.Seal(raw, alice, &ir.Guard{Nonce: [16]byte{nonce}, Expires: 2_000_000}); err != nil {
		t.Fatal(err)
	}
	return raw
}

func pack(t testing.TB, o Options, payload []byte) []byte {
	t.Helper()
	if o.Signers == nil {
		o.Signers = []sign.Signer{alice}
	}
	raw, err := Pack(o, payload)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestGolden pins the bytes: a one-byte payload, signed by the seed 01 00 ... 00.
func TestGolden(t *testing.T) {
	raw := pack(t, Options{}, []byte{0})
	want := "4d595448" + "0002" + "0000" + "01" + "01" + BaselineID.String() + "00000001" + "00" + "00000078" +
		"0701" + "0803" + "0301" + "0802" + "03010301" + "03020520" + alice.Agent().KeyHex() + "03020301" + "03030540" + goldenSig
	if got := hex.EncodeToString(raw); got != want {
		t.Fatalf("%s\n%s", got, want)
	}
	if !ed25519.Verify(bytes.Clone(keyOf(alice)), raw[:47], raw[len(raw)-64:]) {
		t.Error("the signature is not over everything before the block's length")
	}
	p, err := Parse(raw, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if by, err := p.Verify(trustAlice); err != nil || len(by) != 1 {
		t.Error(by, err)
	}
}

const goldenSig = "65fa227a5b0371c28fbcfdbdf83b13b59dd2b30a4d09ca83a7a59c0d4943b76787266894ad2c2eeb0de114741cef1553aec43f157f00d7526ebb6066f310d900"

func keyOf(k *sign.Key) []byte {
	key := k.Agent().Key
	return key[:]
}

func TestBaseline(t *testing.T) {
	id, err := Baseline().ID()
	if err != nil || id.String() != "7ed509c74d47db2ebbb0608a8aa5135208ee8abec769473830c7449cfe9ec37a" || id != BaselineID {
		t.Errorf("%s, %v", id, err)
	}
	if n := len(Baseline().Entries); n != 541 {
		t.Errorf("%d entries", n)
	}
	raw, err := can.Marshal(Baseline().Entries)
	if err != nil {
		t.Fatal(err)
	}
	if len(raw) != 8374 {
		t.Errorf("%d bytes", len(raw))
	}
	for _, oc := range ir.Opcodes() {
		if !bytes.Contains(raw, can.AppendUint([]byte{3, 1}, uint64(oc.Code)|baseOpcode)) {
			t.Errorf("%s is not in the baseline", oc.Name)
		}
	}
	if err := can.Check(Baseline()); err != nil {
		t.Error(err)
	}
}

// TestPublicPack: the public pack's packet has another layout and is refused, but its entries equal ours byte for byte.
// The pack is not part of this repository.
func TestPublicPack(t *testing.T) {
	dir := os.Getenv("MYTHOS_CTVP")
	if dir == "" {
		t.Skip("MYTHOS_CTVP names no conformance pack")
	}
	raw, err := os.ReadFile(dir + "/vectors/wire/mythosx_001_packet.bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(raw, Limits{}); !errors.Is(err, ErrFraming) {
		t.Errorf("WIRE_001: %v", err)
	}
	entries, err := os.ReadFile(dir + "/vectors/codebook/codebook_baseline_entries.bin")
	if err != nil {
		t.Fatal(err)
	}
	if ours, err := can.Marshal(Baseline().Entries); err != nil || !bytes.Equal(ours, entries) {
		t.Error("other entries", err)
	}
}

// TestPackLayout checks what TestPublicPack checks of WIRE_001, from its first bytes: signature block first, lengths as
// varints.
func TestPackLayout(t *testing.T) {
	raw, err := hex.DecodeString("4d5954480002000001017ed509c74d47db2ebbb0608a8aa5135208ee8abec769473830c7449cfe9ec37a" +
		"4007010803030108030301030103020520" + "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c" + "0303060463747670" + "03020301" + "03030500" + "ef02" + strings.Repeat("00", 367))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(raw, Limits{}); !errors.Is(err, ErrFraming) {
		t.Errorf("%v", err)
	}
}

// variants are packets with every feature.
func variants(t testing.TB) map[string]Options {
	recipient, err := Recipient(bob.Agent())
	if err != nil {
		t.Fatal(err)
	}
	return map[string]Options{
		"can":         {},
		"zstd":        {Codec: CodecZstd},
		"encrypted":   {Encrypt: []age.Recipient{recipient}},
		"both":        {Codec: CodecZstd, Encrypt: []age.Recipient{recipient}},
		"two signers": {Signers: []sign.Signer{eve, alice}},
		"codec named": {Codec: CodecCAN},
	}
}

func receiver(t testing.TB) *Receiver {
	identity, err := Identity(bob.Seed())
	if err != nil {
		t.Fatal(err)
	}
	return &Receiver{
		Identities: []age.Identity{identity}, Trusted: trustAlice, Now: func() object.Time { return 1_000_000 },
		Codebooks: NewRegistry(bob.Agent()),
		Validate:  func(raw []byte) error { _, _, err := ir.Validate(raw); return err },
	}
}

func TestReceive(t *testing.T) {
	payload := bundle(t, 1, strings.Repeat("hello ", 100))
	for name, o := range variants(t) {
		t.Run(name, func(t *testing.T) {
			raw := pack(t, o, payload)
			got, err := receiver(t).Receive(context.Background(), raw)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Payload, payload) || len(got.Signers) != 1 || !got.Signers[0].Same(alice.Agent()) {
				t.Errorf("%d bytes, %v", len(got.Payload), got.Signers)
			}
			if name == "zstd" && len(raw) >= len(payload) {
				t.Errorf("%d bytes compressed to %d", len(payload), len(raw))
			}
		})
	}
}

// TestEveryFlip: no packet with a changed bit gets through, and every shortened
// or prolonged one is malformed.
func TestEveryFlip(t *testing.T) {
	payload := bundle(t, 1, "hello")
	r := receiver(t)
	r.Trusted = func(a object.AgentID) bool { return a.Same(alice.Agent()) || a.Same(eve.Agent()) }
	for name, o := range variants(t) {
		raw := pack(t, o, payload)
		for i := range raw {
			for bit := range 8 {
				if (o.Encrypt != nil || testing.Short()) && bit != i%8 {
					continue // one bit of each byte: decrypting is slow, and so is the race detector
				}
				changed := bytes.Clone(raw)
				changed[i] ^= 1 << bit
				refused(t, r, changed, fmt.Sprintf("%s: bit %d of byte %d", name, bit, i))
			}
			if _, err := Parse(raw[:i], Limits{}); !errors.Is(err, ErrFraming) {
				t.Fatalf("%s: %d of %d bytes: %v", name, i, len(raw), err)
			}
		}
		if _, err := Parse(append(raw, 0), Limits{}); !errors.Is(err, ErrFraming) {
			t.Errorf("a trailing byte: %v", err)
		}
	}
}

// refused checks that a changed packet is refused by all steps together and by
// framing and signatures alone.
func refused(t *testing.T, r *Receiver, changed []byte, what string) {
	t.Helper()
	if _, err := r.Receive(context.Background(), changed); err == nil || !known(err) {
		t.Fatalf("%s: received, %v", what, err)
	}
	if p, err := Parse(changed, Limits{}); err == nil {
		if _, err := p.Verify(r.Trusted); err == nil {
			t.Fatalf("%s: verifies", what)
		}
	}
}

func known(err error) bool {
	for _, e := range []error{ErrFraming, ErrCodebook, ErrDecode, ErrSignature, ErrUntrusted, ErrReplay, ErrExpired, ErrGuard, ErrPayload} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// TestSteps: each step refuses with its own error, and in their order.
func TestSteps(t *testing.T) {
	payload := bundle(t, 1, "hello")
	good := pack(t, Options{}, payload)
	edit := func(f func(raw []byte) []byte) []byte { return f(bytes.Clone(good)) }
	recipient, err := Recipient(eve.Agent())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		raw  []byte
		want error
	}{
		{"empty", nil, ErrFraming},
		{"magic", edit(func(raw []byte) []byte { raw[0] = 'm'; return raw }), ErrFraming},
		{"version", edit(func(raw []byte) []byte { raw[5] = 3; return raw }), ErrFraming},
		{"flag", edit(func(raw []byte) []byte { raw[6] = 0x80; return raw }), ErrFraming},
		{"codec", edit(func(raw []byte) []byte { raw[8] = 3; return raw }), ErrFraming},
		{"codebook algorithm", edit(func(raw []byte) []byte { raw[9] = 2; return raw }), ErrFraming},
		{"huge payload", edit(func(raw []byte) []byte { binary.BigEndian.PutUint32(raw[42:], 1<<32-1); return raw }), ErrFraming},
		{"huge block", edit(func(raw []byte) []byte {
			binary.BigEndian.PutUint32(raw[headerSize+len(payload):], 1<<32-1)
			return raw
		}), ErrFraming},
		{"signer twice", pack(t, Options{Signers: []sign.Signer{alice, alice}}, payload), ErrFraming},
		{"unknown codebook", pack(t, Options{Codebook: &Codebook{Entries: []CodebookEntry{}}}, payload), ErrCodebook},
		{"encrypted to another", pack(t, Options{Encrypt: []age.Recipient{recipient}}, payload), ErrDecode},
		{"not encrypted", resigned(t, edit(func(raw []byte) []byte { raw[7] = 1; return raw })), ErrDecode},
		{"not compressed", resigned(t, edit(func(raw []byte) []byte { raw[8] = 2; return raw })), ErrDecode},
		{"not encrypted, badly signed", edit(func(raw []byte) []byte { raw[7] = 1; return raw }), ErrSignature},
		{"signature", edit(func(raw []byte) []byte { raw[len(raw)-1] ^= 1; return raw }), ErrSignature},
		{"one bad of two", func() []byte {
			raw := pack(t, Options{Signers: []sign.Signer{alice, eve}}, payload)
			raw[len(raw)-1] ^= 1
			return raw
		}(), ErrSignature},
		{"stranger", pack(t, Options{Signers: []sign.Signer{eve}}, payload), ErrUntrusted},
		{"no signature", func() []byte {
			raw, err := appendSigBlock(bytes.Clone(good[:headerSize+len(payload)]), []SigBlockEntry{})
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}(), ErrUntrusted},
		{"no bundle", pack(t, Options{}, []byte{0}), ErrPayload},
	} {
		_, err := receiver(t).Receive(context.Background(), c.raw)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := receiver(t).Receive(context.Background(), good); err != nil {
		t.Error(err)
	}
}

// resigned replaces alice's signature in a changed packet with a valid one.
func resigned(t *testing.T, raw []byte) []byte {
	t.Helper()
	sig, err := alice.Sign(raw[:headerSize+int(binary.BigEndian.Uint32(raw[42:]))])
	if err != nil {
		t.Fatal(err)
	}
	copy(raw[len(raw)-len(sig):], sig[:])
	return raw
}

// TestStrangersAreNotDecoded: if no trusted agent signed a packet, nothing of it is decoded, whatever it holds.
func TestStrangersAreNotDecoded(t *testing.T) {
	recipient, err := Recipient(alice.Agent())
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"plain": {}, "compressed": {Codec: CodecZstd}, "encrypted": {Encrypt: []age.Recipient{recipient}}, "with a codebook": {Codebook: &Codebook{Entries: []CodebookEntry{}}},
	} {
		o.Signers = []sign.Signer{eve}
		for _, spoil := range []bool{false, true} {
			raw, want := pack(t, o, bundle(t, 1, "hello")), ErrUntrusted
			if spoil {
				raw[len(raw)-1] ^= 1
				want = ErrSignature
			}
			r := receiver(t)
			r.Verified = func(context.Context, *Packet) error { t.Errorf("%s: it counts as verified", name); return nil }
			r.Validate = func([]byte) error { t.Errorf("%s: it was decoded", name); return nil }
			if _, err := r.Receive(context.Background(), raw); !errors.Is(err, want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestStepsOrder gives a packet every set of defects, at most one for each step. The error is that of the first step
// with a defect; a packet without defects is received.
func TestStepsOrder(t *testing.T) {
	recipient, err := Recipient(eve.Agent())
	if err != nil {
		t.Fatal(err)
	}
	good := bundle(t, 1, "hello")
	expired, err := ir.Seal(good, alice, &ir.Guard{Nonce: [16]byte{9}, Expires: 1})
	if err != nil {
		t.Fatal(err)
	}
	errs := []error{ErrFraming, ErrSignature, ErrUntrusted, ErrCodebook, ErrDecode, ErrPayload, ErrExpired}
	for set := range 1 << len(errs) {
		has := func(i int) bool { return set>>i&1 == 1 }
		o, payload := Options{Codec: CodecZstd, Signers: []sign.Signer{alice}}, good
		if has(2) {
			o.Signers = []sign.Signer{eve}
		}
		if has(3) {
			o.Codebook = &Codebook{Entries: []CodebookEntry{}}
		}
		if has(4) {
			o.Encrypt = []age.Recipient{recipient}
		}
		if has(6) {
			payload = expired
		}
		if has(5) {
			payload = []byte{0}
		}
		raw := pack(t, o, payload)
		if has(1) {
			raw[len(raw)-1] ^= 1
		}
		if has(0) {
			raw[6] |= 0x80
		}
		r := receiver(t)
		r.Seen = func(context.Context, object.Hash, object.Time) (bool, error) { return true, nil }
		var want error
		if set != 0 {
			want = errs[bits.TrailingZeros(uint(set))]
		}
		if _, err := r.Receive(context.Background(), raw); !errors.Is(err, want) {
			t.Errorf("defects %07b: %v, not %v", set, err, want)
		}
	}
}

func TestGuard(t *testing.T) {
	seen := make(map[object.Hash]object.Time)
	r := receiver(t)
	r.Seen = func(_ context.Context, key object.Hash, until object.Time) (bool, error) {
		if _, ok := seen[key]; ok {
			return false, nil
		}
		seen[key] = until
		return true, nil
	}
	r.Trusted = func(a object.AgentID) bool { return a.Same(alice.Agent()) || a.Same(eve.Agent()) }
	payload := bundle(t, 1, "hello")
	receive := func(raw []byte) error {
		got, err := r.Receive(context.Background(), raw)
		if err == nil && (got.Guard == nil || got.Guard.Expires != 2_000_000 || seen[got.Guard.Key()] != 2_000_000) {
			t.Errorf("guard %v", got.Guard)
		}
		return err
	}
	if err := receive(pack(t, Options{Signers: []sign.Signer{eve}}, payload)); !errors.Is(err, ErrGuard) {
		t.Errorf("signed by another than the author: %v", err)
	}
	if err := receive(pack(t, Options{}, payload)); err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{{}, {Codec: CodecZstd}, {Signers: []sign.Signer{alice, eve}}} {
		if err := receive(pack(t, o, payload)); !errors.Is(err, ErrReplay) {
			t.Errorf("replayed: %v", err)
		}
	}
	if err := receive(pack(t, Options{}, bundle(t, 2, "hello"))); err != nil {
		t.Errorf("another nonce: %v", err)
	}
	third := pack(t, Options{}, bundle(t, 3, "hello"))
	r.Now = func() object.Time { return 2_000_000 }
	if err := receive(third); !errors.Is(err, ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	r.Now = func() object.Time { return 0 }
	r.MaxValidity = time.Second
	if err := receive(third); !errors.Is(err, ErrGuard) {
		t.Errorf("good for too long: %v", err)
	}
	plain, err := asm.Assemble([]byte("ret r0"))
	if err != nil {
		t.Fatal(err)
	}
	if err := receive(pack(t, Options{}, plain)); !errors.Is(err, ErrGuard) {
		t.Errorf("without a guard: %v", err)
	}
	r.Seen = func(context.Context, object.Hash, object.Time) (bool, error) { return false, io.ErrClosedPipe }
	r.MaxValidity = time.Hour
	if err := receive(third); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the memory fails: %v", err)
	}
}

func TestReadStream(t *testing.T) {
	a, b := pack(t, Options{}, bundle(t, 1, "a")), pack(t, Options{Codec: CodecZstd}, bundle(t, 2, "b"))
	r := iotest.OneByteReader(bytes.NewReader(append(bytes.Clone(a), b...)))
	for _, want := range [][]byte{a, b} {
		p, err := Read(r, Limits{})
		if err != nil || !bytes.Equal(p.Raw, want) {
			t.Fatal(err)
		}
		if err := p.VerifySignatures(); err != nil {
			t.Error(err)
		}
	}
	if _, err := Read(r, Limits{}); !errors.Is(err, io.EOF) || errors.Is(err, ErrFraming) {
		t.Errorf("the end: %v", err)
	}
	for i := 1; i < len(a); i++ {
		if _, err := Read(bytes.NewReader(a[:i]), Limits{}); !errors.Is(err, ErrFraming) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%d bytes: %v", i, err)
		}
	}
	if _, err := Read(iotest.ErrReader(io.ErrClosedPipe), Limits{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a broken stream: %v", err)
	}
	// A false length takes no memory: 3 GiB announced, nothing there.
	lie := bytes.Clone(a[:headerSize])
	binary.BigEndian.PutUint32(lie[42:], 3<<30)
	n := testing.AllocsPerRun(1, func() {
		if _, err := Read(bytes.NewReader(lie), Limits{MaxPayload: 4 << 30}); !errors.Is(err, ErrFraming) {
			t.Errorf("a lying length: %v", err)
		}
	})
	if n > 100 {
		t.Errorf("%v allocations", n)
	}
}

// TestBombs: a payload that would become too large is refused before it is decompressed.
func TestBombs(t *testing.T) {
	huge := can.AppendBytes(nil, make([]byte, 1<<20))
	raw := pack(t, Options{Codec: CodecZstd}, huge)
	if len(raw) > 10_000 {
		t.Fatalf("%d bytes", len(raw))
	}
	p, err := Parse(raw, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Decode(nil, nil, Limits{MaxPlain: 1 << 19}); !errors.Is(err, ErrDecode) {
		t.Errorf("a bomb: %v", err)
	}
	if plain, err := p.Decode(nil, nil, Limits{}); err != nil || !bytes.Equal(plain, huge) {
		t.Errorf("%d bytes, %v", len(plain), err)
	}
	// A second frame behind the first would exceed the announced size.
	p.Payload = append(bytes.Clone(p.Payload), p.Payload...)
	if _, err := p.Decode(nil, nil, Limits{}); !errors.Is(err, ErrDecode) {
		t.Errorf("two frames: %v", err)
	}
	small, err := compress([]byte{0}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(pack(t, Options{}, huge), Limits{MaxPayload: 1 << 19}); !errors.Is(err, ErrFraming) {
		t.Errorf("a large payload: %v", err)
	}
	p.Payload = append(small, small...)
	if _, err := p.Decode(nil, nil, Limits{}); !errors.Is(err, ErrDecode) {
		t.Errorf("two small frames: %v", err)
	}
}

// TestUnsized: a frame without an announced size, as a stream encoder writes it, is read up to the limit.
func TestUnsized(t *testing.T) {
	plain := can.AppendBytes(nil, make([]byte, 1<<20))
	var buf bytes.Buffer
	w, err := zstd.NewWriter(&buf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, bytes.NewReader(plain)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := Parse(pack(t, Options{Codec: CodecZstd}, []byte{0}), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	p.Payload = buf.Bytes()
	var h zstd.Header
	if err := h.Decode(p.Payload); err != nil || h.HasFCS {
		t.Fatalf("the frame announces its size, %v", err)
	}
	if got, err := p.Decode(nil, nil, Limits{}); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := p.Decode(nil, nil, Limits{MaxPlain: 1 << 19}); !errors.Is(err, ErrDecode) {
		t.Errorf("a bomb: %v", err)
	}
}

func TestCountersign(t *testing.T) {
	raw := pack(t, Options{}, bundle(t, 1, "a"))
	p, err := Parse(raw, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	both, err := p.Countersign(eve)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(raw, Limits{}); err != nil {
		t.Error("the first packet was changed")
	}
	q, err := Parse(both, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if by, err := q.Verify(func(object.AgentID) bool { return true }); err != nil || len(by) != 2 {
		t.Error(by, err)
	}
	if _, err := Parse(both, Limits{MaxSignatures: 1}); !errors.Is(err, ErrFraming) {
		t.Errorf("too many signatures: %v", err)
	}
	if same, err := q.Countersign(alice); err != nil || !bytes.Equal(same, both) {
		t.Error("signing twice changed the packet", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, o := range variants(f) {
		f.Add(pack(f, o, bundle(f, 1, "a")))
	}
	r := receiver(f)
	r.Limits = Limits{MaxPayload: 1 << 16, MaxPlain: 1 << 16}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := Parse(raw, r.Limits)
		streamed, serr := Read(bytes.NewReader(raw), r.Limits)
		if err != nil {
			if !errors.Is(err, ErrFraming) {
				t.Fatal(err)
			}
			return
		}
		if serr != nil || !bytes.Equal(streamed.Raw, raw) {
			t.Fatal("a stream gives another packet", serr)
		}
		if again := append(p.Header.append(nil), p.Payload...); !bytes.Equal(again, p.signed) {
			t.Fatal("what was accepted encodes to other bytes")
		}
		if _, err := r.Receive(context.Background(), raw); err != nil && !known(err) {
			t.Fatal(err)
		}
	})
}
