package main

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/packet"
)

// identity returns the key of the site.
func (s *site) identity() *sign.Key {
	s.t.Helper()
	k, err := keyfile.Load(filepath.Join(s.dir, ".mythos", "keys"), "self", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

// draft is an unfinished packet, which a test spoils.
type draft struct {
	packet.Options
	text    string
	guard   *ir.Guard
	carries map[string][]byte // extensions of its Meta
	payload []byte            // instead of the bundle
	edit    func(raw []byte)  // after it was signed
}

// freshGuard makes a replay guard that was not used before.
func freshGuard(ttl time.Duration) *ir.Guard {
	g := &ir.Guard{Expires: object.TimeOf(time.Now().Add(ttl))}
	rand.Read(g.Nonce[:]) //nolint:errcheck // never fails
	return g
}

// draft makes a flawless submission.
func (s *site) draft(text string) draft {
	return draft{Options: packet.Options{Signers: []sign.Signer{s.identity()}, Codec: packet.CodecZstd}, text: text, guard: freshGuard(time.Minute)}
}

// pack makes the packet; the bundle's author is the site.
func (s *site) pack(d draft) []byte {
	s.t.Helper()
	payload := d.payload
	if payload == nil {
		raw, err := os.ReadFile(s.bundle(d.text))
		if err != nil {
			s.t.Fatal(err)
		}
		if payload, err = ir.Seal(carrying(s.t, raw, d.carries), s.identity(), d.guard); err != nil {
			s.t.Fatal(err)
		}
	}
	raw, err := packet.Pack(d.Options, payload)
	if err != nil {
		s.t.Fatal(err)
	}
	if d.edit != nil {
		d.edit(raw)
	}
	return raw
}

// carrying puts extensions into a bundle.
func carrying(t *testing.T, raw []byte, extensions map[string][]byte) []byte {
	t.Helper()
	if extensions == nil {
		return raw
	}
	b, err := object.Decode[ir.Bundle](raw)
	if err != nil {
		t.Fatal(err)
	}
	b.Meta.Extensions = extensions
	if raw, err = can.Marshal(b); err != nil {
		t.Fatal(err)
	}
	return raw
}

// post sends a packet to the site's server, and returns the status, and the answer or the reason.
func (s *site) post(raw []byte) (int, []byte) {
	s.t.Helper()
	res, err := http.Post(s.url+"/v1/packets", "application/mythos-x", bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, body
}

// defect is what is wrong with a packet, the words of its error and the exit code.
type defect struct {
	name  string
	spoil func(d *draft)
	says  string
	code  int
}

func defects(t *testing.T, stranger *sign.Key) []defect {
	t.Helper()
	recipient, err := packet.Recipient(stranger.Agent())
	if err != nil {
		t.Fatal(err)
	}
	edit := func(f func(raw []byte)) func(d *draft) { return func(d *draft) { d.edit = f } }
	return []defect{
		{"magic", edit(func(raw []byte) { raw[0] = 'm' }), "malformed framing", 5},
		{"version", edit(func(raw []byte) { raw[5] = 9 }), "malformed framing: version 9", 5},
		{"flags", edit(func(raw []byte) { raw[6] = 0x80 }), "malformed framing: unknown flags", 5},
		{"codec", edit(func(raw []byte) { raw[8] = 7 }), "malformed framing: codec 7", 5},
		{"huge length", edit(func(raw []byte) { copy(raw[42:], "\xff\xff\xff\xff") }), "malformed framing: a payload of 4294967295 bytes", 5},
		{"codebook", func(d *draft) { d.Codebook = &packet.Codebook{Entries: []packet.CodebookEntry{}} }, "codebook is neither", 5},
		{"encrypted to another", func(d *draft) { d.Encrypt = []age.Recipient{recipient} }, "cannot be decoded", 5},
		{"not compressed", func(d *draft) {
			d.Codec, d.edit = packet.CodecCAN, func(raw []byte) {
				raw[8] = packet.CodecZstd
				resign(t, raw, d.Signers[0])
			}
		}, "cannot be decoded", 5},
		{"not compressed, and not signed as it is", func(d *draft) { d.Codec, d.edit = packet.CodecCAN, func(raw []byte) { raw[8] = packet.CodecZstd } }, "signature does not verify", 5},
		{"bomb", func(d *draft) { d.payload = append([]byte{5, 0x80, 0x80, 0x80, 0x10}, make([]byte, 32<<20)...) }, "cannot be decoded", 5},
		{"signature", edit(func(raw []byte) { raw[len(raw)-1] ^= 1 }), "signature does not verify", 5},
		{"one bad of two", func(d *draft) {
			d.Signers, d.edit = append(d.Signers, stranger), func(raw []byte) { raw[len(raw)-1] ^= 1 }
		}, "signature does not verify", 5},
		{"stranger", func(d *draft) { d.Signers = []sign.Signer{stranger} }, "nobody who is trusted has signed it", 4},
		{"no bundle", func(d *draft) { d.payload = []byte{0} }, "bundle is refused", 5},
		{"carried capabilities", func(d *draft) { d.carries = map[string][]byte{"mythos.caps": {7, 1, 0}} }, "bundle is refused: carried capabilit", 5},
		{"an answer that is none", func(d *draft) { d.carries = map[string][]byte{"mythos.answer": {8, 0}} }, "bundle is refused: answer", 5},
	}
}

// resign makes the last signature of a packet valid again.
func resign(t *testing.T, raw []byte, by sign.Signer) {
	t.Helper()
	sig, err := by.Sign(raw[:46+int(binary.BigEndian.Uint32(raw[42:]))])
	if err != nil {
		t.Fatal(err)
	}
	copy(raw[len(raw)-len(sig):], sig[:])
}

// TestNetworkSameSteps sends each defect through a file, a pipe and the network: all three refuse it, with the same
// words.
func TestNetworkSameSteps(t *testing.T) {
	t.Parallel()
	all := sites(t, "near", "far")
	near, far := all[0], all[1]
	far.serve("--listen", "127.0.0.1:0")
	if status, body := far.post(near.pack(near.draft("hello"))); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	for _, d := range defects(t, sign.FromSeed([32]byte{9}, "stranger")) {
		draft := near.draft("hello")
		d.spoil(&draft)
		raw := near.pack(draft)
		file := filepath.Join(far.dir, "spoiled.mythosx")
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		_, fromFile, fileCode := far.try("packet", "unpack", file)
		piped := far.command("packet", "unpack", "-")
		piped.Stdin = bytes.NewReader(raw)
		_, fromPipe, pipeCode := outcome(t, piped)
		status, body := far.post(raw)
		why := strings.TrimSpace(string(body))
		if fileCode != d.code || pipeCode != d.code || status < 400 || status > 499 {
			t.Errorf("%s: exit codes %d and %d, status %d", d.name, fileCode, pipeCode, status)
		}
		if !strings.Contains(why, d.says) || !strings.Contains(fromFile, why) || fromPipe != fromFile {
			t.Errorf("%s:\nfile:    %spipe:    %snetwork: %s", d.name, fromFile, fromPipe, why)
		}
	}
	far.sound()
}

// TestNetworkReplays: a submission counts once, even after its server was killed; one that has expired, expires too
// late, or has no guard, never counts.
func TestNetworkReplays(t *testing.T) {
	t.Parallel()
	all := sites(t, "near", "far")
	near, far := all[0], all[1]
	far.serve("--listen", "127.0.0.1:0")
	once := near.draft("once")
	first := near.pack(once)
	if status, body := far.post(first); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	refused := func(name string, raw []byte, says string) {
		t.Helper()
		if status, body := far.post(raw); status != http.StatusConflict || !strings.Contains(string(body), says) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	refused("replayed", first, "it was received before")
	again := near.draft("once")
	again.guard.Nonce = once.guard.Nonce
	refused("the same nonce in another packet", near.pack(again), "it was received before")
	for name, c := range map[string]struct {
		guard *ir.Guard
		says  string
	}{
		"expired": {freshGuard(-time.Second), "it has expired"}, "for too long": {freshGuard(48 * time.Hour), "no valid replay guard"}, "no guard": {nil, "no valid replay guard"},
	} {
		d := near.draft(name)
		d.guard = c.guard
		refused(name, near.pack(d), c.says)
	}
	spoiled := near.draft("spoiled")
	spoiled.carries = map[string][]byte{"mythos.caps": {7, 1, 0}}
	if status, body := far.post(near.pack(spoiled)); status != http.StatusBadRequest {
		t.Errorf("%d %s", status, body)
	}
	spoiled.carries = nil
	if status, body := far.post(near.pack(spoiled)); status != http.StatusOK {
		t.Errorf("a packet that was refused has used up its nonce: %d %s", status, body)
	}
	far.kill()
	far.serve("--listen", "127.0.0.1:0")
	refused("replayed after a restart", first, "it was received before")
}
