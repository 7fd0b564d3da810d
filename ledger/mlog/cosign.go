package mlog

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// WitnessName is the name under which an agent cosigns checkpoints.
func WitnessName(agent object.AgentID) string {
	return "mythos.witness/" + agent.KeyID().String()[:16]
}

func cosignHash(agent object.AgentID) uint32 {
	h := sha256.New()
	h.Write([]byte(WitnessName(agent) + "\n\x04"))
	h.Write(agent.Key[:])
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// cosigned is the message of a C2SP cosignature/v1: seconds and the note's text.
func cosigned(seconds uint64, text []byte) []byte {
	return append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", seconds), text...)
}

type cosigner struct {
	s       sign.Signer
	seconds uint64
}

func (c cosigner) Name() string    { return WitnessName(c.s.Agent()) }
func (c cosigner) KeyHash() uint32 { return cosignHash(c.s.Agent()) }
func (c cosigner) Sign(text []byte) ([]byte, error) {
	sig, err := c.s.Sign(cosigned(c.seconds, text))
	return append(binary.BigEndian.AppendUint64(nil, c.seconds), sig[:]...), err
}

type cosignVerifier struct{ agent object.AgentID }

func (v cosignVerifier) Name() string    { return WitnessName(v.agent) }
func (v cosignVerifier) KeyHash() uint32 { return cosignHash(v.agent) }
func (v cosignVerifier) Verify(text, sig []byte) bool {
	if len(sig) != 8+64 {
		return false
	}
	return sign.Verify(v.agent, cosigned(binary.BigEndian.Uint64(sig), text), [64]byte(sig[8:])) == nil
}

// Cosign adds a witness's signature to a checkpoint of log, in the C2SP cosignature/v1 format. It first checks that the
// checkpoint is consistent with the last one that the witness cosigned for that log (nil: none; then proof is empty).
// The witness stores the result and refuses anything older from then on.
func Cosign(witness sign.Signer, log object.AgentID, checkpoint []byte, last *Checkpoint, proof []object.Hash, now object.Time) ([]byte, error) {
	c, err := OpenCheckpoint(checkpoint, log)
	if err != nil {
		return nil, err
	}
	if last != nil {
		if err := CheckConsistency(*last, c, proof); err != nil {
			return nil, err
		}
	}
	if now < 0 {
		return nil, fmt.Errorf("cosign: time %s", now)
	}
	n, err := note.Open(checkpoint, note.VerifierList(noteVerifier{log}))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	return note.Sign(n, cosigner{witness, uint64(now / 1e6)})
}

// Witnesses returns the agents, of those given, that have cosigned a checkpoint of log. A cosignature in the name of
// one of them that does not verify is an error.
func Witnesses(checkpoint []byte, log object.AgentID, agents ...object.AgentID) ([]object.AgentID, error) {
	list := []note.Verifier{noteVerifier{log}}
	for _, a := range agents {
		list = append(list, cosignVerifier{a})
	}
	n, err := note.Open(checkpoint, note.VerifierList(list...))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	var found []object.AgentID
	for _, a := range agents {
		for _, sig := range n.Sigs {
			if sig.Name == WitnessName(a) && sig.Hash == cosignHash(a) {
				found = append(found, a)
			}
		}
	}
	return found, nil
}
