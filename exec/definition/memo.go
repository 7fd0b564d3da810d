package definition

import (
	"crypto/sha256"
	"encoding/json"
	"sync"
)

// Memo caches definitions by their bytes, because servers are asked for the same list again and again. The zero Memo is
// empty. It is safe for concurrent use.
type Memo struct {
	mu   sync.Mutex
	read map[[sha256.Size]byte]Tool
}

const maxMemo = 16384 // definitions in the cache

// Read reads a member of the list of tools.
func (m *Memo) Read(raw json.RawMessage) (Tool, error) {
	key := sha256.Sum256(raw)
	m.mu.Lock()
	t, known := m.read[key]
	m.mu.Unlock()
	if known {
		return t, nil
	}
	t, err := Read(raw)
	if err != nil {
		return t, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.read == nil || len(m.read) >= maxMemo {
		m.read = make(map[[sha256.Size]byte]Tool)
	}
	m.read[key] = t
	return t, nil
}
