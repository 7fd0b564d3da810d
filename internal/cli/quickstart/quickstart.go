package quickstart

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

type options struct {
	Dir   string
	At    string
	Files int
}

// New is `mythos quickstart`.
func New(f *cmdutil.Factory) *cobra.Command {
	o := &options{}
	c := &cobra.Command{
		Use: "quickstart [--dir DIR] [--at FOLDER]", Short: "Run the whole loop on real files, step by step",
		Long: "Two executors with identities of their own: blobs and proofs, capabilities, signed packets, 600 keyed effects, refusals,\n" +
			"episodes, a dataset that rebuilds elsewhere, training, promotion, rollback. Every command that it shows works when pasted.\n" +
			"What it made is kept. Interrupted or killed, it goes on when it is given the same --at again: no effect happens twice.",
		Example: "  mythos quickstart", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return run(c.Context(), f, o) },
	}
	c.Flags().StringVar(&o.Dir, "dir", "", "the directory to work on; the Go toolchain's own sources by default")
	c.Flags().StringVar(&o.At, "at", "", "the folder to work in; a new temporary one by default")
	c.Flags().IntVar(&o.Files, "files", 600, "how many files to call a tool on, 20 to 5000")
	return f.Returns(c, results)
}

func run(ctx context.Context, f *cmdutil.Factory, o *options) error {
	if o.Files < 20 || o.Files > 5000 {
		return clierr.Usagef("--files is 20 to 5000")
	}
	started := time.Now()
	src, err := source(ctx, o.Dir)
	if err != nil {
		return err
	}
	t, err := prepare(f, o.At)
	if err != nil {
		return err
	}
	l := &loop{tour: t, src: src, files: o.Files}
	t.say("The input is %s. Everything is kept in %s.", src, t.dir)
	t.say("To paste a command, first: cd %s && export PATH=\"$PWD:$PATH\"", t.dir)
	for _, part := range []func(context.Context) error{l.identities, l.blobs, l.capabilities, l.packets, l.effects, l.refusals, l.datasets, l.models} {
		if err := part(ctx); err != nil {
			return t.failure(err)
		}
	}
	t.part("✓", "done")
	t.fact("%d commands in %.1f s; everything is kept in %s", t.step, time.Since(started).Seconds(), t.dir)
	return nil
}

// source finds the directory to work on.
func source(ctx context.Context, dir string) (string, error) {
	if dir == "" {
		out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		if err != nil {
			return "", clierr.New(clierr.NotFound, "no Go toolchain: %w", err).With("name another directory of text files with --dir")
		}
		dir = filepath.Join(strings.TrimSpace(string(out)), "src")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if st, err := os.Stat(abs); err != nil || !st.IsDir() {
		return "", clierr.New(clierr.NotFound, "%s is no directory", abs).On(abs)
	}
	return filepath.EvalSymlinks(abs)
}

// prepare makes the folder and puts this binary into it, so that pasted commands
// find it.
func prepare(f *cmdutil.Factory, at string) (*tour, error) {
	var err error
	if at == "" {
		at, err = os.MkdirTemp("", "mythos-quickstart-")
	} else {
		err = os.MkdirAll(at, 0o755)
	}
	if err != nil {
		return nil, err
	}
	if at, err = filepath.Abs(at); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(at, "mythos")
	if err := copyFile(self, bin); err != nil {
		return nil, fmt.Errorf("copy %s: %w", self, err)
	}
	return &tour{f: f, dir: at, bin: bin}, nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	tmp := to + ".new"
	out, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(tmp, to)
}

// freeAddr is a loopback address that nobody listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func waitFor(ctx context.Context, addr string) error {
	var err error
	for range 200 {
		var res *http.Response
		req, rerr := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/healthz", nil)
		if rerr != nil {
			return rerr
		}
		if res, err = http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(25 * time.Millisecond):
		}
	}
	return err
}
