package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestQuotaManyProcesses: eight processes at a time, each with eight calls of its own under way, use one capability
// through two that are below it, with and without a server. Every answered call was charged to its capability and to
// the root; exactly as many as the root allows were answered.
func TestQuotaManyProcesses(t *testing.T) {
	t.Parallel()
	for _, served := range []bool{false, true} {
		t.Run(fmt.Sprintf("served=%v", served), func(t *testing.T) {
			dir := repository(t)
			mustRun(t, dir, "tool", "add", "lines", "--retry-safe", "--unconfined", "--process", "wc", "-l")
			root := issued(t, dir, "cap", "issue", "--scope", "tool.call:lines,calls=60", "--delegable", "-q")
			leaves := []string{
				issued(t, dir, "cap", "attenuate", root, "--scope", "tool.call:lines,calls=25", "-q"),
				issued(t, dir, "cap", "attenuate", root, "-q"),
			}
			if served {
				serve(t, dir)
			}
			answered := spend(t, dir, leaves)
			if answered[0] > 25 || answered[0]+answered[1] != 60 {
				t.Errorf("answered were %v, expected at most 25, and 60 together", answered)
			}
			for _, id := range append(leaves, root) { // what is left above also counts
				if out := mustRun(t, dir, "cap", "show", id); !strings.Contains(out, "Left: 0 calls") {
					t.Errorf("cap %s: %s", id, out)
				}
			}
			mustRun(t, dir, "ledger", "verify")
		})
	}
}

func issued(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return strings.TrimSpace(mustRun(t, dir, args...))
}

// spend runs 8 processes with 12 calls each, the even ones under the first leaf, and counts the answers under each.
func spend(t *testing.T, dir string, leaves []string) (answered [2]int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for p := range 8 {
		var lines strings.Builder
		for i := range 12 {
			fmt.Fprintf(&lines, "{\"key\":\"p%d-%d\",\"request\":\"x\"}\n", p, i)
		}
		batch := filepath.Join(dir, fmt.Sprintf("batch%d", p))
		if err := os.WriteFile(batch, []byte(lines.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := command(dir, "call", "lines", "--batch", batch, "--cap", leaves[p%2], "--trace=false", "-p", "8", "--json")
		wg.Go(func() {
			out, _ := cmd.Output() // exit code 4: some were refused
			dec := json.NewDecoder(strings.NewReader(string(out)))
			for seen := 0; ; seen++ {
				var line struct {
					Status uint16 `json:"status"`
					Error  string `json:"error"`
				}
				if dec.Decode(&line) != nil {
					if seen != 12 {
						t.Errorf("process %d: %d lines\n%s", p, seen, out)
					}
					return
				}
				switch {
				case line.Status == 200:
					mu.Lock()
					answered[p%2]++
					mu.Unlock()
				case !strings.Contains(line.Error, "quota"):
					t.Errorf("process %d: %+v", p, line)
				}
			}
		})
	}
	wg.Wait()
	return answered
}
