// Package quickstart demonstrates mythos on real files: it runs a shell script that is part of the binary, and shows
// each of its commands.
package quickstart

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

//go:embed tour.sh
var tour string

//go:embed full.sh
var full string

type options struct {
	At     string
	Print  bool
	Full   bool
	Source string
	Files  int
}

// New is `mythos quickstart`.
func New(f *cmdutil.Factory) *cobra.Command {
	o := &options{}
	c := &cobra.Command{
		Use: "quickstart [--at FOLDER] [--full [--dir DIR]]", Short: "Show what mythos does, step by step, in a folder of its own",
		Long: "Shows each command and runs it: a deploy that happens once, an agent with a capability, evidence for others, a\n" +
			"large file and a proof, a dataset. It takes a few seconds and needs sh, but neither Go nor a network. You can\n" +
			"paste each line after \"$ \" into a shell. --full goes further, on Go's own files: two repositories, packets, 600\n" +
			"effects, training, promotion, rollback. It needs Go and a minute. After an interrupt, give the same --at to\n" +
			"continue. One folder, named at the end, holds everything.",
		Example: "  mythos quickstart\n  mythos quickstart --print | less", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return run(c.Context(), f, o) },
	}
	c.Flags().StringVar(&o.At, "at", "", "the folder to work in, created if needed; by default a new temporary folder")
	c.Flags().BoolVar(&o.Print, "print", false, "print the script, a program for sh, and run nothing")
	c.Flags().BoolVar(&o.Full, "full", false, "the whole loop, from effects to a model in service")
	c.Flags().StringVar(&o.Source, "dir", "", "with --full: a directory with Go sources and tests; the Go toolchain's own by default")
	c.Flags().IntVar(&o.Files, "files", 600, "with --full: how many files to call a tool on, 60 to 5000")
	return f.Returns(c, results)
}

func run(ctx context.Context, f *cmdutil.Factory, o *options) error {
	steps, err := o.steps(ctx)
	if err != nil {
		return err
	}
	if o.Print {
		for _, s := range steps {
			f.IO.Text(s.text + s.command + "\n")
		}
		return nil
	}
	if _, err := exec.LookPath("sh"); err != nil {
		return clierr.New(clierr.NotFound, "%w", err).With("the quickstart is a script for sh: see `mythos quickstart --print`")
	}
	dir, err := o.folder()
	if err != nil {
		return err
	}
	kept := fmt.Sprintf("everything is in %s; to remove it: rm -r %s", dir, word(dir))
	path, err := pathTo(dir)
	if err != nil {
		return err
	}
	if path != "" {
		steps = append(script{{command: path}}, steps...)
	}
	steps = append(script{{text: "# All of this happens in " + dir}}, steps...)
	started := time.Now()
	if err := play(ctx, f, dir, steps); err != nil {
		if ctx.Err() != nil {
			f.IO.Notef("%s", kept)
		}
		return failure(err, dir, kept)
	}
	f.IO.Printf("\n%d commands in %.1f s. What they made is in %s\nTo remove it: rm -r %s\n", steps.commands(), time.Since(started).Seconds(), dir, word(dir))
	if !o.Full {
		f.IO.Printf("Next: mythos quickstart --full, or the tutorials in docs/tutorials\n")
	}
	return nil
}

// steps is the requested script, with the values that it needs.
func (o *options) steps(ctx context.Context) (script, error) {
	if !o.Full {
		if o.Source != "" || o.Files != 600 {
			return nil, clierr.Usagef("--dir and --files need --full")
		}
		return parse(tour), nil
	}
	if o.Files < 60 || o.Files > 5000 {
		return nil, clierr.Usagef("--files must be 60 to 5000")
	}
	src, err := source(ctx, o.Source)
	if err != nil {
		return nil, err
	}
	given := fmt.Sprintf("SRC=%s FILES=%d", word(src), o.Files)
	return append(script{{command: given}}, parse(full)...), nil
}

// folder makes the working folder. Only the whole loop can continue an earlier run.
func (o *options) folder() (string, error) {
	if o.At == "" {
		dir, err := os.MkdirTemp("", "mythos-quickstart-")
		if err != nil {
			return "", clierr.New(clierr.Failed, "%w", err).With("name a writable folder with --at, or with TMPDIR")
		}
		return dir, nil
	}
	if err := os.MkdirAll(o.At, 0o755); err != nil {
		return "", err
	}
	dir, err := filepath.Abs(o.At)
	if err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 && !o.Full {
		return "", clierr.New(clierr.Failed, "%s is not empty", dir).On(dir).With("name a new folder with --at, or none")
	}
	return dir, err
}

// pathTo is the command that lets a shell find this binary as mythos; empty if it already does.
func pathTo(dir string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if found, err := exec.LookPath("mythos"); err == nil && same(found, self) {
		return "", nil
	}
	if filepath.Base(self) == "mythos" {
		return "PATH=" + word(filepath.Dir(self)) + ":$PATH", nil
	}
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", err
	}
	if err := os.Symlink(self, filepath.Join(bin, "mythos")); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return "PATH=" + word(bin) + ":$PATH", nil
}

func same(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// play runs a script in dir, on the terminal of this process.
func play(ctx context.Context, f *cmdutil.Factory, dir string, steps script) error {
	cmd := exec.CommandContext(ctx, "sh", "-c", steps.playable(f.IO))
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stdout, os.Stderr
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "MYTHOS_") || strings.HasPrefix(kv, "MYTHOS_THEME=") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "MYTHOS_PAGER=cat")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	return cmd.Run()
}

// failure says what to do with the results up to a failed command.
func failure(err error, dir, kept string) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("the last command shown ended with exit code %d", exit.ExitCode())
	}
	return clierr.New(clierr.Failed, "%w", err).On(dir).With(kept)
}
