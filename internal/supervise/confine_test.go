//go:build linux

package supervise_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mythos-project/mythos/internal/supervise"
)

// The test binary is also the confined program: it tries what confinement forbids.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[0] == "confined" {
		attempts(os.Args[1:])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// confined runs this binary confined, with dir as the only folder that it may write.
func confined(t *testing.T, dir string, args ...string) map[string]string {
	t.Helper()
	if err := supervise.Confinable(); err != nil {
		t.Skip(err)
	}
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	var pool supervise.Pool
	text, status := start(t, &pool, "", func(s *supervise.Spec) {
		s.Program.Close()
		s.Program, s.Path, s.Argv = self, "the test", append([]string{"confined"}, args...)
		s.Confine, s.Dir, s.Write, s.Read = true, dir, []string{dir, "/dev/ptmx"}, []string{"/usr", "/lib", "/lib64", "/etc/ld.so.cache"}
	}).end(t)
	if status.ExitStatus() != 0 {
		t.Fatalf("status %v: %s", status, text)
	}
	got := make(map[string]string)
	for line := range strings.Lines(text) {
		name, outcome, _ := strings.Cut(strings.TrimSpace(line), " = ")
		got[name] = outcome
	}
	return got
}

// attempts tries everything and prints one outcome per line.
func attempts(args []string) {
	outside, inside, socket, outsider := args[0], args[1], args[2], atoi(args[3])
	say := func(name string, err error) {
		outcome := "done"
		if err != nil {
			outcome = err.Error()
		}
		fmt.Printf("%s = %s\n", name, outcome)
	}
	say("open", func() error { f, err := os.Open(outside); f.Close(); return err }())
	trySockets(socket, say)
	tryProcesses("supervisor", os.Getppid(), say)
	tryProcesses("outsider", outsider, say)
	tryThreads(say)
	tryAttributes("outside", outside, say)
	tryAttributes("inside", inside, say)
	tryMachine(say)
	say("ptmx", tryTerminal())
	for _, device := range []string{"null", "zero", "urandom"} {
		say("device "+device, func() error { f, err := os.OpenFile("/dev/"+device, os.O_RDWR, 0); f.Close(); return err }())
	}
}

// tryTerminal asks a device for its number; if the device cannot be opened, it prints "none".
func tryTerminal() error {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return errors.New("none")
	}
	defer unix.Close(fd)
	_, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
	return err
}

func atoi(text string) (n int) {
	_, _ = fmt.Sscan(text, &n) // one that we made
	return n
}

var types = map[string]int{"stream": unix.SOCK_STREAM, "dgram": unix.SOCK_DGRAM, "seqpacket": unix.SOCK_SEQPACKET, "raw": unix.SOCK_RAW}

// families returns all that a kernel may know, and a few that none does.
func families() (all []int) {
	for f := range 64 {
		all = append(all, f)
	}
	return all
}

// trySockets makes sockets and pairs of every family and type, and tries to send from each.
func trySockets(path string, say func(string, error)) {
	for _, family := range families() {
		for typ, number := range types {
			for _, flags := range []int{0, unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK} {
				name := fmt.Sprintf("socket %d %s", family, typ)
				fd, err := unix.Socket(family, number|flags, 0)
				if say(name, err); err == nil {
					tryToSend(name, fd, path, say)
				}
				name = fmt.Sprintf("socketpair %d %s", family, typ)
				pair, err := unix.Socketpair(family, number|flags, 0)
				if say(name, err); err == nil {
					tryToSend(name, pair[0], path, say)
				}
			}
		}
	}
}

