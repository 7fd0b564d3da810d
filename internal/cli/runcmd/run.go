package runcmd

import (
	"context"
	"encoding/hex"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
)

type runOptions struct {
	File string
	Task string
	Caps []string

	NoMemo bool
	Redact string
	waitOptions
	atOption
}

// NewRun is `mythos run`.
func NewRun(f *cmdutil.Factory) *cobra.Command {
	o := &runOptions{}
	c := &cobra.Command{
		Use: "run BUNDLE|PACKET [--task ID] [--cap CAP]... [--json]", Short: "Run a task of a bundle; prints the result",
		Long: "A packet is accepted only if a trusted key signed it. With --json: receipts, trace, episode and the budget\n" +
			"spent. A task that can have no effects runs once: its result is reused for 30 days, unless --no-memo is given. A\n" +
			"packet can activate the capabilities that it carries; others need --cap.",
		Example: "  mythos asm examples/ir/hello.mir -o hello.bundle && mythos run hello.bundle",
		Args:    cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.File = args[0]
			return o.at(c.Context(), f, func() error { return runRun(c.Context(), f, o) })
		},
	}
	c.Flags().StringVar(&o.Task, "task", "", "the task to run; the first one by default")
	c.Flags().StringArrayVar(&o.Caps, "cap", nil, "a capability that the bundle may activate; may be repeated")
	c.Flags().BoolVar(&o.NoMemo, "no-memo", false, "run a task without effects again, even if its result is known")
	c.Flags().StringVar(&o.Redact, "redact", "", redactUsage)
	o.waitOptions.flags(c.Flags())
	o.atOption.flags(c.Flags())
	return f.Returns(c, runResults)
}

func runRun(ctx context.Context, f *cmdutil.Factory, o *runOptions) error {
	raw, err := f.Read(o.File)
	if err != nil {
		return err
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	list, err := f.Chains(ctx, o.Caps)
	if err != nil {
		return err
	}
	if n.Packets.IsPacket(raw) {
		got, err := n.Packets.Open(ctx, raw)
		if err != nil {
			return err
		}
		raw, list = got.Bundle, append(list, got.Caps...)
	}
	task := object.Hash{}
	if o.Task != "" {
		if task, err = object.ParseHash(o.Task); err != nil {
			return clierr.Usagef("--task: %w", err)
		}
	}
	s := calls.RunSpec{Bundle: raw, Task: task, Caps: list, NoMemo: o.NoMemo, Manner: exec.Manner{Stderr: f.IO.Err}}
	if s.Manner.Wait, err = o.duration(); err != nil {
		return err
	}
	if s.Redact, err = redaction(f, n, o.Redact); err != nil {
		return err
	}
	ran, err := n.Caller.Run(ctx, s)
	if err != nil {
		return err
	}
	if ran.Redacted != nil {
		f.IO.Notef("redacted episode %s", ran.Redacted)
	}
	return Emit(f, ran)
}

// resultView is a run in JSON.
type resultView struct {
	Run      *object.Hash  `json:"run,omitempty"`
	Bundle   object.Hash   `json:"bundle"`
	Task     object.Hash   `json:"task"`
	Result   string        `json:"result"` // canonical bytes in hex
	Hash     object.Hash   `json:"result_hash"`
	Receipts []object.Hash `json:"receipts"`
	Invoked  int           `json:"invoked"`
	Replayed int           `json:"replayed"`
	Memoized bool          `json:"memoized"` // it was not run: its result was known
	Trace    object.Hash   `json:"trace_hash"`
	Episode  *object.Hash  `json:"episode,omitempty"`
	CPUus    uint64        `json:"cpu_us"`
	IO       uint32        `json:"io_count"`
	Attested []object.Hash `json:"attestations,omitempty"`     // a ContractPass for each contract that held
	Redacted *object.Hash  `json:"redacted_episode,omitempty"` // with --redact
}

// Emit prints a run's result; if the task was halted, it then returns an error.
func Emit(f *cmdutil.Factory, res *calls.Ran) error {
	v := resultView{Bundle: res.BundleID, Task: res.TaskID, Result: hex.EncodeToString(res.Value.Encode()), Hash: res.ResultHash,
		Receipts: res.Receipts, Invoked: res.Invoked, Replayed: res.Replayed, Memoized: res.Memoized, Trace: res.TraceHash, Episode: res.EpisodeID,
		CPUus: res.Spent.CPUus, IO: res.Spent.IOCount, Attested: res.Attested, Redacted: res.Redacted}
	if v.Receipts == nil {
		v.Receipts = []object.Hash{}
	}
	if !res.RunID.IsZero() {
		v.Run = &res.RunID
	}
	view, err := object.ToJSON(nil, res.Value.Encode())
	if err != nil {
		return err
	}
	if err := f.Emit(v, func() {
		if k := res.Value.Kind(); k == vm.ValBytes || k == vm.ValText {
			_, _ = f.IO.Out.Write(res.Value.Data())
			return
		}
		f.IO.Printf("%s\n", view)
	}); err != nil {
		return err
	}
	return res.Halt
}

// NewReplay is `mythos replay`.
func NewReplay(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(&cobra.Command{
		Use: "replay RUN", Short: "Execute a run again over its recorded responses; 6 if the result differs",
		Example: "  mythos replay 3f9c01", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := f.Resolve(c.Context(), args[0])
			if err != nil {
				return err
			}
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			res, err := n.Exec.Replay(c.Context(), id)
			if err != nil {
				return err
			}
			return Emit(f, &calls.Ran{Result: res})
		},
	}, replayResults)
}

// NewAsm is `mythos asm`.
func NewAsm(f *cmdutil.Factory) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "asm FILE|- [-o BUNDLE]", Short: "Assemble a program to a canonical bundle", Example: "  mythos asm examples/ir/hello.mir -o hello.bundle",
		Args: cmdutil.Args(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := f.ReadText(args[0])
			if err != nil {
				return err
			}
			raw, err := asm.Assemble(text)
			if err != nil {
				return clierr.New(clierr.Failed, "%s: %w", args[0], err).On(args[0])
			}
			return f.Write(out, raw)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "the bundle; standard output by default")
	return f.Returns(c, asmResults)
}

// NewDisasm is `mythos disasm`.
func NewDisasm(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(&cobra.Command{
		Use: "disasm BUNDLE|-", Short: "Print a bundle as assembler text", Example: "  mythos disasm hello.bundle", Args: cmdutil.Args(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			raw, err := f.Read(args[0])
			if err != nil {
				return err
			}
			text, err := asm.Disassemble(raw)
			if err != nil {
				return clierr.New(clierr.Invalid, "%s: %w", args[0], err).On(args[0])
			}
			f.IO.Text(string(text))
			return nil
		},
	}, disasmResults)
}
