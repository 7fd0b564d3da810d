//go:build unix

package postgres_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mythos-project/mythos/internal/pgtest"
	"github.com/mythos-project/mythos/store/postgres"
)

// wire is a server's socket between a client and the real server. It loses an answer or delays a request.
type wire struct {
	t      testing.TB
	server string

	mu   sync.Mutex
	next func(question []byte, client, server net.Conn, ended <-chan struct{}) // gets the next marked update, and closes both
}

// between starts a wire to the server of an address, and returns the address that goes through it.
func between(t testing.TB, address string) (*wire, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "mythos-wire-")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t, server: filepath.Join(pgtest.Shared(t).Dir, ".s.PGSQL.5432")}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { w.serve(client) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
		os.RemoveAll(dir)
	})
	return w, strings.Replace(address, pgtest.Shared(t).Dir, dir, 1)
}

func (w *wire) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", w.server)
	if err != nil {
		w.t.Error(err)
		return
	}
	var deaf atomic.Bool         // the client receives no more answers
	ended := make(chan struct{}) // closed when the server has closed the connection
	go func() {
		defer close(ended)
		defer client.Close()
		for buf := make([]byte, 64<<10); ; {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			if !deaf.Load() {
				_, _ = client.Write(buf[:n])
			}
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			server.Close()
			return
		}
		w.mu.Lock()
		next := w.next
		if next != nil && strings.Contains(string(buf[:n]), marked) {
			w.next = nil
		} else {
			next = nil
		}
		w.mu.Unlock()
		if next != nil {
			deaf.Store(true)
			next(append([]byte(nil), buf[:n]...), client, server, ended)
			return
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// marked is the value by which the wire recognizes updates.
const marked = "the marked value"

// TestLostAnswer: the connection is lost after the server has committed. The client asks again, and learns that its
// update happened.
func TestLostAnswer(t *testing.T) {
	db, address := fresh(t)
	w, through := between(t, address)
	client := at(t, through)
	put := func(key, value string) map[string][]byte { return map[string][]byte{key: []byte(value)} }
	if ok, err := client.Update(t.Context(), nil, put("x/warm", "")); !ok || err != nil {
		t.Fatal(ok, err)
	}
	w.next = func(question []byte, client, server net.Conn, _ <-chan struct{}) {
		defer server.Close()
		defer client.Close()
		if _, err := server.Write(question); err != nil {
			t.Error(err)
		}
		for { // until it is committed
			value, found, err := db.Get(t.Context(), "x/a")
			if err != nil || (found && string(value) == marked) {
				return
			}
		}
	}
	if ok, err := client.Update(t.Context(), map[string][]byte{"x/a": nil}, put("x/a", marked)); !ok || err != nil {
		t.Errorf("it was made: %v, %v", ok, err)
	}
	if ok, err := client.Update(t.Context(), map[string][]byte{"x/a": nil}, put("x/a", "other")); ok || err != nil {
		t.Errorf("the next one of the line: %v, %v", ok, err)
	}
}

// TestLateAttempt: the first attempt reaches the server after the second was answered and others have written. It
// changes nothing.
func TestLateAttempt(t *testing.T) {
	db, address := fresh(t)
	w, through := between(t, address)
	client := at(t, through)
	if ok, err := client.Update(t.Context(), nil, map[string][]byte{"x/warm": {}}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	held := make(chan func(), 1)
	w.next = func(question []byte, client, server net.Conn, ended <-chan struct{}) {
		client.Close()
		held <- func() {
			goodbye := []byte{'X', 0, 0, 0, 4} // the server ends the connection when it comes to it
			if _, err := server.Write(append(question, goodbye...)); err != nil {
				t.Error(err)
			}
			<-ended
			server.Close()
		}
	}
	if ok, err := client.Update(t.Context(), nil, map[string][]byte{"x/a": []byte(marked)}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if ok, err := db.Update(t.Context(), nil, map[string][]byte{"x/a": []byte("newer")}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	(<-held)()
	if value, _, err := db.Get(t.Context(), "x/a"); err != nil || string(value) != "newer" {
		t.Errorf("%q, %v", value, err)
	}
}

// TestUnreachable: an update that was never sent certainly did not happen, and is not reported as unknown.
func TestUnreachable(t *testing.T) {
	db, err := postgres.Open("postgres:///d?host="+t.TempDir(), postgres.Options{Wait: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.Update(t.Context(), nil, map[string][]byte{"x/a": {}})
	if err == nil || strings.Contains(err.Error(), postgres.ErrUnknown.Error()) || !strings.Contains(err.Error(), postgres.ErrUnreachable.Error()) {
		t.Error(err)
	}
}
