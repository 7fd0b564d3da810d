package kvledger

import (
	"crypto/sha256"
	"sync"
)

const memoSize = 1 << 14 // leaves in each of the two generations

// memo remembers leaves whose signatures were verified or made here.
type memo struct {
	mu         sync.Mutex
	young, old map[[32]byte]struct{}
}

func leafDigest(kind byte, raw []byte) (d [32]byte) {
	h := sha256.New()
	h.Write([]byte{kind})
	h.Write(raw)
	h.Sum(d[:0])
	return d
}

func (m *memo) has(d [32]byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, young := m.young[d]
	_, old := m.old[d]
	return young || old
}

func (m *memo) add(d [32]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.young == nil || len(m.young) >= memoSize {
		m.young, m.old = make(map[[32]byte]struct{}, memoSize), m.young
	}
	m.young[d] = struct{}{}
}
