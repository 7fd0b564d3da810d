package merkle

import "fmt"

// childSpan is the number of values under every child but the last. The node has count values, count > Fanout;
// childSpan is the largest power of Fanout below count.
func childSpan(count uint64) uint64 {
	span := uint64(Fanout)
	for (count-1)/span >= Fanout {
		span *= Fanout
	}
	return span
}

// fanout is the number of children of a node over count values, count > Fanout.
func fanout(count uint64) uint64 {
	span := childSpan(count)
	return (count-1)/span + 1
}

// place is what a node's position requires of the node.
type place struct {
	chunked   bool
	chunkSize uint32
	count     uint64
	size      uint64 // of a chunk DAG
}

func (o opened) place() place { return place{o.chunked, o.chunkSize, o.count, o.size} }

// child is the place of the i-th child of an internal node.
func (p place) child(i uint64) place {
	span := childSpan(p.count)
	c := p
	c.count = min(span, p.count-i*span)
	if p.chunked {
		full := span * uint64(p.chunkSize)
		c.size = min(full, p.size-i*full)
	}
	return c
}

// check refuses a node that does not fit its place.
func (p place) check(o opened) error {
	if got := o.place(); got != p {
		return fmt.Errorf("%w: it is over %d values, %d bytes (chunk size %d); its place demands %d values, %d bytes (chunk size %d)",
			ErrNode, got.count, got.size, got.chunkSize, p.count, p.size, p.chunkSize)
	}
	return nil
}
