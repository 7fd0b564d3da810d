package epoch

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Epoch is the beginning of an epoch, as its receipt says it.
type Epoch struct {
	Receipt object.Hash
	Seq     uint64          // of the receipt
	Good    mlog.Checkpoint // of the log before it
	Lost    mlog.Checkpoint // that the log does not begin with
}

// Notes are those of the receipt with which an epoch begins.
func (e Epoch) notes() string {
	return fmt.Sprintf("epoch: the log goes on from %d entries; a checkpoint of %d is not of this log any more", e.Good.Size, e.Lost.Size)
}

// Begin begins an epoch: its receipt is the next entry, and names the checkpoint of the log as it is, and the one that is
// ahead: given, or found. tool is the effect's; put keeps bytes. The error wraps ErrNotBehind where nothing is ahead, and
// ErrStranger where Signer and Known have not signed what is.
func (w *Watch) Begin(ctx context.Context, l *kvledger.Ledger, tool object.Hash, given []byte, put func(context.Context, []byte) (object.Hash, error)) (e Epoch, err error) {
	n, newest, err := w.newest(ctx)
	if err != nil {
		return e, err
	}
	lost, err := w.ahead(ctx, given, newest)
	if err != nil {
		return e, err
	}
	_, end, err := w.Log.EdgeStored(ctx)
	if err != nil {
		return e, err
	}
	good, err := w.Log.Checkpoint(ctx, w.Signer)
	if err != nil {
		return e, err
	}
	if e.Good, err = mlog.ReadCheckpoint(good); err == nil {
		e.Lost, err = w.signed(lost)
	}
	if err != nil {
		return e, err
	}
	notes := e.notes()
	r := ledger.Receipt{ToolID: tool, Status: 200, TimeObserved: w.Now(), Notes: &notes}
	if r.RequestHash, err = put(ctx, lost); err == nil {
		r.ResponseHash, err = put(ctx, good)
	}
	if err != nil {
		return e, err
	}
	id, raw, err := l.NewReceipt(r)
	if err != nil {
		return e, err
	}
	r.ReceiptID, e.Receipt, e.Seq = id, id, e.Good.Size
	err = l.RecordEpoch(ctx, &r, raw, ledger.Rider{Size: len(lost), Ride: func(get func(string) ([]byte, error)) (map[string][]byte, error) {
		if now, err := get(kv.LedgerEnd); err != nil || !bytes.Equal(now, end) {
			return nil, errors.Join(err, fmt.Errorf("the ledger has grown meanwhile: %w", ledger.ErrBusy))
		}
		changed := map[string][]byte{aheadKey: nil}
		if newest != nil {
			changed[lastKey] = numbered(n, newest)
		}
		return changed, nil
	}})
	if err == nil && w.Publisher != nil {
		err = w.publish(ctx)
	}
	return e, err
}

// ahead is the checkpoint that the log does not begin with: the one that is given, or the newest that was published, or the one
// that is kept.
func (w *Watch) ahead(ctx context.Context, given, newest []byte) ([]byte, error) {
	kept, err := kv.GetOrNil(ctx, w.KV, aheadKey)
	if err != nil {
		return nil, err
	}
	list := [][]byte{newest, kept}
	if given != nil {
		list = [][]byte{given}
	}
	for _, text := range list {
		if text == nil {
			continue
		}
		c, err := mlog.ReadCheckpoint(text)
		if err != nil {
			return nil, err
		}
		if err = w.Log.CheckConsistent(ctx, c); errors.Is(err, mlog.ErrCheckpoint) {
			return text, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, ErrNotBehind
}

// signed opens a checkpoint that an agent signed who is known.
func (w *Watch) signed(text []byte) (mlog.Checkpoint, error) {
	c, err := mlog.ReadCheckpoint(text)
	if err != nil {
		return c, err
	}
	if _, err := mlog.OpenCheckpoint(text, append(w.Known(), w.Signer.Agent())...); err != nil {
		return c, fmt.Errorf("%w: its log is %s: %w", ErrStranger, c.Origin, err)
	}
	return c, nil
}

// newest is the newest checkpoint that was published since the last one that is known, with its number; numbers have no gaps.
// nil: there is none.
func (w *Watch) newest(ctx context.Context) (n uint64, text []byte, err error) {
	if w.Publisher == nil {
		return 0, nil, nil
	}
	known, err := w.last(ctx)
	if err != nil {
		return 0, nil, err
	}
	low, high := known.n, uint64(0) // low is there, or known; high is not; 0: not known
	for step := uint64(1); high == 0 || low+1 < high; {
		at := low + step
		if high > 0 {
			at = low + (high-low)/2
		}
		got, found, err := w.Publisher.Checkpoint(ctx, at, maxCheckpoint)
		switch {
		case err != nil:
			return 0, nil, err
		case found:
			low, text, step = at, got, 2*step
		default:
			high = at
		}
	}
	return low, text, nil
}

// Begins reports whether an epoch begins with a receipt of the tool.
func Begins(r *ledger.Receipt, tool object.Hash) bool {
	return r != nil && r.ToolID == tool && len(r.IdempotencyKey) == 0 && r.Status == 200
}

// Open reads the receipt with which an epoch begins: lost and good are the checkpoints that it names. It does not look
// at the log.
func Open(entry ledger.Entry, lost, good []byte) (e Epoch, err error) {
	r := entry.Receipt
	e.Receipt, e.Seq = r.ReceiptID, entry.Seq
	if object.Sum(lost) != r.RequestHash || object.Sum(good) != r.ResponseHash {
		return e, fmt.Errorf("entry %d: %w: its receipt names other checkpoints", entry.Seq, mlog.ErrCheckpoint)
	}
	if e.Lost, err = mlog.ReadCheckpoint(lost); err == nil {
		e.Good, err = mlog.ReadCheckpoint(good)
	}
	if err != nil {
		return e, fmt.Errorf("entry %d: the epoch's checkpoint: %w", entry.Seq, err)
	}
	if e.Good.Size != entry.Seq {
		return e, fmt.Errorf("entry %d: %w: it begins an epoch after %d entries", entry.Seq, mlog.ErrCheckpoint, e.Good.Size)
	}
	return e, nil
}

// Check is [Open], and compares the epoch with the log that its receipt stands in. bytes reads what that names.
func Check(ctx context.Context, l *kvledger.Ledger, entry ledger.Entry, bytes func(context.Context, object.Hash) ([]byte, error)) (e Epoch, err error) {
	lost, err := bytes(ctx, entry.Receipt.RequestHash)
	if err != nil {
		return e, fmt.Errorf("entry %d: the epoch's checkpoint: %w", entry.Seq, err)
	}
	good, err := bytes(ctx, entry.Receipt.ResponseHash)
	if err != nil {
		return e, fmt.Errorf("entry %d: the epoch's checkpoint: %w", entry.Seq, err)
	}
	if e, err = Open(entry, lost, good); err != nil {
		return e, err
	}
	return e, l.CheckConsistent(ctx, e.Good)
}

// Explains reports whether a checkpoint that the log does not begin with is of what an epoch has left behind.
func (e Epoch) Explains(c mlog.Checkpoint) bool {
	return (c.Size == e.Lost.Size && c.Root == e.Lost.Root) || (e.Good.Size < c.Size && c.Size <= e.Lost.Size)
}
