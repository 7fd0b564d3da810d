// Command gate compares calls that a server records with calls that are recorded here, and measures what a server needs
// for callers that wait for one key (bench/gate.md). Caller and server are processes of the same program on this
// machine.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	mythos := flag.String("mythos", "mythos", "the program")
	rounds := flag.Int("rounds", 15, "pairs that are compared")
	batch := flag.Int("batch", 256, "calls of each batch")
	waiters := flag.Int("waiters", 5000, "callers that wait for one key; 0: none")
	flag.Parse()
	if err := run(*mythos, *rounds, *batch, *waiters); err != nil {
		log.Fatal(err)
	}
}

func run(name string, rounds, batch, waiters int) error {
	found, err := exec.LookPath(name)
	if err != nil {
		return err
	}
	program, err := filepath.Abs(found)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mythos-gate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{program: program, dir: dir}
	server, err := b.setUp()
	if err != nil {
		return err
	}
	defer server.stop()
	b.at = server.url
	if rounds > 0 {
		err = errors.Join(b.calls(rounds), b.batches(rounds, batch))
	}
	if err != nil || waiters == 0 {
		return err
	}
	return b.waiting(server, waiters)
}

// bench is a folder with the repositories "far", which serves, "near", whose calls are recorded there, and "here",
// whose calls are recorded in it.
type bench struct{ program, dir, at string }

func (b *bench) mythos(repo string, args ...string) *exec.Cmd {
	c := exec.Command(b.program, append([]string{"-q"}, args...)...)
	c.Dir = filepath.Join(b.dir, repo)
	return c
}

// out returns the output of a command.
func (b *bench) out(repo string, args ...string) (string, error) {
	c := b.mythos(repo, args...)
	var says strings.Builder
	c.Stderr = &says
	raw, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("mythos %s: %w: %s", strings.Join(args, " "), err, says.String())
	}
	return strings.TrimSpace(string(raw)), nil
}

// hold is a tool that ends when a file exists.
const hold = "#!/bin/sh\nuntil test -e \"$(dirname \"$0\")/go\"; do sleep 0.05; done\n"

func (b *bench) setUp() (*server, error) {
	script := filepath.Join(b.dir, "hold")
	if err := os.WriteFile(script, []byte(hold), 0o755); err != nil {
		return nil, err
	}
	for _, repo := range []string{"far", "near", "here"} {
		if _, err := b.out("", "init", repo); err != nil {
			return nil, err
		}
	}
	for _, repo := range []string{"near", "here"} {
		key, err := b.out(repo, "key", "export")
		if err != nil {
			return nil, err
		}
		for tool, command := range map[string]string{"null": "true", "hold": script} {
			if err := b.tool(repo, key, tool, command); err != nil {
				return nil, err
			}
		}
	}
	return b.serve()
}

// tool registers a tool, and lets the repository's identity call it where its calls are recorded.
func (b *bench) tool(repo, key, name, command string) error {
	id, err := b.out(repo, "tool", "add", name, "--unconfined", "--process", command)
	if err != nil {
		return err
	}
	issuer := map[string]string{"near": "far", "here": "here"}[repo]
	made, err := b.out(issuer, "cap", "issue", "--to", key, "--scope", "tool.call:"+id, "--ttl", "1d")
	if err != nil {
		return err
	}
	return b.hand(issuer, repo, made)
}

// hand copies a capability from one repository to another.
func (b *bench) hand(from, to, id string) error {
	text, err := b.out(from, "cap", "export", id)
	if err != nil {
		return err
	}
	c := b.mythos(to, "cap", "import", "-")
	c.Stdin = strings.NewReader(text)
	return c.Run()
}

// server is the process that serves far.
type server struct {
	cmd *exec.Cmd
	url string
}

func (b *bench) serve() (*server, error) {
	// Each waiting caller needs a file descriptor.
	c := exec.Command("sh", "-c", `ulimit -n 20000; exec "$0" serve --listen 127.0.0.1:0 --rate 1000000`, b.program)
	c.Dir = filepath.Join(b.dir, "far")
	says, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		return nil, err
	}
	s := &server{cmd: c}
	lines := bufio.NewScanner(says)
	for lines.Scan() {
		if _, url, found := strings.Cut(lines.Text(), "serves on "); found {
			s.url = url
			go io.Copy(io.Discard, says)
			return s, nil
		}
	}
	return nil, errors.Join(errors.New("the server does not serve"), c.Wait())
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	_ = s.cmd.Wait()
}

// timed runs a command of a repository to its end.
func (b *bench) timed(repo, stdin string, args ...string) (time.Duration, error) {
	c := b.mythos(repo, args...)
	c.Stdin = strings.NewReader(stdin)
	var says strings.Builder
	c.Stderr = &says
	begin := time.Now()
	err := c.Run()
	if err != nil {
		err = fmt.Errorf("mythos %s: %w: %s", strings.Join(args, " "), err, says.String())
	}
	return time.Since(begin), err
}

// calls compares one call per process, including its start.
func (b *bench) calls(rounds int) error {
	return b.compare(rounds, "one call, a process each", 1, func(round int) (string, []string) {
		return "", []string{"call", "null", "--key", fmt.Sprint("k", round)}
	})
}

// batches compares 64 callers.
func (b *bench) batches(rounds, n int) error {
	return b.compare(rounds, "64 callers", n, func(round int) (string, []string) {
		var lines strings.Builder
		for i := range n {
			fmt.Fprintf(&lines, "{\"key\":\"b%d-%d\"}\n", round, i)
		}
		return lines.String(), []string{"call", "null", "--batch", "-", "--parallel", "64", "--json"}
	})
}

// compare runs a command here and elsewhere in turn, and prints the medians and the median of the ratios.
func (b *bench) compare(rounds int, what string, n int, command func(round int) (stdin string, args []string)) error {
	var here, there []time.Duration
	var ratios []float64
	for round := range rounds + 1 {
		stdin, args := command(round)
		h, err := b.timed("here", stdin, args...)
		if err != nil {
			return err
		}
		t, err := b.timed("near", stdin, append(args, "--at", b.at)...)
		if err != nil {
			return err
		}
		if round > 0 { // the first round warms up
			here, there, ratios = append(here, h), append(there, t), append(ratios, t.Seconds()/h.Seconds())
		}
	}
	fmt.Printf("%-26s here %8.2f ms a call   elsewhere %8.2f ms a call   ratio of times %.2f, of rates %.2f\n", what,
		ms(median(here), n), ms(median(there), n), median(ratios), 1/median(ratios))
	return nil
}

func ms(d time.Duration, n int) float64 { return float64(d.Microseconds()) / 1000 / float64(n) }

func median[T int64 | float64 | time.Duration](list []T) T {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}
