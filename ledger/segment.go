package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
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

// segment is some consecutive leaves as they are stored.
type segment struct {
	first  uint64
	leaves [][]byte
}

func (s segment) end() uint64 { return s.first + uint64(len(s.leaves)) }

// parseSegment takes what is stored apart; the leaves point into value.
func parseSegment(key string, value []byte) (segment, error) {
	first, err := strconv.ParseUint(key[len(segmentKeys):], 16, 64)
	if err != nil || segmentKey(first) != key {
		return segment{}, fmt.Errorf("%w: key %q", ErrEntry, key)
	}
	s := segment{first: first}
	for len(value) > 0 {
		leaf, rest, ok := cutLeaf(value)
		if !ok || len(s.leaves) == tileWidth-int(first%tileWidth) {
			return s, fmt.Errorf("entry %d: %w: its segment %s is malformed", s.end(), ErrEntry, key)
		}
		s.leaves, value = append(s.leaves, leaf), rest
	}
	if len(s.leaves) == 0 {
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
func (w *segmentWriter) add(leaf []byte) place {
	if len(w.filling) > 0 && (w.next%tileWidth == 0 || len(w.filling)+len(leaf) > segmentBytes) {
		w.flush()
	}
	if len(w.filling) == 0 {
		w.first = w.next
	}
	w.filling = appendLeaf(w.filling, leaf)
	w.next++
	return place{seq: w.next - 1, at: uint8(w.next - 1 - w.first)}
}

// flush ends the segment that is being filled.
func (w *segmentWriter) flush() {
	if len(w.filling) > 0 {
		w.put[segmentKey(w.first)] = w.filling
	}
	w.filling = nil
}

// place says where an entry is: which one of the log, and which one of its segment.
// Indexes hold places, so that an entry is found by one read.
type place struct {
	seq uint64
	at  uint8
}

const placeSize = 8 + 1

func (p place) append(value []byte) []byte {
	return append(binary.BigEndian.AppendUint64(value, p.seq), p.at)
}

func parsePlaces(value []byte) ([]place, error) {
	if len(value) == 0 || len(value)%placeSize != 0 {
		return nil, fmt.Errorf("%w: %d bytes where places should be", ErrEntry, len(value))
	}
	places := make([]place, 0, len(value)/placeSize)
	for ; len(value) > 0; value = value[placeSize:] {
		p := place{binary.BigEndian.Uint64(value), value[placeSize-1]}
		if uint64(p.at) > p.seq%tileWidth {
			return nil, fmt.Errorf("entry %d: %w: it is not number %d of a segment", p.seq, ErrEntry, p.at)
		}
		places = append(places, p)
	}
	return places, nil
}

// placeOf is the one place that a receipt has.
func placeOf(value []byte) (place, error) {
	places, err := parsePlaces(value)
	if err == nil && len(places) != 1 {
		err = fmt.Errorf("%w: a receipt in %d places", ErrEntry, len(places))
	}
	if err != nil {
		return place{}, err
	}
	return places[0], nil
}

// leafReader reads leaves by place, a segment that the next one is in as well only once:
// a receipt and its commit stand side by side.
type leafReader struct {
	kv    KV
	key   string
	value []byte
}

func (r *leafReader) leaf(ctx context.Context, p place) ([]byte, error) {
	if key := segmentKey(p.seq - uint64(p.at)); key != r.key {
		value, err := getOrNil(ctx, r.kv, key)
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
		return nil, fmt.Errorf("entry %d: %w: missing", p.seq, ErrEntry)
	}
	return leaf, nil
}

// scanSegments calls fn with the segments from the one that leaf number first is in up
// to the key to, ascending. Nothing is said about what is missing between them. What fn
// is given is valid until it returns.
func scanSegments(ctx context.Context, kv KV, first uint64, to string, fn func(segment) error) error {
	return kv.Scan(ctx, segmentKey(first-first%tileWidth), to, func(key string, value []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := parseSegment(key, value)
		if err != nil || s.end() <= first {
			return err
		}
		return fn(s)
	})
}

// readLeaves calls fn with each leaf of [first, end), all of which must be there.
func readLeaves(ctx context.Context, kv KV, first, end uint64, fn func(p place, leaf []byte) error) error {
	next, reached := first, uint64(0) // reached: where the last segment ended
	err := scanSegments(ctx, kv, first, segmentKey(end), func(s segment) error {
		if s.first > next {
			return fmt.Errorf("entry %d: %w: missing", next, ErrEntry)
		}
		if s.first < reached {
			return fmt.Errorf("entry %d: %w: it is stored twice", s.first, ErrEntry)
		}
		reached = s.end()
		for _, leaf := range s.leaves[next-s.first : min(end, reached)-s.first] {
			if err := fn(place{next, uint8(next - s.first)}, leaf); err != nil {
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

// leafNumber reads a leaf whose segment is not known: it costs a scan of at most
// tileWidth of them.
func leafNumber(ctx context.Context, kv KV, seq uint64) (leaf []byte, err error) {
	err = readLeaves(ctx, kv, seq, seq+1, func(_ place, data []byte) error {
		leaf = bytes.Clone(data)
		return nil
	})
	return leaf, err
}
