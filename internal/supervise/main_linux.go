package supervise

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// control is the descriptor of the socket to who started the supervisor.
const control = 3

// init turns the process into a supervisor. It is an init because a supervisor must
// start fast: this package needs few others, so it is ready before those that prepare
// much are.
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
	if unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != nil || CloseOnExec() != nil || os.Chdir("/") != nil {
		return 1
	}
	s := &supervisor{orders: make(chan order), forks: make(chan func())}
	go s.listen()
	go s.forkThread()
	for o := range s.orders {
		if o.kind != msgRun {
			continue // for a program that has ended
		}
		if !s.run(o) {
			break
		}
	}
	return 0
}

// supervisor runs one program at a time.
type supervisor struct {
	orders chan order
	forks  chan func() // for the thread that starts unconfined programs
}

// order is a message to the supervisor.
type order struct {
	kind   byte
	signal unix.Signal
	plan   plan
	fds    []int
}

// listen reads messages until the other side has ended.
func (s *supervisor) listen() {
	defer close(s.orders)
	for {
		kind, fds, err := receive()
		if err != nil {
			return
		}
		o := order{kind: kind, fds: fds}
		switch kind {
		case msgSignal:
			var b [1]byte
			if readFull(b[:]) != nil {
				return
			}
			o.signal = unix.Signal(b[0])
		case msgRun:
			if o.plan, err = readPlan(); err != nil {
				return
			}
		}
		s.orders <- o
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

// answer says kind and text. Nobody may be there to hear it.
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

// run runs one program to the end of its family. It reports whether the supervisor can
// take another.
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
	pid, err := s.start(p, fds[:4+p.files], release)
	defer close(release)
	for _, fd := range fds[:4+p.files] {
		unix.Close(fd)
	}
	if err != nil {
		answer(msgFailed, err.Error())
		return true
	}
	answer(msgBegan, strconv.Itoa(pid))
	status, clean, here := s.watch(pid, p.deadline)
	switch {
	case clean && here:
		answer(msgEnded, strconv.Itoa(int(status)))
		return true
	case !clean:
		answer(msgLeft, strconv.Itoa(int(status)))
		for waitAny(0) { // the lock is held as long as one of them lives
		}
	}
	return false
}

// watch waits for the program to end and ends its family. clean says that none is left,
// here that the other side still is.
func (s *supervisor) watch(pid int, deadline time.Duration) (status unix.WaitStatus, clean, here bool) {
	ended := make(chan unix.WaitStatus, 1)
	go func() { ended <- waitFor(pid) }()
	var late <-chan time.Time
	if deadline > 0 {
		timer := time.NewTimer(deadline)
		defer timer.Stop()
		late = timer.C
	}
	here = true
	orders := s.orders
	for {
		select {
		case status = <-ended:
			return status, endFamily(), here
		case <-late:
			killAll()
		case o, ok := <-orders:
			switch {
			case !ok:
				here, orders = false, nil
				killAll()
			case o.kind == msgKill:
				killAll()
			case o.kind == msgSignal:
				_ = unix.Kill(-pid, o.signal) // a group that has ended needs no signal
			}
		}
	}
}

// waitFor waits for the program, and reaps what it left to us meanwhile.
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

// forkThread is the thread that starts unconfined programs. They end with it
// (PR_SET_PDEATHSIG), so that it must live as long as the supervisor does.
func (s *supervisor) forkThread() {
	runtime.LockOSThread()
	for fork := range s.forks {
		fork()
	}
}

// start starts the program. A Landlock domain belongs to a thread and what it starts: a
// confined program is started by a thread of its own, which stays until release.
func (s *supervisor) start(p plan, fds []int, release chan struct{}) (pid int, err error) {
	done := make(chan struct{})
	if !p.confine {
		s.forks <- func() { pid, err = fork(p, fds); close(done) }
		<-done
		return pid, err
	}
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
	program, err := unix.FcntlInt(uintptr(fds[3]), unix.F_DUPFD_CLOEXEC, 2*FirstFile) // apart from its descriptors
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
