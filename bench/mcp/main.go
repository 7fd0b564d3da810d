// Command mcp measures the cost of what stands between an MCP client and a server: mythos mcp wrap, compared with no
// proxy, with the executor alone, and with proxies from npm (bench/mcp.md). The server is this program itself; it does
// nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	mythos := flag.String("mythos", "./mythos", "the binary")
	npm := flag.String("npm", ".ci/npm", "where make mcp has put packages; without it there are no proxies to compare with")
	rows := flag.String("rows", "calls,many,list,start,proxies", "what is measured")
	rounds := flag.Int("n", 9, "rounds of each")
	tools := flag.Int("tools", 10000, "tools of the server whose list is asked for")
	serving := flag.Int("serve", 0, "be the server, with so many tools")
	listen := flag.String("listen", "", "and serve over HTTP at this address")
	flag.Parse()
	var err error
	switch {
	case *listen != "":
		err = serveWeb(*listen, *serving)
	case *serving > 0:
		err = serveLines(*serving)
	default:
		err = run(*mythos, *npm, strings.Split(*rows, ","), *rounds, *tools)
	}
	if err != nil {
		log.Fatal("mcp: ", err)
	}
}

func serveWeb(address string, tools int) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "listening on http://%s\n", l.Addr())
	return http.Serve(l, newCatalogue(tools))
}

// bench is a folder with two equal repositories: in one the executor is called directly, in the other it stands between
// a client and the server.
type bench struct {
	mythos, npm, self, dir string
	rounds, tools          int
}

func run(mythos, npm string, rows []string, rounds, tools int) error {
	program, err := filepath.Abs(mythos)
	if err != nil {
		return err
	}
	if npm, err = filepath.Abs(npm); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mythos-mcp-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{program, npm, self, dir, rounds, tools}
	for _, repo := range []string{"alone", "between"} {
		for _, args := range [][]string{{"init", "."}, {"mcp", "add", "s", "--unconfined", "--", self, "-serve", "2"},
			{"tool", "policy", "s.t00001", "--read"}, {"agent", "add", "scout", "--tools", "s.*"}} {
			if _, err := b.out(repo, args...); err != nil {
				return err
			}
		}
	}
	all := map[string]func(context.Context) error{"calls": b.calls, "many": b.many, "list": b.list, "start": b.start, "proxies": b.proxies}
	for _, row := range rows {
		measure, ok := all[row]
		if !ok {
			return fmt.Errorf("-rows %s: there is no such row", row)
		}
		if err := measure(context.Background()); err != nil {
			return fmt.Errorf("%s: %w", row, err)
		}
	}
	return nil
}

func (b *bench) repo(name string) string { return filepath.Join(b.dir, name) }

// out returns the output of a command.
func (b *bench) out(repo string, args ...string) (string, error) {
	c := exec.Command(b.mythos, append([]string{"-q"}, args...)...)
	c.Dir = b.repo(repo)
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return "", err
	}
	var says strings.Builder
	c.Stderr = &says
	raw, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("mythos %s: %w: %s", strings.Join(args, " "), err, says.String())
	}
	return strings.TrimSpace(string(raw)), nil
}

// timed returns how long something takes.
func timed(what func() error) (time.Duration, error) {
	began := time.Now()
	err := what()
	return time.Since(began), err
}

// p50 returns the median of n times.
func p50(n int, what func() error) (time.Duration, error) {
	var all []time.Duration
	for range n {
		took, err := timed(what)
		if err != nil {
			return 0, err
		}
		all = append(all, took)
	}
	return median(all), nil
}

func median[T time.Duration | float64](all []T) T {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// turns measures several things in turns, once per round. The first round is not counted.
func (b *bench) turns(all []func() (time.Duration, error)) ([][]time.Duration, error) {
	times := make([][]time.Duration, len(all))
	for round := range b.rounds + 1 {
		for i, one := range all {
			took, err := one()
			if err != nil {
				return nil, err
			}
			if round > 0 {
				times[i] = append(times[i], took)
			}
		}
	}
	return times, nil
}

// say prints the ratios of the rounds: their median, minimum and maximum.
func say(what string, goal string, rounds int, ratio func(round int) float64) {
	var all []float64
	for i := range rounds {
		all = append(all, ratio(i))
	}
	fmt.Printf("%-62s %6.2f (%.2f to %.2f)  goal %s\n", what, median(all), slices.Min(all), slices.Max(all), goal)
}

func times(what string, all []time.Duration) {
	fmt.Printf("  %-60s %10v (median)\n", what, median(all).Round(time.Microsecond))
}

// closing closes clients, and adds their errors.
func closing(err *error, all ...client) {
	for _, c := range all {
		*err = errors.Join(*err, c.close())
	}
}
