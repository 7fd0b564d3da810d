package socket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/rpc"
	"os"
	"path/filepath"
	"sync"

	"github.com/mythos-project/mythos/internal/flock"
	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// A page of a scan ends after so many pairs, or after the pair with which it reaches so many bytes.
const (
	pagePairs = 512
	pageBytes = 4 << 20
)

// methods are the operations that net/rpc serves.
type methods struct{ kv store.KV }

// Hello returns who serves.
func (m methods) Hello(_ nothing, a *hello) error {
	a.PID = os.Getpid()
	return nil
}

// Get is store.KV.Get.
func (m methods) Get(key string, a *answer) error {
	var err error
	a.Value, a.Yes, err = m.kv.Get(context.Background(), key)
	a.Failure = failed(err)
	return nil
}

var errFull = errors.New("page is full")

// Page is the beginning of store.KV.Scan.
func (m methods) Page(s span, a *answer) error {
	size := 0
	err := m.kv.Scan(context.Background(), s.From, s.To, func(key string, value []byte) error {
		a.Pairs = append(a.Pairs, pair{Key: key, Value: append([]byte{}, value...)})
		if size += len(key) + len(value); size >= pageBytes || len(a.Pairs) == pagePairs {
			return errFull
		}
		return nil
	})
	if a.Yes = errors.Is(err, errFull); !a.Yes {
		a.Failure = failed(err)
	}
	return nil
}

// Update is store.KV.Update.
func (m methods) Update(c changes, a *answer) error {
	ctx := context.Background()
	if c.Frees {
		ctx = store.MakingRoom(ctx)
	}
	ok, err := m.kv.Update(ctx, mapOf(c.Check), mapOf(c.Put))
	a.Yes, a.Failure = ok, failed(err)
	return nil
}

// Reclaim is store.Reclaimer.
func (m methods) Reclaim(_ nothing, a *answer) error {
	if r, ok := m.kv.(store.Reclaimer); ok {
		a.Failure = failed(r.Reclaim(context.Background()))
	}
	return nil
}

// Room is store.Reserver, but frees the room at once: a client that is killed could not.
func (m methods) Room(bytes int64, a *answer) error {
	if r, ok := m.kv.(store.Reserver); ok {
		free, err := r.Reserve(context.Background(), bytes)
		if a.Failure = failed(err); err == nil {
			free()
		}
	}
	return nil
}

// Verify is store.Verifier.
func (m methods) Verify(_ nothing, a *answer) error {
	if v, ok := m.kv.(store.Verifier); ok {
		a.Failure = failed(v.Verify(context.Background()))
	}
	return nil
}

// Cuts is kv.Cutter.
func (m methods) Cuts(_ nothing, a *answer) error {
	if c, ok := m.kv.(kv.Cutter); ok {
		cuts, err := c.Cuts(context.Background())
		a.Cuts, a.Failure = cuts, failed(err)
	}
	return nil
}

// Server answers the processes of this user.
type Server struct {
	rpc  *rpc.Server
	l    *net.UnixListener
	lock *os.File
	path string // of the socket
	wg   sync.WaitGroup

	mu     sync.Mutex
	conns  map[*net.UnixConn]bool
	closed bool
}

// listen serves kv in the folder dir, until Close. The error wraps ErrServed.
func listen(dir string, kv store.KV) (*Server, error) {
	lock, err := plainfile.Open(filepath.Join(dir, "serve.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	free, err := flock.TryExclusive(lock)
	if err == nil && !free {
		err = ErrServed
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s := &Server{rpc: rpc.NewServer(), lock: lock, path: filepath.Join(dir, name), conns: map[*net.UnixConn]bool{}}
	if err := s.bind(dir, kv); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.wg.Go(s.accept)
	return s, nil
}

func (s *Server) bind(dir string, kv store.KV) error {
	if err := s.rpc.RegisterName(service, methods{kv}); err != nil {
		return err
	}
	// Its process has died: this process holds the lock.
	if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	path, done, err := address(dir)
	if err != nil {
		return err
	}
	defer done()
	if s.l, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"}); err != nil {
		return err
	}
	s.l.SetUnlinkOnClose(false) // by then the current path may be gone
	return os.Chmod(path, 0o600)
}

// accept serves each process in a goroutine of its own.
func (s *Server) accept() {
	for {
		conn, err := s.l.AcceptUnix()
		if err != nil {
			return // closed
		}
		if !s.add(conn) {
			conn.Close()
			continue
		}
		s.wg.Go(func() {
			s.rpc.ServeConn(conn) // closes the connection after answering the calls that have begun
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		})
	}
}

// add accepts a connection of our own user.
func (s *Server) add(conn *net.UnixConn) bool {
	if _, err := ours(conn); err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.conns[conn] = true
	}
	return !s.closed
}

// Close accepts no more operations, and returns when the running ones are answered.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for conn := range s.conns {
		_ = conn.CloseRead() // a broken connection is fine here
	}
	s.mu.Unlock()
	err := s.l.Close()
	s.wg.Wait()
	// Unlock explicitly: a child that was just forked has the file open, too.
	return errors.Join(err, os.Remove(s.path), flock.Unlock(s.lock), s.lock.Close())
}

// ours returns the process at the other end. It is an error if that process belongs to another user.
func ours(conn *net.UnixConn) (pid int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	uid := -1
	cerr := raw.Control(func(fd uintptr) { uid, pid, err = credentials(int(fd)) })
	if err = errors.Join(err, cerr); err != nil {
		return 0, err
	}
	if uid != os.Geteuid() {
		return 0, fmt.Errorf("process %d is of user %d, not of ours", pid, uid)
	}
	return pid, nil
}
