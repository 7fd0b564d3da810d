package objectcmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object/sign"
)

// NewObject is `mythos object`.
func NewObject(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("object", "Canonical objects in the repository", newPut(f), newGet(f)), objectResults)
}

func newPut(f *cmdutil.Factory) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use: "put --struct NAME FILE...", Short: "Store verified canonical objects; prints one hash per line",
		Long:    "Form, field rules, id and signature are checked before anything is stored. The signer need not be trusted.",
		Example: "  mythos object put --struct Receipt receipt.bin", Args: cmdutil.Args(1, -1),
		RunE: func(c *cobra.Command, args []string) error { return runPut(c.Context(), f, name, args) },
	}
	c.Flags().StringVar(&name, "struct", "", "the struct that the files hold (required)")
	return c
}

func runPut(ctx context.Context, f *cmdutil.Factory, name string, files []string) error {
	if name == "" {
		return clierr.Usagef("--struct is required")
	}
	s, err := structNamed(name)
	if err != nil {
		return err
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	for _, file := range files {
		raw, err := f.Read(file)
		if err != nil {
			return err
		}
		if err := s.Check(raw); err != nil {
			return invalid(file, err)
		}
		if err := sign.VerifyOwn(s.Rule, raw); err != nil {
			return invalid(file, err)
		}
		id, err := n.Transfer.KeepObject(ctx, s, raw)
		if err != nil {
			return fmt.Errorf("put %s: %w", file, err)
		}
		if err := f.Emit(hashLine{id, file}, func() { f.IO.Printf("%s\n", id) }); err != nil {
			return err
		}
	}
	return nil
}

func newGet(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "get HASH", Short: "Write an object's canonical bytes", Example: "  mythos object get 3f9c01 | mythos decode --struct Receipt",
		Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			_, raw, err := find(c.Context(), f, args[0])
			if err != nil {
				return err
			}
			_, err = f.IO.Out.Write(raw)
			return err
		},
	}
}

// find returns an object, receipt, blob reference or node, and its kind.
func find(ctx context.Context, f *cmdutil.Factory, name string) (string, []byte, error) {
	n, err := f.Repo(ctx)
	if err != nil {
		return "", nil, err
	}
	id, err := f.Resolve(ctx, name)
	if err != nil {
		return "", nil, err
	}
	return n.Find.Object(ctx, id)
}
