package supervise

import (
	"bytes"
	"os"
	"strconv"
)

// Supervises reports whether a process is a supervisor, by its name.
func Supervises(pid int) bool {
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return err == nil && bytes.HasPrefix(line, []byte(name+"\x00"))
}
