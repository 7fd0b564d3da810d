//go:build unix

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/mythos-project/mythos/internal/testproc"
)

// Server is a running server.
type Server struct {
	Dir string // contains its Unix socket

	bin     string
	process *testproc.Process

	mu   sync.Mutex
	made int
	free []string // databases that earlier tests no longer use
}

var shared struct {
	once sync.Once
	s    *Server
	err  error
}

// errNone means that PostgreSQL is not installed.
var errNone = errors.New("PostgreSQL 15 or later is not installed (Debian: apt-get install postgresql)")

// Shared returns the server of this test binary. Main stops it.
func Shared(t testing.TB) *Server {
	t.Helper()
	_, measures := t.(*testing.B)
	shared.once.Do(func() { shared.s, shared.err = Start(measures) })
	if errors.Is(shared.err, errNone) {
		t.Skip(shared.err)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.s
}

// Main runs the tests of a package, and stops the shared server: os.Exit(pgtest.Main(m)).
func Main(m *testing.M) int {
	defer StopShared()
	return m.Run()
}

// StopShared stops the server of this test binary, if there is one.
func StopShared() {
	if shared.s != nil {
		_ = shared.s.Stop()
	}
}

// Start makes a cluster and starts its server. Only a durable one syncs its writes.
func Start(durable bool) (*Server, error) {
	fsync := "fsync=off"
	if durable {
		fsync = "fsync=on"
	}
	return begin(fsync, "initdb", "-U", "mythos", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
}

// Standby starts a durable replica that follows s.
func (s *Server) Standby() (*Server, error) {
	return begin("fsync=on", "pg_basebackup", "-h", s.Dir, "-U", "mythos", "-R", "-c", "fast", "--no-sync")
}

// begin makes a server's folder with a program that accepts -D, and starts the server.
func begin(fsync, program string, args ...string) (s *Server, err error) {
	s = &Server{}
	if s.bin, err = binaries(); err != nil {
		return nil, err
	}
	who, err := account()
	if err != nil {
		return nil, err
	}
	if s.Dir, err = os.MkdirTemp("", "mythos-pg-"); err != nil {
		return nil, err
	}
	if who != nil {
		err = os.Chown(s.Dir, int(who.Uid), int(who.Gid))
	}
	if err == nil {
		var out []byte
		if out, err = s.command(who, program, append(args, "-D", s.data())...).CombinedOutput(); err != nil {
			err = fmt.Errorf("%s: %w: %s", program, err, out)
		}
	}
	if err == nil {
		err = s.start(who, fsync)
	}
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) data() string { return filepath.Join(s.Dir, "data") }

func (s *Server) command(who *syscall.Credential, name string, args ...string) *osexec.Cmd {
	cmd := osexec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.Dir
	cmd.Env = []string{"LC_ALL=C", "PATH=" + s.bin + ":" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who, Setpgid: true}
	return cmd
}

// start starts the server and waits until it answers.
func (s *Server) start(who *syscall.Credential, fsync string) (err error) {
	cmd := s.command(who, "postgres", "-D", s.data(), "-k", s.Dir, "-c", fsync, "-c", "listen_addresses=", "-c", "max_connections=200",
		"-c", "shared_buffers=64MB", "-c", "log_min_messages=fatal", "-c", "autovacuum_naptime=10min")
	s.process, err = testproc.Start(cmd, syscall.SIGQUIT, func() error {
		conn, err := pgx.Connect(context.Background(), s.URL("postgres"))
		if err != nil {
			return err
		}
		return conn.Close(context.Background())
	})
	return err
}

// Crash ends the server like a power failure.
func (s *Server) Crash() { s.process.Stop() }

// Promote makes a standby the primary, and waits until it is.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	who, err := account()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := s.command(who, "pg_ctl", "promote", "-w", "-t", "120", "-D", s.data()).CombinedOutput(); err != nil {
		t.Fatalf("pg_ctl promote: %v: %s", err, out)
	}
}

// Stop stops the server and removes its folder.
func (s *Server) Stop() error {
	if s.process != nil {
		s.process.Stop()
	}
	return os.RemoveAll(s.Dir)
}

// URL returns the address of a database.
func (s *Server) URL(database string) string {
	return "postgres:///" + database + "?user=mythos&host=" + s.Dir
}

// Database returns the address of an empty database, which a later test may reuse.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var name string
	if n := len(s.free); n > 0 {
		name, s.free = s.free[n-1], s.free[:n-1]
	} else {
		s.made++
		name = fmt.Sprintf("t%d", s.made)
		s.Exec(t, "postgres", "CREATE DATABASE "+name)
	}
	t.Cleanup(func() {
		s.Exec(t, name, "DROP SCHEMA IF EXISTS mythos CASCADE")
		s.mu.Lock()
		defer s.mu.Unlock()
		s.free = append(s.free, name)
	})
	return s.URL(name)
}

// Exec runs SQL in a database.
func (s *Server) Exec(t testing.TB, database, sql string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), sql); err != nil {
		t.Fatal(err)
	}
}

// Ask runs a query that returns a boolean.
func (s *Server) Ask(t testing.TB, sql string) (yes bool) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(context.Background(), sql).Scan(&yes); err != nil {
		t.Fatal(err)
	}
	return yes
}

// Backup takes a backup of a repository's tables, which the returned function restores.
func (s *Server) Backup(t testing.TB, address string) (restore func()) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "backup.sql")
	run := func(program string, args ...string) {
		cmd := osexec.Command(filepath.Join(s.bin, program), append(args, address)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", program, err, out)
		}
	}
	run("pg_dump", "-n", "mythos", "-f", file, "-d")
	return func() {
		run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-c", "DROP SCHEMA mythos CASCADE", "-f", file, "-d")
	}
}

// Terminate ends every connection to a database, whatever it is doing.
func (s *Server) Terminate(t testing.TB, address string) {
	t.Helper()
	c, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	s.Exec(t, "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+c.Database+"'")
}

// binaries returns the folder of PostgreSQL's programs, of the newest installed version.
func binaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // Debian
	newest, dir := 14, ""
	for _, path := range found {
		if n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))); err == nil && n > newest {
			newest, dir = n, filepath.Dir(path)
		}
	}
	if dir != "" {
		return dir, nil
	}
	if path, err := osexec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", errNone
}

// account returns the account for the server, which refuses to run as root. nil: our own.
func account() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uerr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gerr := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(uerr, gerr); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("no account to run PostgreSQL under")
}
