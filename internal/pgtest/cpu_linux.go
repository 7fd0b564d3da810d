package pgtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// hertz is the number of ticks in /proc per second.
const hertz = 100

// CPU returns the processor time used by the server and its sessions.
func (s *Server) CPU() (time.Duration, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	self := strconv.Itoa(s.process.Pid())
	ticks, found := 0, false
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]) // from the third field on
		counted := 2                                                    // utime and stime
		switch {
		case len(fields) < 15:
			return 0, fmt.Errorf("%s: %q", name, text)
		case filepath.Base(filepath.Dir(name)) == self:
			counted, found = 4, true // and those of ended sessions
		case string(fields[1]) != self:
			continue
		}
		for _, field := range fields[11 : 11+counted] {
			n, err := strconv.Atoi(string(field))
			if err != nil {
				return 0, fmt.Errorf("%s: %w", name, err)
			}
			ticks += n
		}
	}
	if !found {
		return 0, errors.New("the server has ended")
	}
	return time.Duration(ticks) * time.Second / hertz, nil
}
