package testproc

import "syscall"

// dieWithUs makes a process get a signal when the thread that started it ends.
func dieWithUs(a *syscall.SysProcAttr, s syscall.Signal) { a.Pdeathsig = s }
