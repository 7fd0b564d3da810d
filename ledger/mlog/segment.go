package mlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/mythos-project/mythos/store/kv"
)

// Entries are stored in segments: consecutive leaves of one update under one key, so that many callers who append
// together use few keys. A segment does not cross a multiple of tileWidth, so one scan finds the segments of any 256
// leaves.
const (
	segmentKeys  = kv.LedgerSegments
	segmentBytes = 16 << 10 // of leaves in one segment, unless a single leaf has more
	leafHead     = 4        // bytes before each leaf of a segment: its length
)

func segmentKey(first uint64) string { return segmentKeys + hex16(first) }

// hex16 is n as 16 hex digits, so that keys sort by number.
func hex16(n uint64) string {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[i] = digits[n>>(60-4*i)&15]
	}
	return string(b[:])
}

// ErrEntry means that stored data is not that of a log.
var ErrEntry = errors.New("invalid ledger entry")

// Segment is a run of consecutive leaves as they are stored.
type Segment struct {
	First  uint64
	Leaves [][]byte
}

// End is the number after the last leaf.
func (s Segment) End() uint64 { return s.First + uint64(len(s.Leaves)) }

// parseSegment splits a stored segment. The leaves point into value.
func parseSegment(key string, value []byte) (Segment, error) {
	first, err := strconv.ParseUint(key[len(segmentKeys):], 16, 64)
	if err != nil || segmentKey(first) != key {
		return Segment{}, fmt.Errorf("%w: key %q", ErrEntry, key)
	}
	s := Segment{First: first}
	for len(value) > 0 {
		leaf, rest, ok := cutLeaf(value)
		if !ok || len(s.Leaves) == tileWidth-int(first%tileWidth) {
			return s, fmt.Errorf("entry %d: %w: its segment %s is malformed", s.End(), ErrEntry, key)
		}
		s.Leaves, value = append(s.Leaves, leaf), rest
	}
	if len(s.Leaves) == 0 {
		return s, fmt.Errorf("entry %d: %w: its segment is empty", first, ErrEntry)
	}
	return s, nil
}

func appendLeaf(value, leaf []byte) []byte {
	return append(binary.BigEndian.AppendUint32(value, uint32(len(leaf))), leaf...)
}

func cutLeaf(value []byte) (leaf, rest []byte, ok bool) {
	if len(value) < leafHead {
		return nil, nil, false
	}
	n := uint64(binary.BigEndian.Uint32(value))
	if value = value[leafHead:]; n > uint64(len(value)) {
		return nil, nil, false
	}
	return value[:n:n], value[n:], true
}

// segmentWriter writes leaves into segments.
type segmentWriter struct {
	put     map[string][]byte
	first   uint64 // of the open segment
	next    uint64 // the number of the next leaf
	filling []byte
}

// add appends a leaf and returns its place.
func (w *segmentWriter) add(leaf []byte) Place {
	if len(w.filling) > 0 && (w.next%tileWidth == 0 || len(w.filling)+len(leaf) > segmentBytes) {
		w.flush()
	}
	if len(w.filling) == 0 {
		w.first = w.next
	}
	w.filling = appendLeaf(w.filling, leaf)
	w.next++
	return Place{Seq: w.next - 1, at: uint8(w.next - 1 - w.first)}
}

// flush ends the open segment.
func (w *segmentWriter) flush() {
	if len(w.filling) > 0 {
		w.put[segmentKey(w.first)] = w.filling
	}
	w.filling = nil
}

// Place locates an entry: its number in the log, and its number in its segment. Indexes hold places, so that one read
// finds an entry.
type Place struct {
	Seq uint64
	at  uint8
}

const placeSize = 8 + 1

func (p Place) append(value []byte) []byte {
	return append(binary.BigEndian.AppendUint64(value, p.Seq), p.at)
}