func tryToSend(name string, fd int, path string, say func(string, error)) {
	for kind, to := range map[string]unix.Sockaddr{"path": &unix.SockaddrUnix{Name: path}, "abstract": &unix.SockaddrUnix{Name: "@" + path}} {
		say("leak "+name+" connect "+kind, unix.Connect(fd, to))
		say("leak "+name+" bind "+kind, unix.Bind(fd, to))
		say("leak "+name+" sendto "+kind, unix.Sendto(fd, []byte("secret"), unix.MSG_NOSIGNAL, to))
		say("leak "+name+" sendmsg "+kind, unix.Sendmsg(fd, []byte("secret"), nil, to, unix.MSG_NOSIGNAL))
	}
	unix.Close(fd)
}

// tryProcesses acts on a process outside.
func tryProcesses(who string, pid int, say func(string, error)) {
	say(who+" kill", unix.Kill(pid, unix.SIGUSR2))
	say(who+" tgkill", unix.Tgkill(pid, pid, unix.SIGUSR2))
	_, _, errno := unix.Syscall(unix.SYS_TKILL, uintptr(pid), uintptr(unix.SIGUSR2), 0)
	say(who+" tkill", orNil(errno))
	fd, err := unix.PidfdOpen(pid, 0)
	if err == nil {
		err = unix.PidfdSendSignal(fd, unix.SIGUSR2, nil, 0)
	}
	say(who+" pidfd", err)
	if group, err := unix.Getpgid(pid); err == nil { // by its group, also after joining it
		say(who+" group", unix.Kill(-group, unix.SIGUSR2))
		if err := unix.Setpgid(0, group); err == nil {
			say(who+" own group", unix.Kill(0, unix.SIGUSR2))
			_ = unix.Setpgid(0, 0)
		}
	}
	say(who+" setpriority", unix.Setpriority(unix.PRIO_PROCESS, pid, 1))
	say(who+" setpriority group", unix.Setpriority(unix.PRIO_PGRP, pid, 1))
	say(who+" setpriority user", unix.Setpriority(unix.PRIO_USER, os.Getuid(), 1))
	say(who+" prlimit", unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil))
	var cpus unix.CPUSet
	cpus.Set(0)
	say(who+" affinity", unix.SchedSetaffinity(pid, &cpus))
	say(who+" scheduler", unix.SchedSetAttr(pid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: 3}, 0))
	say(who+" ptrace", unix.PtraceAttach(pid))
	_, err = unix.ProcessVMReadv(pid, []unix.Iovec{{Base: new(byte), Len: 1}}, []unix.RemoteIovec{{Base: 4096, Len: 1}}, 0)
	say(who+" memory", err)
	_, _, errno = unix.Syscall6(unix.SYS_IOPRIO_SET, 1, uintptr(pid), 2<<13, 0, 0, 0)
	say(who+" ioprio", orNil(errno))
}

// tryThreads signals the threads that a supervisor may have, one of which is in the same domain as this program.
func tryThreads(say func(string, error)) {
	var worst error = unix.EPERM
	for tid := os.Getppid(); tid < os.Getppid()+64; tid++ {
		if tid == os.Getpid() {
			continue
		}
		if err := unix.Tgkill(os.Getppid(), tid, unix.SIGUSR2); err == nil {
			worst = nil
		}
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", tid)); err == nil && strings.Contains(string(stat), "confined") {
			continue // a thread of our own
		}
		if err := unix.Kill(tid, unix.SIGCONT); err == nil && tid < os.Getpid() {
			worst = nil
		}
	}
	say("threads", worst)
}

