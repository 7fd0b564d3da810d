package mlog_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/memory"
)

var (
	testKey  = sign.FromSeed([32]byte(bytes.Repeat([]byte{1}, 32)), "log")
	otherKey = sign.FromSeed([32]byte(bytes.Repeat([]byte{2}, 32)), "other")
	thirdKey = sign.FromSeed([32]byte(bytes.Repeat([]byte{3}, 32)), "third")
)

// leaf is the content of the tests' log at seq.
func leaf(seq uint64) []byte { return fmt.Appendf(nil, "leaf %d", seq) }

// grow appends n leaves.
func grow(t testing.TB, log *mlog.Log, n int) {
	t.Helper()
	size, err := log.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if ok, err := log.Append(t.Context(), &mlog.Append{Leaves: [][]byte{leaf(size + uint64(i))}}); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
}

// logOf appends n leaves and returns the checkpoint after each of them.
func logOf(t testing.TB, n int) (*mlog.Log, []mlog.Checkpoint, [][]byte) {
	t.Helper()
	log := mlog.New(memory.New())
	var list []mlog.Checkpoint
	var texts [][]byte
	for i := range n + 1 {
		text, err := log.Checkpoint(t.Context(), testKey)
		if err != nil {
			t.Fatal(err)
		}
		c, err := mlog.OpenCheckpoint(text, testKey.Agent())
		if err != nil || c.Size != uint64(i) {
			t.Fatalf("%+v %v", c, err)
		}
		list, texts = append(list, c), append(texts, text)
		grow(t, log, 1)
	}
	return log, list, texts
}

// TestCheckpointFormat opens a checkpoint with the stock verifier of signed notes.
func TestCheckpointFormat(t *testing.T) {
	_, list, texts := logOf(t, 5)
	agent := testKey.Agent()
	vkey, err := note.NewEd25519VerifierKey(mlog.Origin(agent), agent.Key[:])
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(texts[5], note.VerifierList(v))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%s\n5\n%s\n", mlog.Origin(agent), base64.StdEncoding.EncodeToString(list[5].Root[:]))
	if n.Text != want {
		t.Errorf("%q, expected %q", n.Text, want)
	}
	if _, err := mlog.OpenCheckpoint(texts[5], otherKey.Agent()); !errors.Is(err, mlog.ErrCheckpoint) {
		t.Errorf("a stranger's key opens it: %v", err)
	}
	for i := range texts[5] {
		bad := bytes.Clone(texts[5])
		bad[i] ^= 1
		if _, err := mlog.OpenCheckpoint(bad, agent); err == nil {
			t.Errorf("byte %d may be changed", i)
		}
	}
}

// TestProofs proves, in every log of up to 20 entries, every entry and the consistency with every older log. It flips
// every bit of the proofs of the largest log.
func TestProofs(t *testing.T) {
	const n = 20
	ctx := context.Background()
	l, list, texts := logOf(t, n)
	for size := uint64(1); size <= n; size++ {
		for seq := range size {
			proof, err := l.Prover(ctx).Inclusion(size, seq)
			if err != nil {
				t.Fatal(err)
			}
			if err := mlog.CheckInclusion(list[size], seq, leaf(seq), proof); err != nil {
				t.Fatal(err)
			}
			if mlog.CheckInclusion(list[size], (seq+1)%size, leaf(seq), proof) == nil && size > 1 {
				t.Fatalf("entry %d of %d is proven elsewhere", seq, size)
			}
			if size == n {
				everyBit(t, proof, func(bad []object.Hash) error {
					return mlog.CheckInclusion(list[n], seq, leaf(seq), bad)
				})
				text, err := l.Prover(ctx).Text(texts[n], seq, testKey.Agent())
				if err != nil {
					t.Fatal(err)
				}
				if c, err := mlog.CheckProofText(text, leaf(seq), testKey.Agent()); err != nil || c.Size != n {
					t.Fatal(err)
				}
				if _, err := mlog.CheckProofText(text, append(leaf(seq), 0), testKey.Agent()); !errors.Is(err, mlog.ErrCheckpoint) {
					t.Fatalf("another entry: %v", err)
				}
			}
		}
		for older := range size + 1 {
			proof, err := l.Prover(ctx).Consistency(older, size)
			if err != nil {
				t.Fatal(err)
			}
			if err := mlog.CheckConsistency(list[older], list[size], proof); err != nil {
				t.Fatalf("%d in %d: %v", older, size, err)
			}
			if size == n && older > 0 && older < n {
				everyBit(t, proof, func(bad []object.Hash) error { return mlog.CheckConsistency(list[older], list[n], bad) })
				if mlog.CheckConsistency(list[n], list[older], proof) == nil {
					t.Fatal("a cut tail is consistent")
				}
			}
		}
	}
	if _, err := l.Prover(ctx).Inclusion(5, 5); err == nil {
		t.Error("an entry beyond the checkpoint is proven")
	}
}

