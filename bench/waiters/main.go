// Command waiters measures how soon those who wait for an effect get its answer: how long after the commit was signed
// the first byte of their output comes, and how long after that they have ended. For comparison, the same number of
// processes only wait for a lock.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mythos-project/mythos/internal/flock"
)

const floorVar = "WAITERS_FLOOR" // names the file that a process of the comparison locks

func main() {
	log.SetFlags(0)
	if file := os.Getenv(floorVar); file != "" {
		floorWaiter(file)
		return
	}
	n := flag.Int("n", 100, "waiters")
	mythos := flag.String("mythos", "mythos", "the program")
	flag.Parse()
	program, err := exec.LookPath(*mythos)
	if err == nil {
		program, err = filepath.Abs(program)
	}
	if err == nil {
		err = floor(*n)
	}
	if err == nil {
		err = measure(program, *n)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// waiter is one waiting process, and the times of its steps.
type waiter struct {
	cmd     *exec.Cmd
	waiting chan struct{} // closed when it reports that it waits
	answer  time.Time
	end     time.Time
}

// begin starts a waiter and returns when it waits.
func begin(cmd *exec.Cmd, done *sync.WaitGroup) (*waiter, error) {
	w := &waiter{cmd: cmd, waiting: make(chan struct{})}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	errOut, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	done.Go(func() {
		var said sync.WaitGroup
		said.Go(func() {
			for lines := bufio.NewScanner(errOut); lines.Scan(); {
				if strings.HasPrefix(lines.Text(), "waiting") {
					close(w.waiting)
				}
			}
		})
		one := make([]byte, 1)
		_, _ = out.Read(one)
		w.answer = time.Now()
		_, _ = io.Copy(io.Discard, out)
		said.Wait()
		_ = cmd.Wait()
		w.end = time.Now()
	})
	<-w.waiting
	return w, nil
}

func begins(n int, done *sync.WaitGroup, command func() *exec.Cmd) ([]*waiter, error) {
	list := make([]*waiter, n)
	for i := range list {
		var err error
		if list[i], err = begin(command(), done); err != nil {
			return nil, err
		}
	}
	time.Sleep(time.Second) // from the report to the waiting itself
	return list, nil
}

func report(what string, since time.Time, list []*waiter) {
	var answers, ends []time.Duration
	for _, w := range list {
		answers, ends = append(answers, w.answer.Sub(since)), append(ends, w.end.Sub(since))
	}
	slices.Sort(answers)
	slices.Sort(ends)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	fmt.Printf("%-8s %d waiters: answer first %.1f ms, median %.1f ms, last %.1f ms; ended median %.1f ms, last %.1f ms\n", what, len(list),
		ms(answers[0]), ms(answers[len(answers)/2]), ms(answers[len(answers)-1]), ms(ends[len(ends)/2]), ms(ends[len(ends)-1]))
}

// measure makes n processes wait for one that runs a tool.
func measure(mythos string, n int) error {
	dir, err := os.MkdirTemp("", "waiters-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	run := func(args ...string) ([]byte, error) {
		c := exec.Command(mythos, args...)
		c.Dir = dir
		out, err := c.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("mythos %s: %w: %s", strings.Join(args, " "), err, out)
		}
		return out, err
	}
	for _, line := range [][]string{{"init", "-q"}, {"tool", "add", "wait", "--unconfined", "--process", "sh", "-c", ": >began; while [ ! -e go ]; do sleep 0.01; done; echo answer"},
		{"cap", "issue", "-q", "--scope", "tool.call:wait", "--ttl", "1h"}} {
		if _, err := run(line...); err != nil {
			return err
		}
	}
	command := func() *exec.Cmd {
		c := exec.Command(mythos, "call", "wait", "--key", "k")
		c.Dir = dir
		return c
	}
	holder := command()
	if err := holder.Start(); err != nil {
		return err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "began")); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	var done sync.WaitGroup
	list, err := begins(n, &done, command)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		return err
	}
	if err := holder.Wait(); err != nil {
		return err
	}
	done.Wait()
	out, err := run("ledger", "show", "k", "--tool", "wait", "--json")
	if err != nil {
		return err
	}
	since, err := committed(out)
	if err == nil {
		report("mythos", since, list)
	}
	return err
}

// committed returns when the commit of an effect was signed.
func committed(state []byte) (at time.Time, err error) {
	var s struct {
		History []struct {
			Kind  string
			Entry json.RawMessage
		}
	}
	if err := json.Unmarshal(state, &s); err != nil {
		return at, err
	}
	for _, e := range s.History {
		if e.Kind == "commit" {
			m := regexp.MustCompile(`"time_observed":"([^"]+)"`).FindSubmatch(e.Entry)
			if m == nil {
				return at, fmt.Errorf("no time in %s", e.Entry)
			}
			return time.Parse(time.RFC3339Nano, string(m[1]))
		}
	}
	return at, fmt.Errorf("no commit in %s", state)
}

// floor makes n processes wait for a lock.
func floor(n int) error {
	file, err := os.CreateTemp("", "waiters-floor-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := flock.Exclusive(file); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var done sync.WaitGroup
	list, err := begins(n, &done, func() *exec.Cmd {
		c := exec.Command(self)
		c.Env = append(os.Environ(), floorVar+"="+file.Name())
		return c
	})
	if err != nil {
		return err
	}
	since := time.Now()
	if err := flock.Unlock(file); err != nil {
		return err
	}
	done.Wait()
	report("a lock", since, list)
	return nil
}

func floorWaiter(name string) {
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintln(os.Stderr, "waiting")
	if err := flock.Shared(file); err != nil {
		log.Fatal(err)
	}
	fmt.Println("answer")
}