// ParsePlaces reads an index.
func ParsePlaces(value []byte) ([]Place, error) {
	if len(value) == 0 || len(value)%placeSize != 0 {
		return nil, fmt.Errorf("%w: %d bytes where places should be", ErrEntry, len(value))
	}
	places := make([]Place, 0, len(value)/placeSize)
	for ; len(value) > 0; value = value[placeSize:] {
		p := Place{binary.BigEndian.Uint64(value), value[placeSize-1]}
		if uint64(p.at) > p.Seq%tileWidth {
			return nil, fmt.Errorf("entry %d: %w: it is not number %d of a segment", p.Seq, ErrEntry, p.at)
		}
		places = append(places, p)
	}
	return places, nil
}

// Reader reads leaves by place. It does not read a segment again if the next place is in the same one: a receipt and
// its commit are neighbours.
type Reader struct {
	kv    kv.KV
	key   string
	value []byte
}

// Leaf is the leaf at a place, valid until the next call. The error wraps [ErrEntry].
func (r *Reader) Leaf(ctx context.Context, p Place) ([]byte, error) {
	if key := segmentKey(p.Seq - uint64(p.at)); key != r.key {
		value, err := kv.GetOrNil(ctx, r.kv, key)
		if err != nil {
			return nil, err
		}
		r.key, r.value = key, value
	}
	leaf, rest, ok := cutLeaf(r.value)
	for i := 0; ok && i < int(p.at); i++ {
		leaf, rest, ok = cutLeaf(rest)
	}
	if !ok {
		return nil, fmt.Errorf("entry %d: %w: missing", p.Seq, ErrEntry)
	}
	return leaf, nil
}

// scanSegments calls fn with the segments from the one with leaf number first up to the key to, ascending. It does not
// report gaps. The segment is valid until fn returns.
func scanSegments(ctx context.Context, db kv.KV, first uint64, to string, fn func(Segment) error) error {
	return db.Scan(ctx, segmentKey(first-first%tileWidth), to, func(key string, value []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := parseSegment(key, value)
		if err != nil || s.End() <= first {
			return err
		}
		return fn(s)
	})
}

// readLeaves calls fn with each leaf of [first, end). All of them must be there.
func readLeaves(ctx context.Context, db kv.KV, first, end uint64, fn func(p Place, leaf []byte) error) error {
	next, reached := first, uint64(0) // reached is the end of the last segment
	err := scanSegments(ctx, db, first, segmentKey(end), func(s Segment) error {
		if s.First > next {
			return fmt.Errorf("entry %d: %w: missing", next, ErrEntry)
		}
		if s.First < reached {
			return fmt.Errorf("entry %d: %w: it is stored twice", s.First, ErrEntry)
		}
		reached = s.End()
		for _, leaf := range s.Leaves[next-s.First : min(end, reached)-s.First] {
			if err := fn(Place{next, uint8(next - s.First)}, leaf); err != nil {
				return err
			}
			next++
		}
		return nil
	})
	if err == nil && next != end {
		err = fmt.Errorf("entry %d: %w: missing", next, ErrEntry)
	}
	return err
}

// Leaf reads a leaf whose segment is unknown. It costs a scan of at most tileWidth segments.
func (l *Log) Leaf(ctx context.Context, seq uint64) (leaf []byte, err error) {
	err = readLeaves(ctx, l.kv, seq, seq+1, func(_ Place, data []byte) error {
		leaf = bytes.Clone(data)
		return nil
	})
	return leaf, err
}

// Reader reads leaves by place; it is for one goroutine.
func (l *Log) Reader() *Reader { return &Reader{kv: l.kv} }

// Segments calls fn with the segments from the one with leaf number first up to leaf number end (0: all), ascending. It
// does not report gaps. The segment is valid until fn returns.
func (l *Log) Segments(ctx context.Context, first, end uint64, fn func(Segment) error) error {
	to := kv.End(segmentKeys)
	if end > 0 {
		to = segmentKey(end)
	}
	return scanSegments(ctx, l.kv, first, to, fn)
}

// AllLeaves calls fn with each leaf of [first, end). All of them must be there. The leaf is valid until fn returns.
func (l *Log) AllLeaves(ctx context.Context, first, end uint64, fn func(p Place, leaf []byte) error) error {
	return readLeaves(ctx, l.kv, first, end, fn)
}
