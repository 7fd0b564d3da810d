package process

import (
	"errors"
	"fmt"
	osexec "os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mythos-project/mythos/exec"
)

// wait waits for the program and kills what it left behind in its group.
func wait(cmd *osexec.Cmd) error {
	pid := cmd.Process.Pid
	for { // until the program is reaped, nobody else can get its group's number
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	killGroup(pid)
	return cmd.Wait()
}

func changeTime(st *syscall.Stat_t) int64 { return st.Ctim.Nano() }

// start starts the program, confined as its registration says. A Landlock domain
// belongs to a thread and what that thread starts: a thread is taken out of the
// Go scheduler, confined, used for the fork, and ends with its goroutine.
func start(cmd *osexec.Cmd, ref exec.ModuleRef, dir string) error {
	if ref.Confinement != exec.ConfineLandlock {
		return cmd.Start()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := confine(ref, dir); err != nil {
			done <- err
			return
		}
		done <- cmd.Start()
	}()
	return <-done
}

// confine restricts the calling thread for good to the paths of the
// registration, the program and the working directory, without sockets.
func confine(ref exec.ModuleRef, dir string) error {
	rules, err := newRuleset()
	if err != nil {
		return err
	}
	defer unix.Close(rules)
	read := append([]string{ref.Argv[0], "/dev/null"}, ref.Read...)
	for _, p := range read {
		if err := allow(rules, p, accessRead); err != nil {
			return err
		}
	}
	for _, p := range append([]string{dir}, ref.Write...) {
		if err := allow(rules, p, accessRead|accessWrite); err != nil {
			return err
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("%w: no_new_privs: %w", ErrConfinement, err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(rules), 0, 0); errno != 0 {
		return fmt.Errorf("%w: restrict: %w", ErrConfinement, errno)
	}
	return denySockets()
}
