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

// Entries are stored in segments: consecutive leaves of one update under one key, so
// that many callers who append together cost few keys. A segment does not reach over a
// multiple of tileWidth, whereby the segments of any 256 leaves are found by one scan.
const (
	segmentKeys  = kv.LedgerSegments
	segmentBytes = 16 << 10 // of leaves in one segment, unless one alone has more
	leafHead     = 4        // bytes before each leaf of a segment: its length
)

func segmentKey(first uint64) string { return segmentKeys + hex16(first) }

// hex16 is n as 16 hex digits, so that keys sort like numbers.
func hex16(n uint64) string {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[i] = digits[n>>(60-4*i)&15]
	}
	return string(b[:])
}

// ErrEntry means that what is stored of a log is not what a log stores.
var ErrEntry = errors.New("invalid ledger entry")

// Segment is some consecutive leaves as they are stored.
type Segment struct {
	First  uint64
	Leaves [][]byte
}

// End is the number behind the last leaf.
func (s Segment) End() uint64 { return s.First + uint64(len(s.Leaves)) }

// parseSegment takes what is stored apart; the leaves point into value.
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

// segmentWriter puts leaves into segments.
type segmentWriter struct {
	put     map[string][]byte
	first   uint64 // of the segment that is being filled
	next    uint64 // the number of the next leaf
	filling []byte
}

// add appends a leaf and says where it is.
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

// flush ends the segment that is being filled.
func (w *segmentWriter) flush() {
	if len(w.filling) > 0 {
		w.put[segmentKey(w.first)] = w.filling
	}
	w.filling = nil
}

// Place says where an entry is: which one of the log, and which one of its segment.
// Indexes hold places, so that an entry is found by one read.
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

// Reader reads leaves by place, a segment that the next one is in as well only once:
// a receipt and its commit stand side by side.
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

// scanSegments calls fn with the segments from the one that leaf number first is in up
// to the key to, ascending. Nothing is said about what is missing between them. What fn
// is given is valid until it returns.
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

// readLeaves calls fn with each leaf of [first, end), all of which must be there.
func readLeaves(ctx context.Context, db kv.KV, first, end uint64, fn func(p Place, leaf []byte) error) error {
	next, reached := first, uint64(0) // reached: where the last segment ended
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

// Leaf reads a leaf whose segment is not known: it costs a scan of at most tileWidth of
// them.
func (l *Log) Leaf(ctx context.Context, seq uint64) (leaf []byte, err error) {
	err = readLeaves(ctx, l.kv, seq, seq+1, func(_ Place, data []byte) error {
		leaf = bytes.Clone(data)
		return nil
	})
	return leaf, err
}

// Reader reads leaves by place; it is for one goroutine.
func (l *Log) Reader() *Reader { return &Reader{kv: l.kv} }

// Segments calls fn with the segments from the one that leaf number first is in up to
// leaf number end (0: all), ascending. Nothing is said about what is missing between
// them. What fn is given is valid until it returns.
func (l *Log) Segments(ctx context.Context, first, end uint64, fn func(Segment) error) error {
	to := kv.End(segmentKeys)
	if end > 0 {
		to = segmentKey(end)
	}
	return scanSegments(ctx, l.kv, first, to, fn)
}

// AllLeaves calls fn with each leaf of [first, end), all of which must be there. What fn
// is given is valid until it returns.
func (l *Log) AllLeaves(ctx context.Context, first, end uint64, fn func(p Place, leaf []byte) error) error {
	return readLeaves(ctx, l.kv, first, end, fn)
}
