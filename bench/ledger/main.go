//go:build linux

// Command ledger compares the ledger with the raw limits of the log device and of Ed25519, and with SQLite and
// PostgreSQL if they are installed.
//
//	go run ./bench/ledger -dir /var/tmp/bench
//	go run ./bench/ledger -dir /var/tmp/bench -rows growth -entries 10000000
//
// The rows that are compared run one after the other, several times over, and the median of the ratios within a round
// counts: they bear what else happens on the machine alike. Every rate is per second; every insert is durable, 400
// bytes with a unique key. See bench/ledger.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

type options struct {
	dir     string
	rounds  int
	seconds time.Duration
	entries int
}

// figure is how often something was done per second, and how much of our own processor time each one took (0: others'
// time).
type figure struct {
	rate float64
	cpu  time.Duration
}

// row measures one thing in its own folder.
type row struct {
	name string
	run  func(ctx context.Context, o options, dir string) (figure, error)
}

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", "", "folder for everything that is written; it is made and removed (required)")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds")
	flag.DurationVar(&o.seconds, "time", 2*time.Second, "time of each row in each round")
	flag.IntVar(&o.entries, "entries", 1_000_000, "entries of the ledger that verify and growth make")
	rows := flag.String("rows", "rates", "rates, verify, growth, or some of them separated by commas")
	flag.Parse()
	if o.dir == "" {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(context.Background(), o, strings.Split(*rows, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "ledger:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, rows []string) error {
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(o.dir)
	fmt.Printf("%d processors, %s/%s, %s\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	for _, name := range rows {
		f, ok := map[string]func(context.Context, options) error{"rates": rates, "verify": verify, "growth": growth}[name]
		if !ok {
			return fmt.Errorf("no rows %q", name)
		}
		if err := f(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// rates measures what can be done per second, and prints the ratios that the goals are about.
func rates(ctx context.Context, o options) error {
	got, cpu := map[string][]float64{}, map[string][]float64{}
	for round := range o.rounds {
		for i, r := range append(ours(), peers()...) {
			dir := filepath.Join(o.dir, fmt.Sprintf("%d-%d", round, i))
			if err := os.MkdirAll(dir, 0o777); err != nil {
				return err
			}
			f, err := r.run(ctx, o, dir)
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			got[r.name] = append(got[r.name], f.rate)
			cpu[r.name] = append(cpu[r.name], float64(f.cpu))
		}
	}
	for _, r := range append(ours(), peers()...) {
		fmt.Printf("%-44s %10.0f /s %12v of processors\n", r.name, median(got[r.name]), time.Duration(median(cpu[r.name])).Round(100))
	}
	ratio := func(what, a, b string, scale float64) {
		ratioOf(got, what, a, b, scale)
	}
	ratio("unsigned entries of 64 callers, of raw group commit", unsigned64, group64, 1)
	ratio("unsigned entries of 64 callers, times PostgreSQL", unsigned64, postgres64, 1)
	ratio("unsigned entries of 64 callers, times SQLite in batches", unsigned64, sqliteBatch, 1)
	for _, x := range []struct{ callers, pairs string }{{"64", pairs64}, {"512", pairs512}} {
		ratio("signatures in pairs of "+x.callers+" callers, of crypto/ed25519's", x.pairs, signAll, 3)
		ratio("signatures in pairs of "+x.callers+" callers, of object/sign's", x.pairs, ownSignAll, 3)
		ratioOf(cpu, "three signatures, of a pair of "+x.callers+", by processor time", signAll, x.pairs, 3)
		ratioOf(cpu, "the same, by object/sign", ownSignAll, x.pairs, 3)
	}
	ratio("a pair of 1 caller, in raw syncs (2 are needed)", raw1, pairs1, 1)
	return nil
}

// ratioOf prints the median of the ratios of two rows, round by round.
func ratioOf(of map[string][]float64, what, a, b string, scale float64) {
	if len(of[a]) == 0 || len(of[b]) == 0 {
		return
	}
	var list []float64
	for i := range of[a] {
		list = append(list, scale*of[a][i]/of[b][i])
	}
	fmt.Printf("%-64s %6.2f\n", what, median(list))
}

func median(list []float64) float64 {
	list = slices.Clone(list)
	slices.Sort(list)
	return list[len(list)/2]
}
