package mlog

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mythos-project/mythos/object"
)

// Prover makes proofs about a log, for one goroutine. It caches its reads from one proof to the next.
type Prover struct{ hashes *HashReader }

// Prover makes proofs about the log's present state.
func (l *Log) Prover(ctx context.Context) Prover { return Prover{l.Hashes(ctx)} }

// Inclusion returns the inclusion proof (RFC 6962 §2.1.1) of the entry at seq in the
// log of size entries: at most 1 + log₂ size hashes, the leaf's sibling first.
func (p Prover) Inclusion(size, seq uint64) ([]object.Hash, error) {
	if seq >= size || size > MaxEntries {
		return nil, fmt.Errorf("%w: it covers %d entries, not entry %d", ErrCheckpoint, size, seq)
	}
	proof, err := tlog.ProveRecord(int64(size), int64(seq), p.hashes)
	return asHashes(proof), err
}

// Consistency returns the proof (RFC 6962 §2.1.2) that the log of newer entries begins with
// the log of older entries.
func (p Prover) Consistency(older, newer uint64) ([]object.Hash, error) {
	if older > newer || newer > MaxEntries {
		return nil, fmt.Errorf("%w: %d entries do not begin with %d", ErrCheckpoint, newer, older)
	}
	if older == 0 { // every log begins with the empty one
		return nil, nil
	}
	proof, err := tlog.ProveTree(int64(newer), int64(older), p.hashes)
	return asHashes(proof), err
}

// CheckInclusion verifies the inclusion proof of a leaf. The error wraps ErrCheckpoint.
func CheckInclusion(c Checkpoint, seq uint64, leaf []byte, proof []object.Hash) error {
	if c.Size > MaxEntries || seq >= c.Size {
		return fmt.Errorf("%w: it covers %d entries, not entry %d", ErrCheckpoint, c.Size, seq)
	}
	if err := tlog.CheckRecord(ofHashes(proof), int64(c.Size), c.Root, int64(seq), tlog.RecordHash(leaf)); err != nil {
		return fmt.Errorf("%w: entry %d is not in the log: %w", ErrCheckpoint, seq, err)
	}
	return nil
}

// CheckConsistency verifies that the log of checkpoint newer begins with that of
// checkpoint older, without the log. The error wraps ErrCheckpoint.
func CheckConsistency(older, newer Checkpoint, proof []object.Hash) error {
	switch {
	case older.Size > newer.Size || newer.Size > MaxEntries:
		return fmt.Errorf("%w: %d entries do not begin with %d: the tail was cut off", ErrCheckpoint, newer.Size, older.Size)
	case older.Size == 0 && older.Root == (&Frontier{}).Root() && len(proof) == 0:
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

// Text returns the proof that the entry at seq is in the log of a checkpoint, in the C2SP tlog-proof format: index,
// inclusion proof, checkpoint. One of the agents must have signed the checkpoint.
func (p Prover) Text(checkpoint []byte, seq uint64, agents ...object.AgentID) ([]byte, error) {
	c, err := OpenCheckpoint(checkpoint, agents...)
	if err != nil {
		return nil, err
	}
	proof, err := p.Inclusion(c.Size, seq)
	if err != nil {
		return nil, err
	}
	return append(hashLines(fmt.Sprintf("%s\nindex %d", proofHeader, seq), proof), checkpoint...), nil
}

// CheckProofText verifies a C2SP tlog-proof of a leaf, in a log signed by one of the agents. It needs no store.
func CheckProofText(text, leaf []byte, agents ...object.AgentID) (Checkpoint, error) {
	head, checkpoint, ok := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	if len(lines) > 1 && strings.HasPrefix(lines[1], "extra ") {
		lines = append(lines[:1], lines[2:]...)
	}
	if !ok || len(lines) < 2 || lines[0] != proofHeader || len(lines) > 2+maxProof {
		return Checkpoint{}, fmt.Errorf("%w: no proof", ErrCheckpoint)
	}
	digits, ok := strings.CutPrefix(lines[1], "index ")
	seq, err := strconv.ParseUint(digits, 10, 62)
	if !ok || err != nil || strconv.FormatUint(seq, 10) != digits {
		return Checkpoint{}, fmt.Errorf("%w: index %q", ErrCheckpoint, lines[1])
	}
	proof, err := parseHashLines(lines[2:])
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := OpenCheckpoint([]byte(checkpoint), agents...)
	if err != nil {
		return c, err
	}
	return c, CheckInclusion(c, seq, leaf, proof)
}

const maxProof = 64 // hashes

// hashLines writes a head, the hashes of a proof, one per line, and a blank line.
func hashLines(head string, proof []object.Hash) []byte {
	b := append([]byte(head), '\n')
	for _, h := range proof {
		b = append(base64.StdEncoding.AppendEncode(b, h.Sum[:]), '\n')
	}
	return append(b, '\n')
}

func parseHashLines(lines []string) ([]object.Hash, error) {
	proof := make([]object.Hash, len(lines))
	for i, line := range lines {
		sum, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(sum) != 32 {
			return nil, fmt.Errorf("%w: proof line %q", ErrCheckpoint, line)
		}
		proof[i] = object.HashOf([32]byte(sum))
	}
	return proof, nil
}
