package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"
)

// watchMemory watches the memory of a running process that is not backed by files, until stop is closed; the kernel may
// drop the rest, such as mapped files of the database, at any time. It returns the peak, in bytes.
func watchMemory(pid int, stop <-chan struct{}) (peak int64) {
	for {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err == nil {
			for line := range bytes.Lines(data) {
				var kib int64
				if _, err := fmt.Sscanf(strings.TrimSpace(string(line)), "RssAnon: %d kB", &kib); err == nil {
					peak = max(peak, kib<<10)
				}
			}
		}
		select {
		case <-stop:
			return peak
		case <-time.After(20 * time.Millisecond):
		}
	}
}