func orNil(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// tryAttributes changes what is not content of a file.
func tryAttributes(where, path string, say func(string, error)) {
	name := func(what string) string { return where + " " + what }
	say(name("chmod"), unix.Chmod(path, 0o640))
	say(name("fchmodat"), unix.Fchmodat(unix.AT_FDCWD, path, 0o640, 0))
	say(name("setuid"), unix.Chmod(path, 0o4755))
	say(name("chown"), unix.Chown(path, 12345, -1))
	say(name("chown to itself"), unix.Lchown(path, os.Getuid(), -1))
	say(name("utimensat"), unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{{Sec: 1}, {Sec: 2}}, 0))
	say(name("setxattr"), unix.Setxattr(path, "user.mythos", []byte("x"), 0))
	say(name("removexattr"), unix.Removexattr(path, "user.mythos"))
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	if err != nil {
		if fd, err = unix.Open(path, unix.O_PATH, 0); err != nil {
			say(name("open"), err)
			return
		}
	}
	say(name("fchmod"), unix.Fchmod(fd, 0o640))
	say(name("through proc"), unix.Chmod(fmt.Sprintf("/proc/self/fd/%d", fd), 0o640))
	say(name("fchown"), unix.Fchown(fd, 12345, -1))
	say(name("futimens"), unix.Futimes(fd, []unix.Timeval{{Sec: 1}, {Sec: 2}}))
	say(name("fsetxattr"), unix.Fsetxattr(fd, "user.mythos", []byte("x"), 0))
	flags := 0
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.FS_IOC_SETFLAGS, uintptr(unsafe.Pointer(&flags)))
	say(name("flags"), orNil(errno))
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK)
	say(name("lease"), err)
}

// tryMachine tries to reach what all processes of a machine share.
func tryMachine(say func(string, error)) {
	_, err := unix.AddKey("user", "mythos", []byte("x"), unix.KEY_SPEC_SESSION_KEYRING)
	say("machine add_key", err)
	_, err = unix.KeyctlInt(unix.KEYCTL_GET_KEYRING_ID, unix.KEY_SPEC_SESSION_KEYRING, 0, 0, 0)
	say("machine keyctl", err)
	_, err = unix.SysvShmGet(77, 4096, unix.IPC_CREAT|0o600)
	say("machine shmget", err)
	for call, number := range map[string]uintptr{
		"semget": unix.SYS_SEMGET, "msgget": unix.SYS_MSGGET, "mq_open": unix.SYS_MQ_OPEN, "bpf": unix.SYS_BPF, "perf": unix.SYS_PERF_EVENT_OPEN,
		"userfaultfd": unix.SYS_USERFAULTFD, "io_uring": unix.SYS_IO_URING_SETUP, "fanotify": unix.SYS_FANOTIFY_INIT, "handle": unix.SYS_OPEN_BY_HANDLE_AT,
	} {
		_, _, errno := unix.Syscall(number, 0, 0, 0)
		say("machine "+call, orNil(errno))
	}
	say("machine unshare", unix.Unshare(unix.CLONE_NEWUSER))
	say("machine mount", unix.Mount("none", "/tmp", "tmpfs", 0, ""))
	say("machine shm", func() error {
		f, err := os.Create("/dev/shm/mythos-confined")
		if err == nil {
			f.Close()
		}
		return err
	}())
	say("machine clock", unix.ClockSettime(unix.CLOCK_REALTIME, &unix.Timespec{Sec: 1}))
}

// TestConfinement tries everything under each version of Landlock that this kernel has: what an old one cannot forbid
// is reported when a tool is registered, and nothing else is possible.
func TestConfinement(t *testing.T) {
	have, _, _ := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	for version := uint8(4); version <= 6 && int(version) <= int(have); version++ {
		t.Run(fmt.Sprintf("version %d", version), func(t *testing.T) {
			t.Cleanup(supervise.Pretend(version))
			confinement(t, version)
		})
	}
	for version := range uint8(4) {
		end := supervise.Pretend(version)
		var pool supervise.Pool
		ran := filepath.Join(t.TempDir(), "ran")
		_, err := try(t, &pool, "echo > "+ran, func(s *supervise.Spec) { s.Confine, s.Write = true, []string{filepath.Dir(ran)} })
		var failed *supervise.StartError
		if !errors.As(err, &failed) || !strings.Contains(failed.Reason, fmt.Sprintf("Landlock version %d, needed 4", version)) {
			t.Errorf("version %d: %v", version, err)
		}
		if _, err := os.Stat(ran); err == nil || supervise.Confinable() == nil {
			t.Errorf("version %d confines", version)
		}
		end()
	}
}

