package s3test

import "syscall"

// dieWithUs ends a process when the thread that started it ends.
func dieWithUs(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
