package ledger

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
)

// Prover makes proofs about a log, for one goroutine: what it reads for one proof it has for
// the next.
type Prover struct{ hashes *mlog.HashReader }

// Prover makes proofs about the log as it is now.
func (a *archive) Prover(ctx context.Context) Prover { return Prover{a.log.Hashes(ctx)} }

// Inclusion returns the inclusion proof (RFC 6962 §2.1.1) of the entry at seq in the
// log of size entries: at most 1 + log₂ size hashes, the leaf's sibling first.
func (p Prover) Inclusion(size, seq uint64) ([]object.Hash, error) {
	if seq >= size || size > mlog.MaxEntries {
		return nil, fmt.Errorf("%w: it covers %d entries, not entry %d", ErrCheckpoint, size, seq)
	}
	proof, err := tlog.ProveRecord(int64(size), int64(seq), p.hashes)
	return asHashes(proof), err
}

// Consistency returns the proof (RFC 6962 §2.1.2) that the log of newer entries begins with
// the log of older entries.
func (p Prover) Consistency(older, newer uint64) ([]object.Hash, error) {
	if older > newer || newer > mlog.MaxEntries {
		return nil, fmt.Errorf("%w: %d entries do not begin with %d", ErrCheckpoint, newer, older)
	}
	if older == 0 { // every log begins with the empty one
		return nil, nil
	}
	proof, err := tlog.ProveTree(int64(newer), int64(older), p.hashes)
	return asHashes(proof), err
}

// CheckInclusion verifies an inclusion proof of an entry, given as its kind and
// canonical bytes. The error wraps ErrCheckpoint.
func CheckInclusion(c Checkpoint, seq uint64, kind byte, raw []byte, proof []object.Hash) error {
	if c.Size > mlog.MaxEntries || seq >= c.Size {
		return fmt.Errorf("%w: it covers %d entries, not entry %d", ErrCheckpoint, c.Size, seq)
	}
	if err := tlog.CheckRecord(ofHashes(proof), int64(c.Size), c.Root, int64(seq), tlog.RecordHash(leaf(kind, raw))); err != nil {
		return fmt.Errorf("%w: entry %d is not in the log: %w", ErrCheckpoint, seq, err)
	}
	return nil
}

// CheckConsistency verifies that the log of checkpoint newer begins with that of
// checkpoint older, without the log. The error wraps ErrCheckpoint.
func CheckConsistency(older, newer Checkpoint, proof []object.Hash) error {
	switch {
	case older.Size > newer.Size || newer.Size > mlog.MaxEntries:
		return fmt.Errorf("%w: %d entries do not begin with %d: the tail was cut off", ErrCheckpoint, newer.Size, older.Size)
	case older.Size == 0 && older.Root == (&mlog.Frontier{}).Root() && len(proof) == 0:
		return nil
	case older.Size == 0:
		return fmt.Errorf("%w: the empty log has another root", ErrCheckpoint)
	}
	err := tlog.CheckTree(tlog.TreeProof(ofHashes(proof)), int64(newer.Size), newer.Root, int64(older.Size), older.Root)
	if err != nil {
		return fmt.Errorf("%w: the log of %d entries does not begin with that of %d: %w", ErrCheckpoint, newer.Size, older.Size, err)
	}
	return nil
}

func asHashes(list []tlog.Hash) []object.Hash {
	out := make([]object.Hash, len(list))
	for i, h := range list {
		out[i] = object.HashOf(h)
	}
	return out
}

func ofHashes(list []object.Hash) tlog.RecordProof {
	out := make(tlog.RecordProof, len(list))
	for i, h := range list {
		out[i] = h.Sum
	}
	return out
}

const proofHeader = "c2sp.org/tlog-proof@v1"

// ProofText returns the proof that the entry at seq is in the log of a checkpoint,
// in the C2SP tlog-proof format: index, inclusion proof, checkpoint.
func (l *Ledger) ProofText(ctx context.Context, checkpoint []byte, seq uint64) ([]byte, error) {
	c, err := OpenCheckpoint(checkpoint, append([]object.AgentID{l.self.agent}, l.Known...)...)
	if err != nil {
		return nil, err
	}
	proof, err := l.Prover(ctx).Inclusion(c.Size, seq)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nindex %d\n", proofHeader, seq)
	for _, h := range proof {
		fmt.Fprintln(&b, base64.StdEncoding.EncodeToString(h.Sum[:]))
	}
	b.WriteByte('\n')
	b.Write(checkpoint)
	return b.Bytes(), nil
}

// CheckProofText verifies a C2SP tlog-proof of an entry, given as its kind and
// canonical bytes, in a log that one of the agents signs. It needs no store.
func CheckProofText(text []byte, kind byte, raw []byte, agents ...object.AgentID) (Checkpoint, error) {
	head, checkpoint, ok := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	if len(lines) > 1 && strings.HasPrefix(lines[1], "extra ") {
		lines = append(lines[:1], lines[2:]...)
	}
	if !ok || len(lines) < 2 || lines[0] != proofHeader || len(lines) > 2+64 {
		return Checkpoint{}, fmt.Errorf("%w: no proof", ErrCheckpoint)
	}
	digits, ok := strings.CutPrefix(lines[1], "index ")
	seq, err := strconv.ParseUint(digits, 10, 62)
	if !ok || err != nil || strconv.FormatUint(seq, 10) != digits {
		return Checkpoint{}, fmt.Errorf("%w: index %q", ErrCheckpoint, lines[1])
	}
	proof := make([]object.Hash, 0, len(lines)-2)
	for _, line := range lines[2:] {
		sum, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(sum) != 32 {
			return Checkpoint{}, fmt.Errorf("%w: proof line %q", ErrCheckpoint, line)
		}
		proof = append(proof, object.HashOf([32]byte(sum)))
	}
	c, err := OpenCheckpoint([]byte(checkpoint), agents...)
	if err != nil {
		return c, err
	}
	return c, CheckInclusion(c, seq, kind, raw, proof)
}
