//go:build !unix

package process

import (
	"os"
	osexec "os/exec"
	"syscall"
)

// Without process groups only the program itself is killed, by os/exec.
func ownGroup(*osexec.Cmd) {}

func killGroup(int) {}

func signalOf(*os.ProcessState) syscall.Signal { return 0 }
