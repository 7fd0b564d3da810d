package toolcmd

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/tools"
)

func newBuild(f *cmdutil.Factory) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "build NAME [-o FILE]", Short: "Build one of the shipped tools to a wasm module, with the Go installed here",
		Long: "The sources of " + strings.Join(tools.Names(), ", ") + " are part of this binary. The same toolchain gives the same bytes.\n" +
			"wordvec, which embeds texts, is included as a module and needs no Go.",
		Example: "  mythos tool build textstat -o textstat.wasm",
		Args:    cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				out = args[0] + ".wasm"
			}
			return runBuild(c.Context(), f, args[0], out)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "the module; NAME.wasm by default")
	return c
}

func runBuild(ctx context.Context, f *cmdutil.Factory, name, out string) error {
	module := tools.Module(name)
	if module == nil {
		var err error
		if module, err = compiled(ctx, name); err != nil {
			return err
		}
	}
	if err := f.Write(out, module); err != nil || out == "-" {
		return err
	}
	f.IO.Notef("built %s", out)
	return f.Emit(built{out}, func() { fmt.Fprintln(f.IO.Out, out) })
}

// compiled is the module that the installed Go compiles from a tool's sources.
func compiled(ctx context.Context, name string) ([]byte, error) {
	files, err := tools.Files(name)
	if err != nil {
		return nil, clierr.New(clierr.NotFound, "no shipped tool %q", name).With("one of: " + strings.Join(append(tools.Names(), "wordvec"), ", "))
	}
	dir, err := os.MkdirTemp("", "mythos-build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(tools.GoMod), 0o600); err != nil {
		return nil, err
	}
	for _, file := range files {
		data, err := fs.ReadFile(tools.Sources(), file)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), data, 0o600); err != nil {
			return nil, err
		}
	}
	made := filepath.Join(dir, "module.wasm")
	cmd := exec.CommandContext(ctx, "go", tools.BuildArgs(made)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), tools.BuildEnv()...)
	if msg, err := cmd.CombinedOutput(); err != nil {
		return nil, clierr.New(clierr.Tool, "go build: %w: %s", err, msg).With("the shipped tools are built with Go; see https://go.dev/dl")
	}
	return os.ReadFile(made)
}
