package signal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/mythos-project/mythos/dataset/pages"
	"github.com/mythos-project/mythos/dataset/quick"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// The index of signals by episode has the keys s/<episode>/<signal>, with the signal's canonical bytes. An entry is
// written after its signature was verified, so that a build need not verify it again. An entry without bytes refers to
// the store's object, which is verified whenever it is read.
const prefix = kv.Signals

func key(episode, signal object.Hash) string {
	return prefix + episode.String() + "/" + signal.String()
}

// keyLen is the length of every key of the index.
const keyLen = len(prefix) + 64 + 1 + 64

func parseKey(key string) (episode, signal object.Hash, err error) {
	if len(key) != keyLen {
		return episode, signal, fmt.Errorf("index of signals: %w: key %q", store.ErrCorrupt, key)
	}
	episode, errE := object.ParseHash(key[len(prefix) : len(prefix)+64])
	signal, errS := object.ParseHash(key[keyLen-64:])
	if err := errors.Join(errE, errS); err != nil {
		return episode, signal, fmt.Errorf("index of signals: %w: %w", store.ErrCorrupt, err)
	}
	return episode, signal, nil
}

// About returns the signals of an episode, ascending by id. It skips a signal whose signature does not verify; a
// missing signal is an error that wraps store.ErrNotFound.
func About(ctx context.Context, s *store.Store, episode object.Hash) ([][]byte, error) {
	prefix := prefix + episode.String() + "/"
	var list [][]byte
	err := s.KV().Scan(ctx, prefix, kv.End(prefix), func(key string, value []byte) error {
		_, id, err := parseKey(key)
		if err != nil {
			return err
		}
		raw, err := indexed(ctx, s, id, value)
		if raw != nil {
			list = append(list, bytes.Clone(raw))
		}
		return err
	})
	return list, err
}

// indexed returns the bytes of an index entry, possibly value itself; nil for a signal that does not verify.
func indexed(ctx context.Context, s *store.Store, id object.Hash, value []byte) ([]byte, error) {
	if len(value) > 0 {
		if !matches(value, id) {
			return nil, fmt.Errorf("signal %s: %w", id.Short(), store.ErrCorrupt)
		}
		return value, nil
	}
	o, err := s.Object(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("signal: %w", err)
	}
	if _, got, err := Open(o.Raw); err != nil || got != id {
		return nil, nil //nolint:nilerr // only signals whose signature verifies are seen
	}
	return o.Raw, nil
}

// signatureLen is the length of field 8 of a signal with an Ed25519 signature that names its key.
var signatureLen = len(signatureHead) + quick.HashLen + 2 + 2 + 64

var signatureHead = []byte{can.TagUint, 8, can.TagMap, 3, can.TagUint, 1, can.TagUint, 1, can.TagUint, 2}

// matches checks the canonical bytes of a signal against its id.
func matches(raw []byte, id object.Hash) bool {
	if tail := len(raw) - signatureLen; tail > 0 && bytes.HasPrefix(raw[tail:], signatureHead) && quick.IsID(raw, id, 2, signatureLen) {
		return true
	}
	got, err := Rule.ID(raw)
	return err == nil && got == id
}

// gathered copies signals into large blocks, to save allocations.
type gathered struct {
	lists [][][]byte
	one   [][]byte // one element for the first of each list
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

// errOthers ends a scan that does not pay.
var errOthers = errors.New("most signals are of other episodes")

// AboutEach returns the signals of ids, which ascend strictly, in their order, by one scan of the index from the first
// of ids to the last. ok is false if most entries are of other episodes, and on any error.
func AboutEach(ctx context.Context, s *store.Store, ids []object.Hash) (signals [][][]byte, ok bool) {
	if len(ids) == 0 {
		return nil, false
	}
	others, at := 0, 0
	found := gathered{lists: make([][][]byte, len(ids)), one: make([][]byte, len(ids))}
	to := kv.End(prefix + ids[len(ids)-1].String() + "/")
	err := s.KV().Scan(ctx, prefix+ids[0].String(), to, func(key string, value []byte) error {
		episode, id, err := parseKey(key)
		if err != nil {
			return err
		}
		for at < len(ids) && ids[at].Compare(episode) < 0 {
			at++
		}
		if at == len(ids) || ids[at] != episode {
			if others++; others > 2*len(ids) {
				return errOthers
			}
			return nil
		}
		raw, err := indexed(ctx, s, id, value)
		if raw != nil {
			found.add(at, raw)
		}
		return err
	})
	return found.lists, err == nil
}

// Put verifies signals and stores them and their index entries durably. The same signals may be put again. Errors are
// those of Open, in which case nothing is stored, and of the store.
func Put(ctx context.Context, s *store.Store, raws ...[]byte) error {
	objs := make([]store.Object, len(raws))
	index := make(map[string][]byte, len(raws))
	for i, raw := range raws {
		g, id, err := Open(raw)
		if err != nil {
			return err
		}
		objs[i] = store.Object{ID: id, Kind: Kind, Raw: raw}
		index[key(g.EpisodeID, id)] = raw
	}
	if err := s.PutObjects(ctx, objs...); err != nil {
		return fmt.Errorf("signals: %w", err)
	}
	return putIndex(ctx, s, index)
}

// putIndex writes index entries, some thousands per update.
func putIndex(ctx context.Context, s *store.Store, index map[string][]byte) error {
	part := map[string][]byte{}
	flush := func() error {
		if len(part) == 0 {
			return nil
		}
		err := putEntries(ctx, s, part)
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

// putEntries writes index entries, and that their episodes changed.
func putEntries(ctx context.Context, s *store.Store, entries map[string][]byte) error {
	changed := make(map[object.Hash]bool, len(entries))
	for key := range entries {
		episode, _, err := parseKey(key)
		if err != nil {
			return err
		}
		changed[episode] = true
	}
	for ok := false; !ok; {
		put := maps.Clone(entries)
		check, err := pages.Signals(s.KV(), nil).Changed(ctx, changed, put)
		if err == nil {
			ok, err = s.KV().Update(ctx, check, put)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Index adds every valid signal of the store to the index, for signals that were put as plain objects, and returns
// their number.
func Index(ctx context.Context, s *store.Store) (n int, err error) {
	err = s.Objects(ctx, Kind, func(o store.Object) error {
		g, id, err := Open(o.Raw)
		if err != nil || id != o.ID {
			return ctx.Err() // invisible to any query; fsck reports it
		}
		n++
		key := key(g.EpisodeID, id)
		if have, found, err := s.KV().Get(ctx, key); err != nil || found && len(have) > 0 {
			return err
		}
		return putIndex(ctx, s, map[string][]byte{key: o.Raw})
	})
	return n, err
}

// IDs returns the ids, ascending by episode, of the indexed signals for which keep is true (nil: all).
func IDs(ctx context.Context, s *store.Store, keep func(*Signal) bool) (ids []object.Hash, err error) {
	err = s.KV().Scan(ctx, prefix, kv.End(prefix), func(key string, value []byte) error {
		_, id, err := parseKey(key)
		if err != nil {
			return err
		}
		raw, err := indexed(ctx, s, id, value)
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
	return ids, err
}
