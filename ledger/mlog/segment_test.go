package mlog

import (
	"bytes"
	"testing"
)

// FuzzStored reads any bytes as stored data of a ledger. Accepted data is exactly what would be written.
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
	edge := Frontier{}
	for range 300 {
		edge.Add([32]byte{1})
	}
	f.Add(places)
	f.Add(edge.Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := parseSegment(segmentKey(250), data); err == nil {
			var again []byte
			for _, leaf := range s.Leaves {
				again = appendLeaf(again, leaf)
			}
			if !bytes.Equal(again, data) || s.First/tileWidth != (s.End()-1)/tileWidth {
				t.Errorf("a segment of %d leaves", len(s.Leaves))
			}
		}
		if list, err := ParsePlaces(data); err == nil {
			var again []byte
			for _, p := range list {
				again = p.append(again)
			}
			if !bytes.Equal(again, data) {
				t.Errorf("places %v", list)
			}
		}
		if end, err := parseFrontier(data); err == nil && !bytes.Equal(end.Append(nil), data) {
			t.Errorf("the end of %d entries", end.Size)
		}
	})
}

// FuzzStoredIndexes: stored edges and places are written as they were read, or refused.
func FuzzStoredIndexes(f *testing.F) {
	f.Add((&Frontier{Size: 0}).Append(nil))
	f.Add(append((&Frontier{Size: 1}).Append(nil), make([]byte, 32)...))
	f.Add(Place{256, 0}.append(nil))
	f.Fuzz(func(t *testing.T, value []byte) {
		if edge, err := parseFrontier(value); err == nil {
			if !bytes.Equal(edge.Append(nil), value) {
				t.Fatalf("%x", value)
			}
			edge.Root()
		}
		list, err := ParsePlaces(value)
		if err != nil {
			return
		}
		var again []byte
		for _, p := range list {
			again = p.append(again)
		}
		if !bytes.Equal(again, value) {
			t.Fatalf("%x became %x", value, again)
		}
	})
}
