// Command blobs measures `mythos blob` side by side with the raw limits of the machine and with git, restic and borg,
// as far as they are installed.
//
//	go build -o /tmp/mythos ./cmd/mythos
//	go run ./bench/blobs -mythos /tmp/mythos -dir /var/tmp/bench
//
// Each row is measured in pairs: the limit and mythos (and the peers) one after the other, the order changing from pair
// to pair, each in a fresh store. The result is the median of the ratios, since other load on the machine affects both
// sides of a pair. Stores are removed at the end: freshly deleted files would slow down the creation of others.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// options of a run.
type options struct {
	mythos, dir, only string
	size              int64
	files, fileSize   int
	pairs             int
	peers             bool
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == "limit" {
		exit(limit(os.Args[2:]))
	}
	var o options
	flag.StringVar(&o.mythos, "mythos", "mythos", "the program to measure")
	flag.StringVar(&o.dir, "dir", "", "folder for everything that is written; it is made and removed (required)")
	flag.StringVar(&o.only, "only", "", "rows to measure, such as put,get; all by default")
	mib := flag.Int64("mib", 1024, "size of the large file, in MiB")
	flag.IntVar(&o.files, "files", 10_000, "number of small files")
	flag.IntVar(&o.fileSize, "file-size", 10<<10, "size of a small file, in bytes")
	flag.IntVar(&o.pairs, "pairs", 5, "pairs a row")
	flag.BoolVar(&o.peers, "peers", true, "measure git, restic and borg, too")
	flag.Parse()
	o.size = *mib << 20
	if o.dir == "" {
		flag.Usage()
		os.Exit(2)
	}
	exit(run(o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "blobs:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(o options) error {
	path, err := exec.LookPath(o.mythos)
	if err == nil {
		o.mythos, err = filepath.Abs(path)
	}
	if err != nil {
		return err
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	if err := os.Mkdir(o.dir, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(o.dir) //nolint:errcheck // what stays is seen
	b := &bench{options: o}
	if err := b.prepare(); err != nil {
		return err
	}
	fmt.Printf("%d pairs, %d MiB, %d files of %d bytes, %d processors, %s\n\n", o.pairs, o.size>>20, o.files, o.fileSize, runtime.NumCPU(), versions())
	fmt.Println("| | mythos | limit | ratio (lowest to highest) | goal | CPU, of the limit | memory | beside it |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	for _, r := range b.rows() {
		if o.only != "" && !slices.Contains(strings.Split(o.only, ","), r.name) {
			continue
		}
		if err := b.row(r); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

// row measures one row and prints it.
func (b *bench) row(r row) error {
	var limits, ours []taken
	peers := map[string][]taken{}
	for pair := range b.pairs {
		todo := []func() error{
			func() error { return b.take(&limits, r.limit, pair) },
			func() error { return b.take(&ours, r.ours, pair) },
		}
		if b.options.peers {
			for name, p := range r.peers {
				todo = append(todo, func() error {
					list := peers[name]
					defer func() { peers[name] = list }()
					return b.take(&list, p, pair)
				})
			}
		}
		if pair%2 == 1 {
			slices.Reverse(todo)
		}
		for _, do := range todo {
			if err := do(); err != nil {
				return err
			}
		}
	}
	fmt.Println(r.line(limits, ours, peers))
	return nil
}

func (r row) line(limits, ours []taken, peers map[string][]taken) string {
	ratios := over(ours, limits)
	cpu := func(list []taken) string { return seconds(median(each(list, func(t taken) float64 { return t.cpu }))) }
	goal := fmt.Sprintf("%.1f×", r.goal)
	if r.goalMS > 0 {
		goal = fmt.Sprintf("%d ms", r.goalMS)
	}
	var beside []string
	for name, list := range peers {
		beside = append(beside, fmt.Sprintf("%s %s (%.1f×)", name, seconds(medianOf(list)), median(over(list, ours))))
	}
	slices.Sort(beside)
	return fmt.Sprintf("| %s | %s | %s | %.2f× (%.2f to %.2f) | %s | %s, %s | %d MiB | %s |", r.title, seconds(medianOf(ours)), seconds(medianOf(limits)),
		median(ratios), slices.Min(ratios), slices.Max(ratios), goal,
		cpu(ours), cpu(limits), int(median(each(ours, func(t taken) float64 { return t.rss })))>>20,
		cmp.Or(strings.Join(beside, ", "), "-"))
}

// over returns the ratios of the times in each pair.
func over(a, b []taken) []float64 {
	list := make([]float64, len(a))
	for i := range a {
		list[i] = a[i].wall / b[i].wall
	}
	return list
}

func each(list []taken, of func(taken) float64) []float64 {
	values := make([]float64, len(list))
	for i, t := range list {
		values[i] = of(t)
	}
	return values
}

func medianOf(list []taken) float64 {
	return median(each(list, func(t taken) float64 { return t.wall }))
}

func median(list []float64) float64 {
	s := slices.Sorted(slices.Values(list))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

func seconds(s float64) string {
	if s < 0.2 {
		return fmt.Sprintf("%.1f ms", s*1000)
	}
	return fmt.Sprintf("%.2f s", s)
}

func versions() string {
	var list []string
	for _, args := range [][]string{{"git", "--version"}, {"restic", "version"}, {"borg", "--version"}} {
		if out, err := exec.Command(args[0], args[1:]...).Output(); err == nil {
			words := strings.Fields(string(out))
			list = append(list, strings.Join(words[:min(3, len(words))], " "))
		}
	}
	return strings.Join(list, ", ")
}
