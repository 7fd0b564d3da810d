//go:build unix

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/mythos-project/mythos/internal/testproc"
)

// Pooler starts a pgbouncer in front of s until the test ends. It gives each transaction any free session. through
// returns the address of a database that leads through it.
func (s *Server) Pooler(t testing.TB) (through func(address string) string) {
	t.Helper()
	program, err := osexec.LookPath("pgbouncer")
	if err != nil {
		t.Skip("pgbouncer is not installed (Debian: apt-get install pgbouncer)")
	}
	who, err := account()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "mythos-pool-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file := filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf("[databases]\n* = host=%s user=mythos\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = %s\nlisten_port = 5432\nauth_type = any\npool_mode = transaction\nmax_client_conn = 400\ndefault_pool_size = 30\n", s.Dir, dir)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if who != nil {
		if err := errors.Join(os.Chown(dir, int(who.Uid), int(who.Gid)), os.Chown(file, int(who.Uid), int(who.Gid))); err != nil {
			t.Fatal(err)
		}
	}
	cmd := osexec.Command(program, "-q", file)
	cmd.Dir, cmd.Env = dir, []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	through = func(address string) string { return strings.Replace(address, s.Dir, dir, 1) }
	process, err := testproc.Start(cmd, syscall.SIGKILL, func() error {
		conn, err := pgx.Connect(context.Background(), through(s.URL("postgres"))+"&default_query_exec_mode=exec")
		if err != nil {
			return err
		}
		return conn.Close(context.Background())
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Stop)
	return through
}
