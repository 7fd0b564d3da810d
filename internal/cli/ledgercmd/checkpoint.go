package ledgercmd

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger/mlog"
)

func newCheckpoint(f *cmdutil.Factory) *cobra.Command {
	var since string
	c := &cobra.Command{
		Use: "checkpoint [--since N|FILE]", Short: "Print a signed checkpoint to publish, or with --since a request to a witness",
		Long: "A checkpoint is a C2SP signed note. With --since, it comes with the proof that the log begins with its first N\n" +
			"entries (or with those of the checkpoint in FILE), as a C2SP tlog-witness request for `mythos ledger cosign`.",
		Example: "  mythos ledger checkpoint > checkpoint.txt\n  mythos ledger checkpoint --since checkpoint.txt > request.txt", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runCheckpoint(c.Context(), f, since) },
	}
	c.Flags().StringVar(&since, "since", "", "what the witness cosigned last: a number of entries, or a file with that checkpoint")
	return c
}

func runCheckpoint(ctx context.Context, f *cmdutil.Factory, since string) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	var text []byte
	if since == "" {
		text, err = n.Ledger.Checkpoint(ctx)
	} else {
		text, err = witnessRequest(ctx, f, n, since)
	}
	if err != nil {
		return err
	}
	if !f.JSON {
		return f.Write("", text)
	}
	c, err := checkpointIn(text, n)
	if err != nil {
		return err
	}
	return f.Emit(checkpointView{c.Origin, c.Size, hex.EncodeToString(c.Root[:]), string(text)}, nil)
}

// checkpointIn finds the checkpoint in a text that may be a witness request, where it follows the first blank line.
func checkpointIn(text []byte, n *repo.Repo) (mlog.Checkpoint, error) {
	c, err := mlog.OpenCheckpoint(text, n.Self())
	if err != nil {
		if _, rest, found := bytes.Cut(text, []byte("\n\n")); found {
			return mlog.OpenCheckpoint(rest, n.Self())
		}
	}
	return c, err
}

func witnessRequest(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, since string) ([]byte, error) {
	if size, err := strconv.ParseUint(since, 10, 62); err == nil {
		return n.Ledger.WitnessRequest(ctx, size)
	}
	data, err := f.ReadText(since)
	if err != nil {
		return nil, err
	}
	old, err := mlog.OpenCheckpoint(data, n.Self())
	if err == nil {
		err = n.Ledger.CheckConsistent(ctx, old)
	}
	if err != nil {
		return nil, clierr.New(clierr.Invalid, "%s: %w", since, err).On(since)
	}
	return n.Ledger.WitnessRequest(ctx, old.Size)
}

func newCosign(f *cmdutil.Factory) *cobra.Command {
	var of, out string
	c := &cobra.Command{
		Use: "cosign FILE --log AGENT [-o FILE]", Short: "As a witness, cosign another agent's checkpoint if its log only grew",
		Long: "FILE is what the other side printed with `mythos ledger checkpoint` the first time, and with `--since` from then\n" +
			"on. The last cosigned checkpoint is remembered here. A log that does not begin with it is refused (5). If the\n" +
			"request does not prove this, the error says what to start from (6). It prints the cosigned checkpoint, for\n" +
			"publication.",
		Example: "  mythos ledger cosign checkpoint.txt --log ci -o cosigned.txt", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runCosign(c.Context(), f, args[0], of, out) },
	}
	c.Flags().StringVar(&of, "log", "", "the agent whose log it is: a public key, or a name from trust.yaml")
	c.Flags().StringVarP(&out, "output", "o", "", "the file; standard output by default")
	return c
}

func runCosign(ctx context.Context, f *cmdutil.Factory, name, of, out string) error {
	if of == "" {
		return clierr.Usagef("--log is required: whose log is it?")
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	log, err := n.AgentNamed(of)
	if err != nil {
		return err
	}
	request, err := f.ReadText(name)
	if err != nil {
		return err
	}
	cosigned, err := mlog.NewWitness(n.DB, n.Key, f.Now).Cosign(ctx, log, request)
	var stale *mlog.StaleError
	switch {
	case errors.Is(err, mlog.ErrCheckpoint):
		return clierr.New(clierr.Invalid, "%s: %w", name, err).On(name)
	case errors.As(err, &stale):
		return clierr.New(clierr.Conflict, "%s: %w", name, err).On(name).With(fmt.Sprintf("ask the other side to run `mythos ledger checkpoint --since %d`", stale.Has))
	case err != nil:
		return err
	}
	return f.Write(out, cosigned)
}
