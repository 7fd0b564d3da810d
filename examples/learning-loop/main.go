// Command learning-loop runs the three layers of adaptation on real data, day by day:
// files of the Go distribution arrive as evidence, and each layer learns to say which
// package a file belongs to.
//
//	instant        a retrieval index knows the day's files at once, and can forget them;
//	               what was asked before is not asked again; packets to a peer are
//	               compressed with a codebook tuned to what was sent
//	fast           a model trained on that day's files alone, from the one in ring 0, goes
//	               into ring 0 and no further
//	consolidation  every other day a model trained on everything, measured with a stronger
//	               suite, is promoted ring by ring
//
// All of it happens through the command line of mythos: every step is an effect with a
// receipt, and `mythos why ring1` shows what the model in ring 1 rests on. What each
// layer gets right on files that none of them has seen is plotted, step by step, to
// learning-loop.svg.
//
//	go run ./examples/learning-loop -at /tmp/learning-loop
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
)

type options struct {
	at     string
	mythos string
	days   int
	perDay int // files of each package
}

func main() {
	var o options
	flag.StringVar(&o.at, "at", "", "the folder to work in; a new temporary one by default")
	flag.StringVar(&o.mythos, "mythos", "", "the mythos binary; built from this repository by default")
	flag.IntVar(&o.days, "days", 6, "days, 2 to 20")
	flag.IntVar(&o.perDay, "files", 2, "files of each package that arrive in a day")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "learning-loop:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.days < 2 || o.days > 20 || o.perDay < 1 {
		return errors.New("2 to 20 days, and at least 1 file a day")
	}
	l, err := open(ctx, o)
	if err != nil {
		return err
	}
	if err := l.prepare(ctx); err != nil {
		return err
	}
	fmt.Printf("%-4s %9s %9s %9s %9s %9s   accuracy on %d files that no layer has seen; saved calls and bytes of packets\n",
		"day", "instant", "ring 0", "ring 1", "calls", "packets", len(l.data.held))
	for day := 1; day <= o.days; day++ {
		if err := l.day(ctx, day); err != nil {
			return fmt.Errorf("day %d: %w", day, err)
		}
		p := l.points[day-1]
		fmt.Printf("%-4d %9.3f %9.3f %9.3f %9.3f %9.3f   %s\n", day, p.instant, p.fast, p.consolidated, p.again, p.smaller, p.note)
	}
	if err := l.undo(ctx); err != nil {
		return err
	}
	picture := filepath.Join(l.dir, "learning-loop.svg")
	if err := os.WriteFile(picture, []byte(plot(l.points)), 0o600); err != nil {
		return err
	}
	fmt.Println(picture)
	if l.models[1] == "" {
		return nil // too little evidence for ring 1's policy
	}
	why, err := l.mythos(ctx, "why", "ring1", "--svg")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(l.dir, "why.svg"), []byte(why), 0o600); err != nil {
		return err
	}
	fmt.Println(filepath.Join(l.dir, "why.svg"))
	return nil
}

// open makes the folder, and builds what is missing.
func open(ctx context.Context, o options) (*loop, error) {
	if o.at == "" {
		dir, err := os.MkdirTemp("", "learning-loop-")
		if err != nil {
			return nil, err
		}
		o.at = dir
	}
	dir, err := filepath.Abs(o.at)
	if err == nil {
		err = os.MkdirAll(filepath.Join(dir, "bin"), 0o755)
	}
	if err != nil {
		return nil, err
	}
	l := &loop{dir: dir, bin: o.mythos, days: o.days, models: map[int]string{}}
	const module = "github.com/mythos-project/mythos/"
	builds := map[string]string{"linear": module + "tools/linear", "subject": module + "examples/learning-loop/subject"}
	if l.bin == "" {
		builds["mythos"] = module + "cmd/mythos"
		l.bin = filepath.Join(dir, "bin", "mythos")
	}
	for name, pkg := range builds {
		cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "bin", name), pkg)
		if msg, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go build %s: %w: %s", pkg, err, msg)
		}
	}
	l.data, err = goFiles(ctx, o.days, o.perDay)
	return l, err
}
