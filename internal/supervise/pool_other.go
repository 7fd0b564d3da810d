//go:build !linux

package supervise

import "errors"

// ErrConfinement means that this machine cannot confine a program.
var ErrConfinement = errors.New("this kernel cannot confine the tool as registered")

// Confinable reports that programs cannot be confined here.
func Confinable() error { return ErrConfinement }

// Lacking is empty: there is no confinement here.
func Lacking() []string { return nil }

// Pool does nothing here: there are no supervisors on this system.
type Pool struct{}

// Ready does nothing.
func (*Pool) Ready() {}
