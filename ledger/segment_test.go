package ledger

import (
	"bytes"
	"testing"
)

// FuzzStored reads any bytes as what a ledger stores: what is accepted is what would be
// written, and nothing else.
func FuzzStored(f *testing.F) {
	w := segmentWriter{put: map[string][]byte{}, next: 250}
	var places []byte
	for i := range 12 { // over a multiple of tileWidth
		places = w.add(bytes.Repeat([]byte{byte(i)}, i)).append(places)
	}
	w.flush()
	for _, value := range w.put {
		f.Add(value)
	}
	edge := frontier{}
	for range 300 {
		edge.add([32]byte{1})
	}
	f.Add(places)
	f.Add(edge.append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := parseSegment(segmentKey(250), data); err == nil {
			var again []byte
			for _, leaf := range s.leaves {
				again = appendLeaf(again, leaf)
			}
			if !bytes.Equal(again, data) || s.first/tileWidth != (s.end()-1)/tileWidth {
				t.Errorf("a segment of %d leaves", len(s.leaves))
			}
		}
		if list, err := parsePlaces(data); err == nil {
			var again []byte
			for _, p := range list {
				again = p.append(again)
			}
			if !bytes.Equal(again, data) {
				t.Errorf("places %v", list)
			}
		}
		if end, err := parseFrontier(data); err == nil && !bytes.Equal(end.append(nil), data) {
			t.Errorf("the end of %d entries", end.size)
		}
	})
}
