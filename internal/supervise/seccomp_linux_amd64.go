package supervise

import "golang.org/x/sys/unix"

// machineRules are the rules for calls that exist only on this machine.
func machineRules() []rule {
	return append(ask(unix.SYS_CHMOD, unix.SYS_CHOWN, unix.SYS_LCHOWN),
		always(unix.EPERM, unix.SYS_UTIME, unix.SYS_UTIMES, unix.SYS_FUTIMESAT)...)
}
