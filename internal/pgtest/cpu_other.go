//go:build unix && !linux

package pgtest

import (
	"errors"
	"time"
)

// CPU returns the processor time used by the server and its sessions.
func (s *Server) CPU() (time.Duration, error) { return 0, errors.ErrUnsupported }
