package socket_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/socket"
	"github.com/mythos-project/mythos/store/storetest"
)

// notes gathers what a DB says.
type notes struct {
	mu  sync.Mutex
	all []string
}

func (n *notes) debugf(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, fmt.Sprintf(format, args...))
}

func (n *notes) has(text string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Contains(strings.Join(n.all, "\n"), text)
}

func openDir(t testing.TB, dir string, n *notes) *socket.DB {
	t.Helper()
	return openFor(t, dir, n, time.Second)
}

func openFor(t testing.TB, dir string, n *notes, wait time.Duration) *socket.DB {
	t.Helper()
	own, err := badger.Open(filepath.Join(dir, "db"), badger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db := socket.Open(dir, own, socket.Options{Wait: wait, Debugf: n.debugf})
	t.Cleanup(func() {
		if err := errors.Join(db.Close(), own.Close()); err != nil {
			t.Error(err)
		}
	})
	return db
}

func serve(t testing.TB, dir string) *socket.Server {
	t.Helper()
	s, err := openDir(t, dir, &notes{}).Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() }) //nolint:errcheck // the second time it is closed already
	return s
}

func open(t testing.TB) store.KV {
	dir := t.TempDir()
	serve(t, dir)
	return openDir(t, dir, &notes{})
}

// Everything works through the socket as it does without.
func TestContract(t *testing.T) { storetest.KV(t, open) }

func BenchmarkKV(b *testing.B) { storetest.BenchmarkKV(b, open) }

func set(t testing.TB, db store.KV, key, value string) {
	t.Helper()
	if ok, err := db.Update(context.Background(), nil, map[string][]byte{key: []byte(value)}); err != nil || !ok {
		t.Fatalf("%v %v", ok, err)
	}
}

func expect(t testing.TB, db store.KV, key, value string) {
	t.Helper()
	if got, _, err := db.Get(context.Background(), key); err != nil || string(got) != value {
		t.Fatalf("%s is %q: %v", key, got, err)
	}
}

// A command continues, and says so, when the server ends or another one starts.
func TestServersComeAndGo(t *testing.T) {
	dir, n := t.TempDir(), &notes{}
	first := serve(t, dir)
	db := openDir(t, dir, n)
	set(t, db, "a", "1")
	if !n.has("works through the local socket") {
		t.Errorf("nothing is said: %q", n.all)
	}
	if _, err := openDir(t, dir, n).Listen(); !errors.Is(err, socket.ErrServed) {
		t.Errorf("a second server: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, db, "a", "1")
	set(t, db, "a", "2")
	if !n.has("has ended") {
		t.Errorf("nothing is said: %q", n.all)
	}
	serve(t, dir)
	expect(t, openDir(t, dir, &notes{}), "a", "2")
	expect(t, db, "a", "2")
}

// The remains of a killed server are no obstacle.
func TestStaleSocket(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "serve.sock"))
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	n := &notes{}
	set(t, openDir(t, dir, n), "a", "1")
	if n.has("socket") {
		t.Errorf("%q", n.all)
	}
	serve(t, dir)
	expect(t, openDir(t, dir, n), "a", "1")
	if !n.has("works through") {
		t.Errorf("%q", n.all)
	}
}

func TestServerThatDoesNotAnswer(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "serve.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var busy *badger.BusyError
	if _, _, err := openDir(t, dir, &notes{}).Get(t.Context(), "a"); !errors.As(err, &busy) || busy.PID != os.Getpid() {
		t.Error(err)
	}
}

// Updates that are running when servers end happen once each, or report that their result is unknown.
func TestNoUpdateIsLost(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	stop, lost := make(chan struct{}), 0
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			s, err := openDir(t, dir, &notes{}).Listen()
			if err != nil {
				t.Error(err)
				return
			}
			time.Sleep(20 * time.Millisecond)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	const count = 300
	db := openDir(t, dir, &notes{})
	for i := range count {
		var old []byte
		if i > 0 {
			old = fmt.Append(nil, i-1)
		}
		ok, err := db.Update(t.Context(), map[string][]byte{"n": old}, map[string][]byte{"n": fmt.Append(nil, i)})
		if errors.Is(err, socket.ErrLost) {
			lost++
		} else if err != nil || !ok {
			t.Fatalf("update %d: %v %v", i, ok, err)
		}
	}
	close(stop)
	wg.Wait()
	expect(t, db, "n", fmt.Sprint(count-1))
	if lost > 0 { // nobody else writes here
		t.Errorf("%d updates are in doubt", lost)
	}
}

// TestMoving: an update waits while the server moves the repository, and is refused if that takes too long.
func TestMoving(t *testing.T) {
	dir := t.TempDir()
	own, err := badger.Open(filepath.Join(dir, "db"), badger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	release, err := badger.Alone(t.Context(), own)
	if err != nil {
		t.Fatal(err)
	}
	server, err := socket.Open(dir, own, socket.Options{}).Listen()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openDir(t, dir, &notes{}).Update(t.Context(), nil, map[string][]byte{"a": []byte("1")}); !errors.Is(err, kv.ErrMoving) {
		t.Errorf("after a second: %v", err)
	}
	var said notes
	db := openFor(t, dir, &said, time.Minute)
	done := make(chan error)
	go func() {
		_, err := db.Update(t.Context(), nil, map[string][]byte{"a": []byte("2")})
		done <- err
	}()
	for until := time.Now().Add(time.Minute); !said.has("trying again") && time.Now().Before(until); {
		time.Sleep(time.Millisecond)
	}
	err = server.Close()
	release()
	if err := errors.Join(err, own.Close(), <-done); err != nil {
		t.Fatal(err)
	}
	expect(t, db, "a", "2")
}

func TestLongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 40))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	serve(t, dir)
	n := &notes{}
	set(t, openDir(t, dir, n), "a", "1")
	if !n.has("works through") {
		t.Errorf("%q", n.all)
	}
}

const probe = "MYTHOS_SOCKET_TEST_PROBE"

// TestMain also runs as another user's program that asks a server for a key.
func TestMain(m *testing.M) {
	path := os.Getenv(probe)
	if path == "" {
		os.Exit(m.Run())
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		_, err = conn.Write([]byte("hello"))
	}
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	fmt.Print(err)
}

func TestOtherUsersAreNotAnswered(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	dir, err := os.MkdirTemp("/tmp", "mythos-socket-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) //nolint:errcheck // a temporary folder
	serve(t, dir)
	path, program := filepath.Join(dir, "serve.sock"), filepath.Join(dir, "probe")
	data, err := os.ReadFile(os.Args[0])
	err = errors.Join(err, os.WriteFile(program, data, 0o755), os.Chmod(dir, 0o755), os.Chmod(path, 0o666))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), probe+"="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatal(err, string(out))
	}
	if s := string(out); !strings.Contains(s, "EOF") && !strings.Contains(s, "reset") && !strings.Contains(s, "broken pipe") {
		t.Errorf("another user gets: %s", out)
	}
}