// TestFamilySignals: under each version of Landlock a program can signal what it started, and its own group.
func TestFamilySignals(t *testing.T) {
	if err := supervise.Confinable(); err != nil {
		t.Skip(err)
	}
	const script = `exec 2> /dev/null
trap 'echo group' USR1
sleep 100 & kill $!; wait $!; echo $?
(sleep 100 & echo $! > orphan); kill -KILL $(cat orphan); echo $?
kill -USR1 0
kill -TERM 1 || echo refused`
	for version := uint8(4); version <= 6; version++ {
		end := supervise.Pretend(version)
		var pool supervise.Pool
		text, status := start(t, &pool, script, func(s *supervise.Spec) {
			s.Confine, s.Write, s.Read = true, []string{s.Dir}, []string{"/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache"}
		}).end(t)
		if text != "143\n0\ngroup\nrefused\n" || status.ExitStatus() != 0 {
			t.Errorf("version %d: %q, %v", version, text, status)
		}
		end()
	}
}

func confinement(t *testing.T, version uint8) {
	dir := t.TempDir()
	outside := filepath.Join(dir, "outside")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(dir, "work")
	inside := filepath.Join(work, "inside")
	if err := os.MkdirAll(work, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(inside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(work, "s")
	heard, err := net.ListenPacket("unixgram", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer heard.Close()
	abstract, err := net.ListenPacket("unixgram", "@"+socket)
	if err != nil {
		t.Fatal(err)
	}
	defer abstract.Close()
	var pool supervise.Pool
	outsider := start(t, &pool, "exec sleep 100", nil)
	defer func() { outsider.Kill(); outsider.end(t) }()
	before, err := os.Stat(outside)
	if err != nil {
		t.Fatal(err)
	}
	got := confined(t, work, outside, inside, socket, fmt.Sprint(outsider.PID))
	allowed := map[string]bool{
		"socketpair 1 stream": true, "socketpair 1 seqpacket": true, "device null": true, "device zero": true, "device urandom": true,
		"inside chmod": true, "inside fchmodat": true, "inside fchmod": true, "inside through proc": true, "inside chown to itself": true,
		"inside utimensat": true, "inside futimens": true,
	}
	lacking := strings.Join(supervise.Lacking(), ", ")
	if (got["ptmx"] == "done") != (version < 5) && got["ptmx"] != "none" || strings.Contains(lacking, "ioctl") != (version < 5) {
		t.Errorf("control of a device: %s; said to be possible: %q", got["ptmx"], lacking)
	}
	delete(got, "ptmx")
	for name, outcome := range got {
		if strings.HasPrefix(name, "leak socketpair 1 seqpacket send") {
			continue // to the other end, whatever the address
		}
		if strings.HasSuffix(name, " own group") {
			continue // the program itself belongs to it: below it shows who else received it
		}
		if (outcome == "done") != allowed[name] {
			t.Errorf("%s: %s", name, outcome)
		}
	}
	if len(got) < 4*64*2 {
		t.Errorf("only %d attempts", len(got))
	}
	if !alive(outsider.PID) {
		t.Error("a process outside was signalled")
	}
	for _, c := range []net.PacketConn{heard, abstract} {
		if err := c.SetReadDeadline(time.Now()); err != nil {
			t.Fatal(err)
		}
		if n, _, err := c.ReadFrom(make([]byte, 64)); err == nil {
			t.Errorf("%v heard %d bytes", c.LocalAddr(), n)
		}
	}
	after, err := os.Stat(outside)
	if err != nil || after.Mode() != before.Mode() || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the file outside is now %v of %v, %v", after.Mode(), after.ModTime(), err)
	}
	if st, err := os.Stat(inside); err != nil || st.Mode().Perm() != 0o640 || st.ModTime().Unix() != 2 {
		t.Errorf("the file inside is %v of %v, %v", st.Mode(), st.ModTime(), err)
	}
}
