package supervise

import "golang.org/x/sys/unix"

// machineRules are those for calls that only this machine has.
func machineRules() []rule {
	return append(ask(unix.SYS_CHMOD, unix.SYS_CHOWN, unix.SYS_LCHOWN),
		always(unix.EPERM, unix.SYS_UTIME, unix.SYS_UTIMES, unix.SYS_FUTIMESAT)...)
}
