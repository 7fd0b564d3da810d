package supervise

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// control is the descriptor of the socket to the process that started the supervisor.
const control = 3

// init turns the process into a supervisor. It is an init function because a supervisor must start fast: this package
// needs few others, so it is initialized before packages that prepare a lot.
func init() {
	if len(os.Args) == 0 || os.Args[0] != name {
		return
	}
	if typ, err := unix.GetsockoptInt(control, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || typ != unix.SOCK_STREAM {
		return
	}
	os.Exit(supervise())
}

func supervise() int {
	runtime.LockOSThread() // programs end with the thread that started them (PR_SET_PDEATHSIG), which is this one, and stays
	if unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != nil || CloseOnExec() != nil || os.Chdir("/") != nil {
		return 1
	}
	s := &supervisor{programs: make(chan order), locks: make(map[uint32]int)}
	go s.listen()
	for o := range s.programs {
		if !s.run(o) {
			break
		}
	}
	return 0
}

// supervisor runs one program at a time.
type supervisor struct {
	programs chan order
	pid      atomic.Int64 // of the running program; 0: none
	gone     atomic.Bool  // the process that started us has ended

	mu     sync.Mutex
	family bool           // a program was begun, and some of its family may be alive
	locks  map[uint32]int // descriptors of the locks held for attempts, by number
}

// order is a program to run, with its descriptors.
type order struct {
	plan plan
	fds  []int
}

// listen reads messages until the other side has ended. Signals and kills do not wait for the thread that waits for the
// program.
func (s *supervisor) listen() {
	defer close(s.programs)
	defer s.kill()
	defer s.gone.Store(true)
	for {
		kind, fds, err := receive()
		if err != nil {
			return
		}
		switch kind {
		case msgKill:
			s.kill()
		case msgSignal:
			var b [1]byte
			if readFull(b[:]) != nil {
				return
			}
			if pid := s.pid.Load(); pid != 0 {
				_ = unix.Kill(-int(pid), unix.Signal(b[0])) // a group that has ended needs no signal
			}
		case msgHold, msgDrop:
			var b [4]byte
			if readFull(b[:]) != nil {
				return
			}
			if number := binary.BigEndian.Uint32(b[:]); kind == msgHold && len(fds) == 1 {
				s.hold(number, fds[0])
			} else {
				s.drop(number)
			}
		case msgRun:
			p, err := readPlan()
			if err != nil {
				return
			}
			s.programs <- order{p, fds}
		}
	}
}

// hold keeps the descriptor of a lock open, and so holds the lock, while there is a family.
func (s *supervisor) hold(number uint32, fd int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.family {
		s.locks[number] = fd
	} else {
		unix.Close(fd)
	}
}

func (s *supervisor) drop(number uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fd, held := s.locks[number]; held {
		unix.Close(fd)
		delete(s.locks, number)
	}
}

// begin and end say when there is a family. At its end all locks are released.
func (s *supervisor) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.family = true
}

func (s *supervisor) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.family = false
	for _, fd := range s.locks {
		unix.Close(fd)
	}
	clear(s.locks)
}

// kill kills the running program, if any, and its family.
func (s *supervisor) kill() {
	if s.pid.Load() != 0 {
		killAll()
	}
}

// receive reads one byte and the descriptors that come with it.
func receive() (kind byte, fds []int, err error) {
	var b [1]byte
	oob := make([]byte, unix.CmsgSpace(4*64))
	var n, oobn int
	for {
		n, oobn, _, _, err = unix.Recvmsg(control, b[:], oob, unix.MSG_CMSG_CLOEXEC)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return 0, nil, err
	}
	if n == 0 {
		return 0, nil, errSpec
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return 0, nil, err
	}
	for i := range messages {
		got, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return 0, nil, err
		}
		fds = append(fds, got...)
	}
	return b[0], fds, nil
}

