//go:build !linux

package process

import (
	osexec "os/exec"

	"github.com/mythos-project/mythos/exec"
)

// Confinable reports that there is no Landlock here.
func Confinable() error { return ErrConfinement }

// start starts an unconfined program and refuses any other.
func start(cmd *osexec.Cmd, ref exec.ModuleRef, _ string) error {
	if ref.Confinement != exec.ConfineNone {
		return ErrConfinement
	}
	return cmd.Start()
}
