package peer

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/mythos-project/mythos/object"
)

// nonces remembers those of signed requests for as long as their time is good: in files,
// one for each span of that time, of 32 bytes a nonce. They outlive the server, and servers
// beside one another share them: each appends, and then reads what all have appended.
// They are not synced: what a power cut loses is a few seconds.
type nonces struct {
	mu   sync.Mutex
	dir  string
	open map[int64]*spanFile
}

// nonceSpan is the time that one file is about.
const nonceSpan = 2 * maxSkew

// spanFile is the nonces of requests whose time is in one span.
type spanFile struct {
	f    *os.File
	read int64 // bytes that are in seen
	seen map[[32]byte]struct{}
}

// use refuses a nonce that was used, of a request that was made at a time near now.
func (n *nonces) use(dir string, agent object.AgentID, nonce [16]byte, at, now object.Time) error {
	key := sha256.Sum256(append(agent.Key[:], nonce[:]...))
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.forget(dir, now); err != nil {
		return err
	}
	s, err := n.span(int64(at) / nonceSpan.Microseconds())
	if err != nil {
		return fmt.Errorf("nonces of requests: %w", err)
	}
	if _, err := s.catchUp(key); err != nil {
		return fmt.Errorf("nonces of requests: %w", err)
	}
	if _, used := s.seen[key]; used {
		return ErrReplayed
	}
	if len(s.seen) >= maxNonces {
		return errCrowded
	}
	if _, err := s.f.Write(key[:]); err != nil {
		return fmt.Errorf("nonces of requests: %w", err)
	}
	switch times, err := s.catchUp(key); {
	case err != nil:
		return fmt.Errorf("nonces of requests: %w", err)
	case times > 1: // another server got it at the same time
		return ErrReplayed
	}
	return nil
}

// catchUp takes in what was appended since, and counts how often key is among it.
func (s *spanFile) catchUp(key [32]byte) (times int, err error) {
	buf := make([]byte, 32*64)
	for {
		n, err := s.f.ReadAt(buf, s.read)
		n -= n % 32 // another server is writing the rest
		for at := 0; at < n; at += 32 {
			got := [32]byte(buf[at:])
			s.seen[got] = struct{}{}
			if got == key {
				times++
			}
		}
		s.read += int64(n)
		if errors.Is(err, io.EOF) || n == 0 {
			return times, nil
		}
		if err != nil {
			return times, err
		}
	}
}

func (n *nonces) span(number int64) (*spanFile, error) {
	if s := n.open[number]; s != nil {
		return s, nil
	}
	f, err := os.OpenFile(n.file(number), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil {
		return nil, errors.Join(err, f.Close())
	} else if rest := info.Size() % 32; rest != 0 { // a write that was cut off
		if _, err := f.Write(make([]byte, 32-rest)); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	s := &spanFile{f: f, seen: map[[32]byte]struct{}{}}
	n.open[number] = s
	return s, nil
}

func (n *nonces) file(number int64) string {
	return filepath.Join(n.dir, strconv.FormatInt(number, 10))
}

// forget closes and removes the files of spans whose requests are too old to be taken; at
// first it looks for those that were left.
func (n *nonces) forget(dir string, now object.Time) error {
	oldest := int64(now.Add(-maxSkew-time.Minute)) / nonceSpan.Microseconds()
	if n.open == nil {
		n.dir, n.open = dir, map[int64]*spanFile{}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("nonces of requests: %w", err)
		}
		left, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("nonces of requests: %w", err)
		}
		for _, e := range left {
			if number, err := strconv.ParseInt(e.Name(), 10, 64); err == nil && number < oldest {
				_ = os.Remove(n.file(number)) // or another server does
			}
		}
	}
	for number, s := range n.open {
		if number < oldest {
			delete(n.open, number)
			_ = s.f.Close()
			_ = os.Remove(n.file(number))
		}
	}
	return nil
}

// close closes the files, and leaves them to the next server.
func (n *nonces) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.open {
		_ = s.f.Close()
	}
	n.open = nil
}
