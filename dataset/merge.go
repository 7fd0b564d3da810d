package dataset

import "container/heap"

// merge is a min-heap of cursors by their current ids.
type merge []*cursor

func newMerge(cursors []*cursor) *merge {
	m := &merge{}
	for _, c := range cursors {
		if c.ok {
			*m = append(*m, c)
		}
	}
	heap.Init(m)
	return m
}

func (m *merge) more() bool     { return len(*m) > 0 }
func (m *merge) least() *cursor { return (*m)[0] }

// advance advances the cursor with the smallest id, and removes it at its end.
func (m *merge) advance() error {
	c := m.least()
	if err := c.next(); err != nil {
		return err
	}
	if c.ok {
		heap.Fix(m, 0)
	} else {
		heap.Pop(m)
	}
	return nil
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (m *merge) Len() int           { return len(*m) }
func (m *merge) Less(i, j int) bool { return (*m)[i].id().Compare(*(*m)[j].id()) < 0 }
func (m *merge) Swap(i, j int)      { (*m)[i], (*m)[j] = (*m)[j], (*m)[i] }
func (m *merge) Push(any)           {} // nothing is ever pushed
func (m *merge) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}