func everyBit(t *testing.T, proof []object.Hash, check func([]object.Hash) error) {
	t.Helper()
	for i := range proof {
		for bit := range 256 {
			bad := append([]object.Hash{}, proof...)
			bad[i].Sum[bit/8] ^= 1 << (bit % 8)
			if check(bad) == nil {
				t.Fatalf("bit %d of hash %d may be flipped", bit, i)
			}
		}
		if check(append(append([]object.Hash{}, proof[:i]...), proof[i+1:]...)) == nil {
			t.Fatalf("hash %d may be left out", i)
		}
	}
}

func TestProofTextForm(t *testing.T) {
	l, _, texts := logOf(t, 3)
	text, err := l.Prover(t.Context()).Text(texts[3], 1, testKey.Agent())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" || lines[1] != "index 1" || lines[4] != "" || lines[5] != mlog.Origin(testKey.Agent()) {
		t.Errorf("%q", lines)
	}
	for name, bad := range map[string]string{
		"leading zero": strings.Replace(string(text), "index 1", "index 01", 1),
		"other index":  strings.Replace(string(text), "index 1", "index 0", 1),
		"no header":    strings.Join(lines[1:], "\n"),
		"no proof":     strings.Join(append([]string{lines[0], lines[1]}, lines[4:]...), "\n"),
		"nothing":      "",
	} {
		if _, err := mlog.CheckProofText([]byte(bad), leaf(1), testKey.Agent()); !errors.Is(err, mlog.ErrCheckpoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
	extra := strings.Replace(string(text), "index", "extra aGk=\nindex", 1)
	if _, err := mlog.CheckProofText([]byte(extra), leaf(1), testKey.Agent()); err != nil {
		t.Errorf("extra data: %v", err)
	}
}

func TestWitnesses(t *testing.T) {
	l, list, texts := logOf(t, 9)
	log := testKey.Agent()
	proof, err := l.Prover(t.Context()).Consistency(4, 9)
	if err != nil {
		t.Fatal(err)
	}
	cosigned, err := mlog.Cosign(otherKey, log, texts[9], &list[4], proof, 1_700_000_000_000_000)
	if err != nil {
		t.Fatal(err)
	}
	if cosigned, err = mlog.Cosign(thirdKey, log, cosigned, nil, nil, 1_700_000_000_000_000); err != nil {
		t.Fatal(err)
	}
	got, err := mlog.Witnesses(cosigned, log, otherKey.Agent(), thirdKey.Agent())
	if err != nil || len(got) != 2 {
		t.Fatalf("%v %v", got, err)
	}
	if c, err := mlog.OpenCheckpoint(cosigned, log); err != nil || c != list[9] {
		t.Errorf("the cosigned checkpoint: %+v %v", c, err)
	}
	if _, err := mlog.Cosign(otherKey, log, texts[4], &list[9], proof, 0); !errors.Is(err, mlog.ErrCheckpoint) {
		t.Errorf("an older one is cosigned: %v", err)
	}
	forged := strings.Replace(string(cosigned), "\n9\n", "\n8\n", 1)
	if _, err := mlog.Witnesses([]byte(forged), log, otherKey.Agent()); err == nil {
		t.Error("a forged checkpoint has witnesses")
	}
	if got, err := mlog.Witnesses(texts[9], log, otherKey.Agent()); err != nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
}

// FuzzCheckpoint: nobody else can sign a checkpoint of this log or prove a leaf.
func FuzzCheckpoint(f *testing.F) {
	log, list, texts := logOf(f, 4)
	agent := testKey.Agent()
	proof, err := log.Prover(f.Context()).Text(texts[4], 3, agent)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(texts[4])
	f.Add(proof)
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := mlog.OpenCheckpoint(data, agent); err == nil && c != list[4] {
			t.Fatalf("a forged checkpoint: %+v", c)
		}
		if c, err := mlog.CheckProofText(data, leaf(3), agent); err == nil && c != list[4] {
			t.Fatalf("a forged proof: %+v", c)
		}
	})
}