func readPlan() (plan, error) {
	var size [4]byte
	if err := readFull(size[:]); err != nil {
		return plan{}, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxSpec {
		return plan{}, errSpec
	}
	body := make([]byte, n)
	if err := readFull(body); err != nil {
		return plan{}, err
	}
	return unmarshal(body)
}

func readFull(b []byte) error {
	for len(b) > 0 {
		n, err := unix.Read(control, b)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return errSpec
		}
		b = b[n:]
	}
	return nil
}

// answer sends kind and text. The receiver may be gone.
func answer(kind byte, text string) {
	b := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(text)))
	b = append(b, text...)
	for len(b) > 0 {
		n, err := unix.Write(control, b)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		b = b[max(n, 0):]
	}
}

// run runs one program until its whole family has ended. It reports whether the supervisor can take another.
func (s *supervisor) run(o order) bool {
	p, fds := o.plan, o.fds
	want := 4 + p.files
	if p.alive {
		want++
	}
	if len(fds) != want {
		answer(msgFailed, errSpec.Error())
		return false
	}
	defer func() {
		if p.alive {
			unix.Close(fds[want-1])
		}
	}()
	release := make(chan struct{})
	pid, err := start(p, fds[:4+p.files], release)
	defer close(release)
	for _, fd := range fds[:4+p.files] {
		unix.Close(fd)
	}
	if err != nil {
		answer(msgFailed, err.Error())
		return true
	}
	s.begin()
	s.pid.Store(int64(pid))
	if s.gone.Load() {
		killAll() // nobody else can do it any more
	}
	answer(msgBegan, strconv.Itoa(pid))
	if p.deadline > 0 {
		defer time.AfterFunc(p.deadline, s.kill).Stop()
	}
	status := waitFor(pid)
	s.pid.Store(0)
	if !endFamily() {
		answer(msgLeft, strconv.Itoa(int(status)))
		for waitAny(0) { // the lock is held as long as one of them is alive
		}
		return false
	}
	s.end()
	answer(msgEnded, strconv.Itoa(int(status)))
	return !s.gone.Load()
}

// waitFor waits for the program, and meanwhile reaps the processes that it left to us.
func waitFor(pid int) unix.WaitStatus {
	for {
		var status unix.WaitStatus
		got, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case got == pid, err != nil && !errors.Is(err, unix.EINTR):
			return status
		}
	}
}

// start starts the program. A Landlock domain belongs to a thread and what it starts: a confined program is started by
// a separate thread, which stays until release.
func start(p plan, fds []int, release chan struct{}) (pid int, err error) {
	if !p.confine {
		return fork(p, fds)
	}
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		var listener int
		if listener, err = confine(p, fds[3]); err == nil {
			if pid, err = fork(p, fds); err == nil {
				go attend(listener, p, release)
			} else {
				unix.Close(listener)
			}
		}
		close(done)
		if err == nil {
			<-release
		}
	}()
	<-done
	return pid, err
}

// fork starts the program in a process group of its own.
func fork(p plan, fds []int) (int, error) {
	program, err := unix.FcntlInt(uintptr(fds[3]), unix.F_DUPFD_CLOEXEC, 2*FirstFile) // separate from its descriptors
	if err != nil {
		return 0, err
	}
	defer unix.Close(program)
	files := []uintptr{uintptr(fds[0]), uintptr(fds[1]), uintptr(fds[2])}
	if len(fds) > 4 {
		for len(files) < FirstFile {
			files = append(files, ^uintptr(0))
		}
		for _, fd := range fds[4:] {
			files = append(files, uintptr(fd))
		}
	}
	pid, err := syscall.ForkExec("/proc/self/fd/"+strconv.Itoa(program), p.argv, &syscall.ProcAttr{
		Dir: p.dir, Env: p.env, Files: files,
		Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return 0, errors.New(strings.Join([]string{"execute " + p.path, err.Error()}, ": "))
	}
	return pid, nil
}
