//go:build unix

package s3test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/mythos-project/mythos/internal/testproc"
)

// Variable names the program. Without it, the program is searched for in the PATH.
const Variable = "MYTHOS_TEST_VERSITYGW"

// The access keys of every server.
const (
	AccessKey = "mythos-test"
	SecretKey = "mythos-test-secret"
)

// Server is a running object store.
type Server struct {
	Dir      string // its buckets are folders in Dir/data
	Endpoint string

	program string
	process *testproc.Process

	mu   sync.Mutex
	next int
}

var shared struct {
	once sync.Once
	s    *Server
	err  error
}

var errNone = errors.New("versitygw is not in the path, nor named by " + Variable + " (go install github.com/versity/versitygw/cmd/versitygw@v1.8.0)")

// Shared returns the server of this test binary, and sets its access keys in the environment. StopShared stops it.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.once.Do(func() {
		shared.s, shared.err = Start()
		os.Setenv("AWS_ACCESS_KEY_ID", AccessKey)
		os.Setenv("AWS_SECRET_ACCESS_KEY", SecretKey)
	})
	if errors.Is(shared.err, errNone) {
		t.Skip(shared.err)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.s
}

// StopShared stops the server of this test binary, if there is one.
func StopShared() {
	if shared.s != nil {
		_ = shared.s.Stop()
	}
}

// Start starts a server in its own folder.
func Start() (*Server, error) {
	path := os.Getenv(Variable)
	if path == "" {
		var err error
		if path, err = osexec.LookPath("versitygw"); err != nil {
			return nil, errNone
		}
	}
	dir, err := os.MkdirTemp("", "mythos-s3-")
	if err != nil {
		return nil, err
	}
	s := &Server{Dir: dir}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "data"), 0o700), os.Mkdir(filepath.Join(dir, "sidecar"), 0o700)); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	s.program = path
	for range tries {
		l, lerr := net.Listen("tcp", "127.0.0.1:0")
		if lerr != nil {
			return nil, errors.Join(lerr, s.Stop())
		}
		address := l.Addr().String()
		l.Close()
		if err = s.start(address); err == nil {
			return s, nil
		}
	}
	return nil, errors.Join(err, s.Stop())
}

const tries = 5 // somebody else may take the free port first

func (s *Server) start(address string) (err error) {
	s.Endpoint = "http://" + address
	cmd := osexec.Command(s.program, "--access", AccessKey, "--secret", SecretKey, "--port", address, "--quiet", "posix", "--sidecar", filepath.Join(s.Dir, "sidecar"), filepath.Join(s.Dir, "data"))
	cmd.Dir, cmd.Env = s.Dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.Dir}
	s.process, err = testproc.Start(cmd, syscall.SIGKILL, func() error {
		r, err := http.Get(s.Endpoint)
		if err != nil {
			return err
		}
		return r.Body.Close()
	})
	return err
}

// Crash ends the server. Its data remains.
func (s *Server) Crash() { s.process.Stop() }

// Restart starts a crashed server again, at the same address.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	var err error
	for range tries {
		if err = s.start(strings.TrimPrefix(s.Endpoint, "http://")); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// Stop stops the server and removes its folder.
func (s *Server) Stop() error {
	if s.process != nil {
		s.process.Stop()
	}
	return os.RemoveAll(s.Dir)
}

// Bucket makes an empty bucket, and returns its address.
func (s *Server) Bucket(t testing.TB) string {
	t.Helper()
	address, err := s.NewBucket()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// NewBucket is Bucket outside a test.
func (s *Server) NewBucket() (address string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	name := fmt.Sprintf("bucket-%d", s.next)
	return "s3://" + name + "?region=us-east-1&endpoint=" + s.Endpoint + "&path_style=true", os.Mkdir(filepath.Join(s.Dir, "data", name), 0o700)
}

// Files returns the names of the objects in a bucket.
func (s *Server) Files(t testing.TB, bucket string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(filepath.Join(s.Dir, "data", bucket))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names
}
