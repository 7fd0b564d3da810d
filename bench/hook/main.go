// Command hook measures how long a harness waits: for one start of mythos before a call and one after it, compared in
// turns with `mythos version`: go run ./bench/hook -mythos ./mythos [-n ROUNDS].
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	mythos := flag.String("mythos", "./mythos", "the binary")
	rounds := flag.Int("n", 50, "rounds")
	flag.Parse()
	if err := run(*mythos, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "hook:", err)
		os.Exit(1)
	}
}

const (
	before = `{"session_id":"s","permission_mode":"default","hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"ls -l"},"tool_use_id":"toolu_%d"}`
	after  = `{"session_id":"s","permission_mode":"default","hook_event_name":"PostToolUse","tool_name":"Bash","tool_input":{"command":"ls -l"},"tool_use_id":"toolu_%d","tool_response":{"stdout":"a.txt\n","stderr":""}}`
)

func run(mythos string, rounds int) error {
	mythos, err := filepath.Abs(mythos)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mythos-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	start := func(in string, args ...string) (time.Duration, error) {
		cmd := exec.Command(mythos, args...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(in)
		began := time.Now()
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
		}
		return time.Since(began), err
	}
	for _, args := range [][]string{{"init"}, {"tool", "add", "claude.Bash", "--declared"}, {"agent", "add", "scout", "--tools", "claude.Bash"}} {
		if _, err := start("", args...); err != nil {
			return err
		}
	}
	times := map[string][]time.Duration{}
	for i := range rounds {
		for _, one := range []struct {
			name, in string
			args     []string
		}{
			{"version", "", []string{"version"}},
			{"log", "", []string{"log", "-n", "1", "-q"}},
			{"before", fmt.Sprintf(before, i), []string{"hook", "claude", "--agent", "scout"}},
			{"after", fmt.Sprintf(after, i), []string{"hook", "claude", "--agent", "scout"}},
		} {
			took, err := start(one.in, one.args...)
			if err != nil {
				return err
			}
			times[one.name] = append(times[one.name], took)
		}
	}
	for _, name := range []string{"version", "log", "before", "after"} {
		var ratios []float64
		for i, took := range times[name] {
			ratios = append(ratios, float64(took)/float64(times["version"][i]))
		}
		slices.Sort(ratios)
		t := slices.Sorted(slices.Values(times[name]))
		fmt.Printf("%-8s least %8v  median %8v  %5.2f times version (median of the pairs)\n", name, t[0].Round(10*time.Microsecond), t[len(t)/2].Round(10*time.Microsecond), ratios[len(ratios)/2])
	}
	return nil
}
