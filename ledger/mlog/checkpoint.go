package mlog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// ErrCheckpoint means that a checkpoint is malformed, or that it does not match the log.
var ErrCheckpoint = errors.New("checkpoint does not hold")

// Origin names the log of the ledger that agent signs [led-60].
func Origin(agent object.AgentID) string { return "mythos.ledger/" + agent.KeyID().String()[:16] }

// noteSigner signs notes (sumdb/note) with an agent's key.
type noteSigner struct{ s sign.Signer }

func (n noteSigner) Name() string                    { return Origin(n.s.Agent()) }
func (n noteSigner) KeyHash() uint32                 { return noteKeyHash(n.s.Agent()) }
func (n noteSigner) Sign(msg []byte) ([]byte, error) { sig, err := n.s.Sign(msg); return sig[:], err }

// noteVerifier verifies notes (sumdb/note) with an agent's key.
type noteVerifier struct{ agent object.AgentID }

func (n noteVerifier) Name() string    { return Origin(n.agent) }
func (n noteVerifier) KeyHash() uint32 { return noteKeyHash(n.agent) }
func (n noteVerifier) Verify(msg, sig []byte) bool {
	return len(sig) == 64 && sign.Verify(n.agent, msg, [64]byte(sig)) == nil
}

// noteKeyHash is the key hash of signed notes: name, newline, algorithm 1, key.
func noteKeyHash(agent object.AgentID) uint32 {
	h := sha256.New()
	h.Write([]byte(Origin(agent) + "\n\x01"))
	h.Write(agent.Key[:])
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// Checkpoint returns a signed statement of the log's size and root in the C2SP checkpoint format. A copy kept elsewhere
// reveals any later rewriting.
func (l *Log) Checkpoint(ctx context.Context, s sign.Signer) ([]byte, error) {
	edge, _, err := l.EdgeStored(ctx)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	root := edge.Root()
	text := fmt.Sprintf("%s\n%d\n%s\n", Origin(s.Agent()), edge.Size, base64.StdEncoding.EncodeToString(root[:]))
	return note.Sign(&note.Note{Text: text}, noteSigner{s})
}

// Checkpoint is the content of a checkpoint.
type Checkpoint struct {
	Origin string
	Size   uint64
	Root   [32]byte
	Signer object.AgentID
}

// OpenCheckpoint parses a checkpoint, which one of the agents must have signed.
func OpenCheckpoint(data []byte, agents ...object.AgentID) (Checkpoint, error) {
	if what := notANote(data); what != "" {
		return Checkpoint{}, fmt.Errorf("%w: %s", ErrCheckpoint, what)
	}
	for _, agent := range agents {
		n, err := note.Open(data, note.VerifierList(noteVerifier{agent}))
		if err != nil {
			continue
		}
		c, err := parseCheckpoint(n.Text)
		for _, sig := range n.Sigs { // trailing bits of base64 would allow a second spelling
			if _, serr := base64.StdEncoding.Strict().DecodeString(sig.Base64); err == nil && serr != nil {
				err = fmt.Errorf("%w: %w", ErrCheckpoint, serr)
			}
		}
		if err == nil && c.Origin != Origin(agent) {
			err = fmt.Errorf("%w: it is of log %s", ErrCheckpoint, c.Origin)
		}
		c.Signer = agent
		return c, err
	}
	return Checkpoint{}, fmt.Errorf("%w: no known agent signed it", ErrCheckpoint)
}

// notANote says what is wrong with a signed note that was changed in transit; empty: nothing visible.
func notANote(data []byte) string {
	switch {
	case bytes.Contains(data, []byte("\r\n")):
		return "its lines end in CRLF, and signed lines end in LF"
	case len(data) == 0 || data[len(data)-1] != '\n':
		return "its last line has no end"
	case bytes.HasSuffix(data, []byte("\n\n")):
		return "blank lines follow its signatures"
	case !bytes.Contains(data, []byte("\n\n\u2014 ")):
		return "it is not a signed note: no signature follows a blank line"
	}
	return ""
}

// OpenSealed opens a checkpoint of log. All its signatures must be those of the log or cosignatures of known agents,
// and each must verify.
func OpenSealed(data []byte, log object.AgentID, known []object.AgentID) (Checkpoint, error) {
	c, err := OpenCheckpoint(data, log)
	if err != nil {
		return c, err
	}
	list := []note.Verifier{noteVerifier{log}}
	for i, a := range known {
		if !slices.ContainsFunc(known[:i], a.Same) {
			list = append(list, cosignVerifier{a})
		}
	}
	n, err := note.Open(data, note.VerifierList(list...))
	if err != nil {
		return c, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	if len(n.UnverifiedSigs) > 0 {
		return c, fmt.Errorf("%w: nothing here verifies its signature by %s", ErrCheckpoint, n.UnverifiedSigs[0].Name)
	}
	for _, sig := range n.Sigs { // trailing bits of base64 would allow a second spelling
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return c, fmt.Errorf("%w: %w", ErrCheckpoint, err)
		}
	}
	return c, nil
}

// ReadCheckpoint parses a checkpoint whoever signed it. Its Signer is zero.
func ReadCheckpoint(data []byte) (Checkpoint, error) {
	if what := notANote(data); what != "" {
		return Checkpoint{}, fmt.Errorf("%w: %s", ErrCheckpoint, what)
	}
	text, _, _ := strings.Cut(string(data), "\n\n")
	return parseCheckpoint(text + "\n")
}

func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 {
		return Checkpoint{}, fmt.Errorf("%w: too short", ErrCheckpoint)
	}
	size, err := strconv.ParseUint(lines[1], 10, 62)
	root, err2 := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || err2 != nil || len(root) != 32 || strconv.FormatUint(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("%w: malformed", ErrCheckpoint)
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: [32]byte(root)}, nil
}

// CheckConsistent compares the log with an older checkpoint: the log must still
// begin with exactly what the checkpoint covers.
func (l *Log) CheckConsistent(ctx context.Context, old Checkpoint) error {
	size, err := l.Size(ctx)
	if err != nil {
		return err
	}
	if size < old.Size {
		return fmt.Errorf("%w: it covers %d entries, the log has %d: its tail was cut off", ErrCheckpoint, old.Size, size)
	}
	root, err := tlog.TreeHash(int64(old.Size), l.Hashes(ctx))
	if err != nil {
		return err
	}
	if root != old.Root {
		return fmt.Errorf("%w: the first %d entries have another root", ErrCheckpoint, old.Size)
	}
	return nil
}
