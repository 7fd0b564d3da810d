package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// The index of signals by episode: the key s/<episode>/<signal> with the signal's
// canonical bytes. An entry is written after its signature was verified, so that a build
// need not verify it again; an entry without bytes stands for the store's object, which
// is verified whenever it is read.
const signalKeys = kv.Signals

func signalKey(episode, signal object.Hash) string {
	return signalKeys + episode.String() + "/" + signal.String()
}

// signalKeyLen is the length of every key of the index.
const signalKeyLen = len(signalKeys) + 64 + 1 + 64

func parseSignalKey(key string) (episode, signal object.Hash, err error) {
	if len(key) != signalKeyLen {
		return episode, signal, fmt.Errorf("index of signals: %w: key %q", store.ErrCorrupt, key)
	}
	episode, errE := object.ParseHash(key[len(signalKeys) : len(signalKeys)+64])
	signal, errS := object.ParseHash(key[signalKeyLen-64:])
	if err := errors.Join(errE, errS); err != nil {
		return episode, signal, fmt.Errorf("index of signals: %w: %w", store.ErrCorrupt, err)
	}
	return episode, signal, nil
}

// Signals implements Source. A signal whose signature does not verify is not seen; one
// that is missing is an error that wraps store.ErrNotFound.
func (s *StoreSource) Signals(ctx context.Context, episode object.Hash) ([][]byte, error) {
	prefix := signalKeys + episode.String() + "/"
	var list [][]byte
	err := s.Store.KV().Scan(ctx, prefix, kv.End(prefix), func(key string, value []byte) error {
		_, id, err := parseSignalKey(key)
		if err != nil {
			return err
		}
		raw, err := s.indexed(ctx, id, value)
		if raw != nil {
			list = append(list, bytes.Clone(raw))
		}
		return err
	})
	return list, err
}

// indexed gives the bytes of an index entry, which may be value; nil for a signal that does not verify.
func (s *StoreSource) indexed(ctx context.Context, id object.Hash, value []byte) ([]byte, error) {
	if len(value) > 0 {
		if !isSignal(value, id) {
			return nil, fmt.Errorf("signal %s: %w", id.Short(), store.ErrCorrupt)
		}
		return value, nil
	}
	o, err := s.Store.Object(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("signal: %w", err)
	}
	if _, got, err := OpenSignal(o.Raw); err != nil || got != id {
		return nil, nil //nolint:nilerr // only signals whose signature verifies are seen
	}
	return o.Raw, nil
}

// SignalRanger is what a Source may offer besides: the signals of many episodes at once.
// Without it, or where it does not pay, they are read for one episode after the other.
type SignalRanger interface {
	// SignalsOf returns the signals of ids, which ascend strictly, in their order; ok is
	// false when something is in the way, an error included.
	SignalsOf(ctx context.Context, ids []object.Hash) (signals [][][]byte, ok bool)
}

// gathered copies signals into large blocks, so that a signal is no allocation of its own.
type gathered struct {
	lists [][][]byte
	one   [][]byte // one for each list, for its first
	arena []byte
}

const gatherBlock = 64 << 10

func (g *gathered) add(at int, raw []byte) {
	if len(raw) > len(g.arena) {
		g.arena = make([]byte, max(gatherBlock, len(raw)))
	}
	n := copy(g.arena, raw)
	if g.lists[at] == nil {
		g.lists[at] = g.one[at : at : at+1]
	}
	g.lists[at] = append(g.lists[at], g.arena[:n:n])
	g.arena = g.arena[n:]
}

var _ SignalRanger = (*StoreSource)(nil)

