package caps

import (
	"bytes"
	"sync"

	"github.com/mythos-project/mythos/object"
)

// The bounds of a verifier's cache of proven chains.
const (
	cacheEntries = 1024
	cacheBytes   = 16 << 20
)

// cache remembers proven chains by the id of their leaf. An id does not cover the signature, so a chain counts as
// remembered only if all its bytes are equal. The oldest chains are forgotten first.
type cache struct {
	mu    sync.RWMutex
	byID  map[object.Hash]*proven
	order []object.Hash // oldest first
	size  int           // bytes of all links
}

func (c *cache) prove(chain Chain) (*proven, error) {
	if p := c.find(chain); p != nil {
		return p, nil
	}
	p, err := prove(chain)
	if err != nil {
		return nil, err
	}
	c.keep(p)
	return p, nil
}

func (c *cache) find(chain Chain) *proven {
	if len(chain) == 0 {
		return nil
	}
	c.mu.RLock()
	p := c.byID[chain[0].ID]
	c.mu.RUnlock()
	if p == nil || len(p.links) != len(chain) {
		return nil
	}
	for i := range chain {
		if chain[i].ID != p.links[i].ID || !bytes.Equal(chain[i].Raw, p.links[i].Raw) {
			return nil
		}
	}
	return p
}

func (c *cache) keep(p *proven) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := p.links[0].ID
	if _, there := c.byID[id]; there {
		return // the same content with another signature
	}
	for i := range p.links {
		p.links[i].Raw = bytes.Clone(p.links[i].Raw) // the caller may change the original
	}
	if c.byID == nil {
		c.byID = make(map[object.Hash]*proven)
	}
	c.byID[id] = p
	c.order = append(c.order, id)
	c.size += p.links.size()
	for len(c.order) > cacheEntries || c.size > cacheBytes {
		oldest := c.order[0]
		c.order = c.order[1:]
		c.size -= c.byID[oldest].links.size()
		delete(c.byID, oldest)
	}
}

// size is the number of bytes of all links.
func (c Chain) size() (n int) {
	for _, l := range c {
		n += len(l.Raw)
	}
	return n
}
