//go:build unix && !linux

package pgtest

import (
	"errors"
	"time"
)

// CPU is the processor's time that the server and its sessions have taken.
func (s *Server) CPU() (time.Duration, error) { return 0, errors.ErrUnsupported }