// SignalsOf implements SignalRanger by one scan of the index from the first of ids to
// the last. It gives up where most entries are of other episodes.
func (s *StoreSource) SignalsOf(ctx context.Context, ids []object.Hash) ([][][]byte, bool) {
	if len(ids) == 0 {
		return nil, false
	}
	others, at := 0, 0
	found := gathered{lists: make([][][]byte, len(ids)), one: make([][]byte, len(ids))}
	to := kv.End(signalKeys + ids[len(ids)-1].String() + "/")
	err := s.Store.KV().Scan(ctx, signalKeys+ids[0].String(), to, func(key string, value []byte) error {
		episode, id, err := parseSignalKey(key)
		if err != nil {
			return err
		}
		for at < len(ids) && ids[at].Compare(episode) < 0 {
			at++
		}
		if at == len(ids) || ids[at] != episode {
			if others++; others > 2*len(ids) {
				return errStop
			}
			return nil
		}
		raw, err := s.indexed(ctx, id, value)
		if raw != nil {
			found.add(at, raw)
		}
		return err
	})
	return found.lists, err == nil
}

// PutSignals verifies signals, keeps them and the index by which episodes find them,
// durably. The same signals may be put again. Errors are those of OpenSignal and of
// the store; on the former nothing is kept.
func PutSignals(ctx context.Context, s *store.Store, raws ...[]byte) error {
	objs := make([]store.Object, len(raws))
	index := make(map[string][]byte, len(raws))
	for i, raw := range raws {
		g, id, err := OpenSignal(raw)
		if err != nil {
			return err
		}
		objs[i] = store.Object{ID: id, Kind: KindSignal, Raw: raw}
		index[signalKey(g.EpisodeID, id)] = raw
	}
	if err := s.PutObjects(ctx, objs...); err != nil {
		return fmt.Errorf("signals: %w", err)
	}
	return putIndex(ctx, s, index)
}

// putIndex writes index entries, some thousand an update.
func putIndex(ctx context.Context, s *store.Store, index map[string][]byte) error {
	part := map[string][]byte{}
	flush := func() error {
		if len(part) == 0 {
			return nil
		}
		_, err := s.KV().Update(ctx, nil, part)
		part = map[string][]byte{}
		return err
	}
	for key, value := range index {
		if part[key] = value; len(part) < 2048 {
			continue
		}
		if err := flush(); err != nil {
			return fmt.Errorf("index of signals: %w", err)
		}
	}
	if err := flush(); err != nil {
		return fmt.Errorf("index of signals: %w", err)
	}
	return nil
}

// IndexSignals enters every signal of the store that verifies into the index, for
// signals that were put as plain objects, and returns how many there are.
func IndexSignals(ctx context.Context, s *store.Store) (n int, err error) {
	err = s.Objects(ctx, KindSignal, func(o store.Object) error {
		g, id, err := OpenSignal(o.Raw)
		if err != nil || id != o.ID {
			return ctx.Err() // not seen by any query; fsck reports it
		}
		n++
		key := signalKey(g.EpisodeID, id)
		if have, found, err := s.KV().Get(ctx, key); err != nil || found && len(have) > 0 {
			return err
		}
		return putIndex(ctx, s, map[string][]byte{key: o.Raw})
	})
	return n, err
}

// SnapshotSignals makes a signal log: the MerkleList over the ids, ascending, of the
// indexed signals that keep wants (nil: all). A definition names it by its root.
func SnapshotSignals(ctx context.Context, s *store.Store, keep func(*Signal) bool) (object.BlobRef, uint64, error) {
	var ids []object.Hash
	src := &StoreSource{Store: s}
	err := s.KV().Scan(ctx, signalKeys, kv.End(signalKeys), func(key string, value []byte) error {
		_, id, err := parseSignalKey(key)
		if err != nil {
			return err
		}
		raw, err := src.indexed(ctx, id, value)
		if err != nil || raw == nil {
			return err
		}
		g := new(Signal)
		if err := can.Unmarshal(raw, g); err != nil {
			return fmt.Errorf("signal %s: %w", id.Short(), err)
		}
		if keep == nil || keep(g) {
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return object.BlobRef{}, 0, err
	}
	return Snapshot(ctx, s, MediaSignals, ids)
}
