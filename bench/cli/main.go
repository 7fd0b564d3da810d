// Command cli measures how long short commands take, compared with a minimal cobra program that is started the same
// way: go run ./bench/cli. It builds both, runs the commands in turns, and prints minimum and median of wall time and
// processor time.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// command is one command to measure.
type command struct {
	name string
	argv []string
	wall []time.Duration
	cpu  []time.Duration
}

func main() {
	rounds := 100
	if len(os.Args) > 1 {
		if n, err := strconv.Atoi(os.Args[1]); err == nil && n > 0 {
			rounds = n
		}
	}
	if err := run(rounds); err != nil {
		fmt.Fprintln(os.Stderr, "cli:", err)
		os.Exit(1)
	}
}

func run(rounds int) error {
	dir, err := os.MkdirTemp("", "mythos-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	list, err := prepare(dir)
	if err != nil {
		return err
	}
	for range rounds {
		for _, c := range list {
			if err := c.measure(dir); err != nil {
				return err
			}
		}
	}
	base := list[0]
	fmt.Printf("%-28s %10s %10s %10s %10s %8s %8s\n", "", "wall min", "median", "cpu min", "median", "x wall", "x cpu")
	for _, c := range list {
		fmt.Printf("%-28s %10v %10v %10v %10v %8.2f %8.2f\n", c.name, least(c.wall), median(c.wall), least(c.cpu), median(c.cpu),
			ratio(least(c.wall), least(base.wall)), ratio(least(c.cpu), least(base.cpu)))
	}
	return nil
}

// prepare builds the programs, and what the commands need.
func prepare(dir string) ([]*command, error) {
	hello, mythos := filepath.Join(dir, "hello"), filepath.Join(dir, "mythos")
	for out, pkg := range map[string]string{hello: "./bench/cli/hello", mythos: "./cmd/mythos"} {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if msg, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w: %s", err, msg)
		}
		st, err := os.Stat(out)
		if err != nil {
			return nil, err
		}
		fmt.Printf("%s: %.1f MB\n", filepath.Base(out), float64(st.Size())/1e6)
	}
	small := filepath.Join(dir, "small")
	if err := os.WriteFile(small, []byte("hello\n"), 0o600); err != nil {
		return nil, err
	}
	for _, args := range [][]string{{"init"}, {"blob", "put", "small"}} {
		cmd := exec.Command(mythos, args...)
		cmd.Dir = dir
		if msg, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w: %s", err, msg)
		}
	}
	return []*command{
		{name: "hello version", argv: []string{hello, "version"}},
		{name: "mythos version", argv: []string{mythos, "version"}},
		{name: "mythos hash FILE", argv: []string{mythos, "hash", small}},
		{name: "mythos blob get CID", argv: []string{mythos, "blob", "get", "5891b5"}},
		{name: "mythos status", argv: []string{mythos, "status"}},
		{name: "mythos log", argv: []string{mythos, "log"}},
	}, nil
}

func (c *command) measure(dir string) error {
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	cmd.Dir = dir
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	c.wall = append(c.wall, time.Since(start))
	c.cpu = append(c.cpu, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	return nil
}

func least(d []time.Duration) time.Duration { return slices.Min(d).Round(10 * time.Microsecond) }

func median(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return s[len(s)/2].Round(10 * time.Microsecond)
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }
