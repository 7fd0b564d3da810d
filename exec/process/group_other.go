//go:build !unix

package process

import (
	"os"
	osexec "os/exec"
	"syscall"
)

// Without process groups, os/exec kills only the program itself.
func ownGroup(*osexec.Cmd) {}

func killGroup(int) {}

func signalOf(*os.ProcessState) syscall.Signal { return 0 }
