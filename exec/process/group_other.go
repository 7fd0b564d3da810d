//go:build !unix

package process

import osexec "os/exec"

// Without process groups only the program itself is killed, by os/exec.
func ownGroup(*osexec.Cmd) {}

func killGroup(int) {}
