// Package quickstart is the command that runs the whole loop on real files: it
// types, as a person would, the commands that it shows, each in a process of its
// own, and reports what came of them.
package quickstart

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/ui"
)

// tour runs commands in one folder and tells about them.
type tour struct {
	f    *cmdutil.Factory
	dir  string // where everything happens
	bin  string // this binary
	step int
}

// part begins a part of the loop.
func (t *tour) part(letter, title string) {
	t.f.IO.Printf("\n%s  %s\n", t.f.IO.Paint(ui.Strong, letter), t.f.IO.Paint(ui.Strong, title))
}

// say explains something in a line of its own.
func (t *tour) say(format string, args ...any) {
	t.f.IO.Printf("   %s\n", fmt.Sprintf(format, args...))
}

// fact reports a figure that was measured.
func (t *tour) fact(format string, args ...any) {
	t.f.IO.Printf("   %s %s\n", t.f.IO.Paint(ui.Good, "→"), fmt.Sprintf(format, args...))
}

// run explains a command, shows it, runs it and returns its standard output
// without the last line end.
func (t *tour) run(ctx context.Context, why string, args ...string) (string, error) {
	out, code, err := t.exec(ctx, why, args)
	if err != nil {
		return "", err
	}
	if code != 0 {
		return "", fmt.Errorf("quickstart: `mythos %s` ended with exit code %d", quoted(args), code)
	}
	return strings.TrimSuffix(out, "\n"), nil
}

// refused runs a command that must end with the given exit code.
func (t *tour) refused(ctx context.Context, want int, why string, args ...string) error {
	_, code, err := t.exec(ctx, why, args)
	if err != nil {
		return err
	}
	if code != want {
		return fmt.Errorf("quickstart: `mythos %s` ended with exit code %d, expected %d", quoted(args), code, want)
	}
	t.fact("exit code %d, as it should be", code)
	return nil
}

// runJSON is run with --json; the output goes into v.
func (t *tour) runJSON(ctx context.Context, v any, why string, args ...string) error {
	out, err := t.run(ctx, why, append(args, "--json")...)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(out), v)
}

func (t *tour) exec(ctx context.Context, why string, args []string) (string, int, error) {
	t.step++
	t.f.IO.Printf("   %s\n   %s\n", why, t.f.IO.Paint(ui.Name, "$ mythos "+quoted(args)))
	cmd := t.command(ctx, args)
	var stdout, stderr bytes.Buffer
	cmd.Stdout = &stdout
	cmd.Stderr = &stderr
	if t.f.IO.ErrTTY { // progress shows on the terminal
		cmd.Stderr = io.MultiWriter(os.Stderr, &stderr)
		if len(args) > 2 && longRunning[args[2]] {
			cmd.Stderr = os.Stderr
		}
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if !t.f.IO.ErrTTY {
			for _, line := range strings.Split(strings.TrimSpace(stderr.String()), "\n") {
				t.say("%s", line)
			}
		}
		return stdout.String(), exit.ExitCode(), nil
	}
	return stdout.String(), 0, err
}

// longRunning are the verbs that show progress on a terminal of their own.
var longRunning = map[string]bool{"call": true, "score": true, "pull": true, "blob": true}

func (t *tour) command(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, t.bin, args...)
	cmd.Dir = t.dir
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "MYTHOS_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	return cmd
}

// start runs a server until the tour ends.
func (t *tour) start(ctx context.Context, why string, addr string, args ...string) (stop func(), err error) {
	t.f.IO.Printf("   %s\n   %s\n", why, t.f.IO.Paint(ui.Name, "$ mythos "+quoted(args)+" &"))
	cmd := t.command(ctx, args)
	var log bytes.Buffer
	cmd.Stderr = &log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
	if err := waitFor(ctx, addr); err != nil {
		stop()
		return nil, fmt.Errorf("quickstart: the server did not come up: %w: %s", err, log.String())
	}
	return stop, nil
}

// write puts a file into the folder and shows its text.
func (t *tour) write(name, text string) error {
	t.say("%s:", name)
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		t.f.IO.Printf("      %s\n", t.f.IO.Paint(ui.Dim, line))
	}
	return os.WriteFile(filepath.Join(t.dir, name), []byte(text), 0o644)
}

// quoted joins arguments so that a shell takes them apart again.
func quoted(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = a
		if a == "" || strings.ContainsAny(a, " \t\n'\"$&|;<>()*?[]#~`\\{}!") {
			out[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}

// failure names the folder that was kept.
func (t *tour) failure(err error) error {
	return clierr.New(clierr.Failed, "%w", err).On(t.dir).With("everything is kept in " + t.dir + "; run it again with --at " + t.dir)
}
