//go:build unix && !linux

package testproc

import "syscall"

func dieWithUs(*syscall.SysProcAttr, syscall.Signal) {}
