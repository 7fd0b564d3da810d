package kvledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
)

// Authority is what allowed an effect, as its evidence shows.
type Authority struct {
	Caps   [][]byte // the canonical capabilities, the leaf first
	Agreed [][]byte // the canonical request for approval, then the approvals
}

// ExportEvidence gathers the evidence for a receipt under a checkpoint of this log, or under a fresh one with nil.
// Witnesses are the agents whose cosignatures the checkpoint may have, besides those that the ledger knows. It leaves
// out entries that the checkpoint does not cover. It refuses to export a bundle that would not verify: with
// ErrCheckpoint if the checkpoint does not cover the receipt or has a signature of somebody unknown, with ErrEntry if a
// receipt lacks its commit.
func (l *Ledger) ExportEvidence(ctx context.Context, id object.Hash, by Authority, checkpoint []byte, witnesses ...object.AgentID) ([]byte, error) {
	at, err := l.receiptPlace(ctx, id)
	if err != nil {
		return nil, err
	}
	raw, err := l.receiptAt(ctx, id, at)
	if err != nil {
		return nil, err
	}
	r, _, err := ledger.OpenReceipt(raw)
	if err != nil {
		return nil, err
	}
	history := []ledger.Entry{{Seq: at.Seq, Kind: ledger.EntryReceipt, Raw: raw, Receipt: r}}
	if len(r.IdempotencyKey) > 0 {
		s, err := l.Read(ctx, ledger.IdemID(r.ToolID, r.IdempotencyKey))
		if err != nil {
			return nil, err
		}
		if s.Recorded(id) || s.Withdrawn(id) { // the receipt of a refused attempt is not part of the history
			history = s.History
		}
	}
	b := ledger.EvidenceBundle{Receipt: raw, Entries: []ledger.EvidenceEntry{}, Caps: append([][]byte{}, by.Caps...), Agreed: by.Agreed,
		Log: l.self.Agent(), Operators: l.deciders(history)}
	c, text, err := l.covering(ctx, checkpoint, at.Seq)
	if err != nil {
		return nil, err
	}
	b.Checkpoint = string(text)
	b.Agents = needed(history, b.Checkpoint, append(slices.Clone(l.Known), witnesses...))
	log := l.Prover(ctx)
	for _, e := range history {
		if e.Seq >= c.Size {
			break
		}
		proof, err := log.Inclusion(c.Size, e.Seq)
		if err != nil {
			return nil, err
		}
		b.Entries = append(b.Entries, ledger.EvidenceEntry{Seq: e.Seq, Kind: e.Kind, Raw: e.Raw, Inclusion: proof})
	}
	bundle, err := l.self.Seal(ledger.EvidenceRule, &b, &b.Signature)
	if err != nil {
		return nil, err
	}
	if _, _, err := ledger.ParseEvidence(bundle); err != nil {
		return nil, fmt.Errorf("export evidence: %w", err)
	}
	return bundle, nil
}

// deciders are the operators whose resolutions of a history count, without this ledger's agent.
func (l *Ledger) deciders(history []ledger.Entry) []object.AgentID {
	var list []object.AgentID
	for _, e := range history {
		if e.Resolution == nil || e.Unverified || e.Resolution.Signer.Same(l.self.Agent()) || slices.ContainsFunc(list, e.Resolution.Signer.Same) {
			continue
		}
		list = append(list, e.Resolution.Signer)
	}
	return list
}

// needed returns the known agents that may have signed a history's commits and marks or the cosignatures of a
// checkpoint. A bundle has to include their keys.
func needed(history []ledger.Entry, checkpoint string, known []object.AgentID) []object.AgentID {
	list := []object.AgentID{}
	for _, a := range known {
		id := a.KeyID()
		signs := slices.ContainsFunc(history, func(e ledger.Entry) bool {
			_, sig, signer := e.Signature()
			return signer == nil && (sig.KeyID == nil || *sig.KeyID == id)
		})
		if (signs || strings.Contains(checkpoint, "\u2014 "+mlog.WitnessName(a)+" ")) && !slices.ContainsFunc(list, a.Same) {
			list = append(list, a)
		}
	}
	return list
}

// covering opens a checkpoint of this log, or makes one. It must cover the entry seq.
func (l *Ledger) covering(ctx context.Context, text []byte, seq uint64) (c mlog.Checkpoint, _ []byte, err error) {
	if text == nil {
		if text, err = l.Checkpoint(ctx); err != nil {
			return c, nil, err
		}
	}
	if c, err = mlog.OpenCheckpoint(text, l.self.Agent()); err != nil {
		return c, nil, err
	}
	if seq >= c.Size {
		return c, nil, fmt.Errorf("%w: it covers %d entries, the receipt is entry %d", mlog.ErrCheckpoint, c.Size, seq)
	}
	return c, text, l.CheckConsistent(ctx, c)
}
