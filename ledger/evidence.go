package ledger

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// EvidenceBundle is everything needed to check one receipt on a machine that has
// never seen the repository (spec/evidence.md). It is ours.
type EvidenceBundle struct {
	Receipt    []byte        `can:"1,receipt"`    // canonical Receipt
	History    [][]byte      `can:"2,history"`    // the effect's entries: kind byte and canonical bytes
	Caps       [][]byte      `can:"3,caps"`       // the capability chain, leaf first
	Seq        uint64        `can:"4,seq"`        // the receipt's place in the log
	Inclusion  []object.Hash `can:"5,inclusion"`  // RFC 6962 inclusion proof
	Checkpoint []byte        `can:"6,checkpoint"` // signed note
}

// ExportEvidence gathers the evidence for a receipt; chain holds the canonical
// capabilities that allowed the effect.
func (l *Ledger) ExportEvidence(ctx context.Context, id object.Hash, chain [][]byte) ([]byte, error) {
	raw, err := l.Receipt(ctx, id)
	if err != nil {
		return nil, err
	}
	r, _, err := OpenReceipt(raw)
	if err != nil {
		return nil, err
	}
	b := EvidenceBundle{Receipt: raw, History: [][]byte{}, Caps: chain}
	if b.Caps == nil {
		b.Caps = [][]byte{}
	}
	if len(r.IdempotencyKey) > 0 {
		s, err := l.Read(ctx, IdemID(r.ToolID, r.IdempotencyKey))
		if err != nil {
			return nil, err
		}
		for _, e := range s.History {
			b.History = append(b.History, leaf(e.Kind, e.Raw))
		}
	}
	if b.Checkpoint, err = l.Checkpoint(ctx); err != nil {
		return nil, err
	}
	c, err := OpenCheckpoint(b.Checkpoint, l.signer.Agent())
	if err != nil {
		return nil, err
	}
	if b.Seq, err = l.ReceiptSeq(ctx, id); err != nil {
		return nil, err
	}
	if b.Inclusion, err = l.Prove(ctx, c.Size, b.Seq); err != nil {
		return nil, err
	}
	return can.Marshal(&b)
}

// Evidence is what a verified bundle shows.
type Evidence struct {
	Receipt   *Receipt
	ReceiptID object.Hash
	State     State
	Log       Checkpoint
	Caps      [][]byte
}

// VerifyEvidence checks a bundle without any other source: the receipt, each entry
// of the history, the receipt's place in the signed log. The error says that the
// bytes are not intact. Whether Receipt.Signer is trusted is a verdict of its own,
// which the caller gives.
func VerifyEvidence(raw []byte) (*Evidence, error) {
	b, err := object.Decode[EvidenceBundle](raw)
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	r, id, err := OpenReceipt(b.Receipt)
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	ev := &Evidence{Receipt: r, ReceiptID: id, Caps: b.Caps}
	history, err := verifyHistory(b, r)
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	ev.State = Fold(IdemID(r.ToolID, r.IdempotencyKey), history)
	if ev.Log, err = OpenCheckpoint(b.Checkpoint, r.Signer); err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	if err := checkInclusion(ev.Log, b.Seq, leaf(EntryReceipt, b.Receipt), b.Inclusion); err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	return ev, nil
}

func verifyHistory(b *EvidenceBundle, r *Receipt) ([]Entry, error) {
	known := []object.AgentID{r.Signer}
	idem := IdemID(r.ToolID, r.IdempotencyKey)
	var history []Entry
	for i, data := range b.History {
		e, err := parseEntry(uint64(i), data)
		if err != nil {
			return nil, err
		}
		if got, ok := e.IdemID(); !ok || got != idem {
			return nil, fmt.Errorf("history entry %d: %w: it is of another effect", i, ErrEntry)
		}
		known = append(known, signers(e)...)
		if err := e.Verify(known...); err != nil {
			return nil, err
		}
		history = append(history, e)
	}
	return history, nil
}
