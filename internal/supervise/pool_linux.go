package supervise

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	osexec "os/exec"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxIdle is how many idle supervisors are held ready.
const maxIdle = 4

// Pool starts supervisors and holds those ready whose program has ended. The zero Pool is ready to use. It is safe for
// concurrent use.
type Pool struct {
	mu   sync.Mutex
	idle []*remote
}

// remote is a supervisor as seen by the process that started it.
type remote struct {
	conn *net.UnixConn
	cmd  *osexec.Cmd
}

// waiting takes an idle supervisor; nil: there is none.
func (p *Pool) waiting() *remote {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	r := p.idle[n-1]
	p.idle = p.idle[:n-1]
	return r
}

// take sends a program to a supervisor. One that was killed while it waited is replaced.
func (p *Pool) take(s Spec) (*remote, error) {
	for r := p.waiting(); r != nil; r = p.waiting() {
		if r.send(s) == nil {
			return r, nil
		}
		r.leave()
	}
	r, err := newRemote()
	if err != nil {
		return nil, err
	}
	if err := r.send(s); err != nil {
		r.leave()
		return nil, fmt.Errorf("supervisor: %w", err)
	}
	return r, nil
}

// Ready starts a supervisor, unless one is idle, while its caller checks what it will run.
func (p *Pool) Ready() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) > 0 {
		return
	}
	if r, err := newRemote(); err == nil { // otherwise Start says why
		p.idle = append(p.idle, r)
	}
}

func (p *Pool) put(r *remote) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) < maxIdle {
		p.idle = append(p.idle, r)
		return
	}
	r.leave()
}

// newRemote starts a supervisor: this binary, whatever is now at its path.
func newRemote() (*remote, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("supervisor: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "supervisor"), os.NewFile(uintptr(pair[1]), "control")
	defer ours.Close()
	defer theirs.Close()
	cmd := &osexec.Cmd{
		Path: "/proc/self/exe", Args: []string{name}, Env: []string{"GOGC=off", "GOMAXPROCS=2"},
		ExtraFiles: []*os.File{theirs}, SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the supervisor: %w", err)
	}
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("supervisor: %w", err), cmd.Process.Kill(), cmd.Wait())
	}
	return &remote{conn.(*net.UnixConn), cmd}, nil
}

// leave lets a supervisor end, as soon as its family has ended.
func (r *remote) leave() {
	r.conn.Close()
	go func() { _ = r.cmd.Wait() }() // only so that no zombie remains
}

// Process is a program that was started.
type Process struct {
	PID    int // of the program
	pool   *Pool
	remote *remote

	mu    sync.Mutex // held while a message is written
	ended bool
	locks uint32 // how many locks were handed over
}

// Start starts a program. An error other than ErrUnknown means that none of its code has run.
func (p *Pool) Start(s Spec) (*Process, error) {
	r, err := p.take(s)
	if err != nil {
		return nil, err
	}
	kind, text, err := r.hear()
	if err != nil {
		r.leave()
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	if kind == msgFailed {
		p.put(r)
		return nil, &StartError{text}
	}
	pid, err := strconv.Atoi(text)
	if kind != msgBegan || err != nil {
		r.leave()
		return nil, errSpec
	}
	return &Process{PID: pid, pool: p, remote: r}, nil
}

// StartError says why a program did not start.
type StartError struct{ Reason string }

func (e *StartError) Error() string { return e.Reason }

func (r *remote) send(s Spec) error {
	files := append([]*os.File{s.Stdin, s.Stdout, s.Stderr, s.Program}, s.Files...)
	if s.Alive != nil {
		files = append(files, s.Alive)
	}
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	body := s.marshal()
	head := binary.BigEndian.AppendUint32([]byte{msgRun}, uint32(len(body)))
	// The descriptors come with the first byte, and with nothing that follows it.
	if _, _, err := r.conn.WriteMsgUnix(head[:1], unix.UnixRights(fds...), nil); err != nil {
		return err
	}
	_, err := r.conn.Write(append(head[1:], body...))
	return err
}

// hear reads one answer.
func (r *remote) hear() (kind byte, text string, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r.conn, head[:]); err != nil {
		return 0, "", err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxSpec {
		return 0, "", errSpec
	}
	body := make([]byte, n)
	_, err = io.ReadFull(r.conn, body)
	return head[0], string(body), err
}

// ErrLeft means that the program ended but some of the processes that it started could not be killed: they run as
// another user.
var ErrLeft = errors.New("processes that the tool left behind run as another user and go on")

// ErrLost means that the supervisor was killed: the program was killed with it, and what it did is unknown.
var ErrLost = errors.New("the tool's supervisor was killed")

// Wait waits for the program and its family to end. Errors: ErrLeft, with the status;
// ErrLost.
func (p *Process) Wait() (syscall.WaitStatus, error) {
	kind, text, err := p.remote.hear()
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	if err != nil {
		p.remote.leave()
		return 0, fmt.Errorf("%w: %w", ErrLost, err)
	}
	status, err := strconv.Atoi(text)
	switch {
	case err != nil:
		err = errSpec
	case kind == msgEnded:
		p.pool.put(p.remote)
		return syscall.WaitStatus(status), nil
	case kind == msgLeft:
		err = ErrLeft
	}
	p.remote.leave()
	return syscall.WaitStatus(status), err
}

// Signal sends a signal to the program and its group.
func (p *Process) Signal(sig syscall.Signal) { p.tell(msgSignal, byte(sig)) }

// Kill kills the program and its family. [Process.Wait] returns when they are gone.
func (p *Process) Kill() { p.tell(msgKill) }

// Hold gives the supervisor a lock to hold until the family has ended, or drop is called.
func (p *Process) Hold(lock *os.File) (drop func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil, fmt.Errorf("the program has ended: %w", os.ErrProcessDone)
	}
	p.locks++
	number := binary.BigEndian.AppendUint32(nil, p.locks)
	if _, _, err := p.remote.conn.WriteMsgUnix(append([]byte{msgHold}, number...), unix.UnixRights(int(lock.Fd())), nil); err != nil {
		return nil, fmt.Errorf("supervisor: %w", err)
	}
	return func() { p.tell(append([]byte{msgDrop}, number...)...) }, nil
}

func (p *Process) tell(message ...byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		_, _ = p.remote.conn.Write(message) // a supervisor may be gone
	}
}

// Abandon stops waiting: the supervisor kills what it can and ends by itself. It does nothing once the program has
// ended, since its supervisor may already have another program.
func (p *Process) Abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		_ = p.remote.conn.Close()
	}
}
