// Package runcmd has the commands that cause effects: call, run, replay, and the assembler.
package runcmd

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

type callOptions struct {
	Tool     string
	Key      cmdutil.Key
	Caps     []string
	In       string
	Batch    string
	Capture  bool
	Trace    bool
	Timeout  cmdutil.Span
	Parallel int
	Redact   string
	Retry    int
	waitOptions
	atOption
}

// NewCall is `mythos call`.
func NewCall(f *cmdutil.Factory) *cobra.Command {
	o := &callOptions{}
	c := &cobra.Command{
		Use: "call TOOL [--key K] [--cap CAP]... [--in FILE|-] [--timeout D] [--wait D|--no-wait] [--retry N] [--at URL]", Short: "Run one tool as an effect; the response goes to standard output",
		Long: "With a key, the effect happens at most once, however often you retry, restart or run it in parallel. The next\n" +
			"call with the key gets the recorded response. A call that comes while the tool runs waits for it. Without --cap,\n" +
			"the call uses a held capability that covers it. A failure is recorded, too; --retry makes a failed attempt\n" +
			"again. --batch reads JSON lines {\"key\":...,\"file\":...} or {\"key\":...,\"request\":...} and writes one line per\n" +
			"call, in order. A line without a key says \"keyless\":true. A line with anything else is refused (2); a file is\n" +
			"checked before any call runs. --at runs the tool here and records at that server. The server judges the\n" +
			"capability, charges it, and holds the key for all machines. Its proofs are checked here, under a checkpoint that\n" +
			"may only grow. --redact keeps a separate episode in which the rules (those of `dataset export --redact`) have\n" +
			"replaced parts of requests and responses by keyed hashes. Its provenance names the episode, the rules and the\n" +
			"key. The request is kept nowhere else, unless it is longer than 8 KiB, and the run cannot be replayed. The\n" +
			"response stays here, for repeated calls.",
		Example: "  mythos call deploy --key \"$GITHUB_SHA\" --in plan.json",
		Args:    cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Tool = args[0]
			return o.at(c.Context(), f, func() error {
				if o.Batch != "" {
					return runBatch(c.Context(), f, o)
				}
				return runCall(c.Context(), f, o)
			})
		},
	}
	flags := c.Flags()
	flags.Var(&o.Key, "key", "idempotency key; without one every call happens")
	flags.StringArrayVar(&o.Caps, "cap", nil, "the capability to use; may be repeated")
	flags.StringVar(&o.In, "in", "", "the request, or a tree for a tool that takes one; empty by default, - is standard input")
	flags.StringVar(&o.Batch, "batch", "", "many calls, described by JSON lines in this file; - is standard input")
	flags.IntVarP(&o.Parallel, "parallel", "p", 8, "with --batch: calls at a time, 1 to 256")
	flags.BoolVar(&o.Capture, "capture", false, "keep the request's bytes, for datasets and replay")
	flags.BoolVar(&o.Trace, "trace", true, "keep a trace and an episode")
	flags.StringVar(&o.Redact, "redact", "", redactUsage)
	flags.Var(&o.Timeout, "timeout", "time limit of the tool")
	flags.IntVar(&o.Retry, "retry", 0, "make a failed attempt again, at most this many times, after 1 s, 2 s, 4 s ...; each is charged")
	o.waitOptions.flags(flags)
	o.atOption.flags(flags)
	return f.Returns(c, callResults)
}

// prepare finds the tool and the capabilities.
func prepare(ctx context.Context, f *cmdutil.Factory, o *callOptions) (*repo.Repo, calls.Spec, error) {
	n, err := f.Repo(ctx)
	if err != nil {
		return nil, calls.Spec{}, err
	}
	if o.Retry < 0 {
		return nil, calls.Spec{}, clierr.Usagef("--retry must be zero or more")
	}
	s := calls.Spec{Trace: o.Trace, Manner: exec.Manner{Timeout: time.Duration(o.Timeout), Retries: o.Retry, Stderr: f.IO.Err}}
	if s.Manner.Wait, err = o.duration(); err != nil {
		return nil, s, err
	}
	if s.Tool, err = n.Toolbox.Find(ctx, o.Tool); err != nil {
		return nil, s, err
	}
	if s.Redact, err = redaction(f, n, o.Redact); err != nil {
		return nil, s, err
	}
	if s.Redact != nil && (o.Capture || !o.Trace) {
		return nil, s, clierr.Usagef("--redact keeps requests in a redacted episode: leave out --capture and --trace=false")
	}
	switch {
	case s.Redact != nil:
		s.Manner.Capture = new(bool) // not even if the setting says so
	case o.Capture:
		s.Manner.Capture = &o.Capture
	}
	s.Caps, err = f.Chains(ctx, o.Caps)
	return n, s, err
}

type callLine struct {
	Key       string       `json:"key,omitempty"`
	Status    uint16       `json:"status"`
	Receipt   object.Hash  `json:"receipt"`
	Replayed  bool         `json:"replayed"`
	Response  object.Hash  `json:"response_hash"`
	Bytes     int          `json:"response_bytes"`
	Episode   *object.Hash `json:"episode,omitempty"`
	Redacted  *object.Hash `json:"redacted_episode,omitempty"` // with --redact
	Run       *object.Hash `json:"run,omitempty"`
	Error     string       `json:"error,omitempty"`
	ErrorCode int          `json:"error_code,omitempty"`
}

func lineOf(key string, c *calls.Called) callLine {
	l := callLine{Key: key, Status: c.Status, Receipt: c.ReceiptID, Replayed: c.Replayed, Response: c.ResponseHash, Bytes: len(c.Body),
		Episode: c.Result.EpisodeID, Redacted: c.Redacted}
	if !c.Result.RunID.IsZero() {
		l.Run = &c.Result.RunID
	}
	return l
}

func runCall(ctx context.Context, f *cmdutil.Factory, o *callOptions) error {
	n, s, err := prepare(ctx, f, o)
	if err != nil {
		return err
	}
	if s.Request, err = request(ctx, f, n, s.Tool, o.In); err != nil {
		return err
	}
	s.Key = []byte(o.Key)
	called, err := n.Caller.Call(ctx, s)
	if err != nil {
		return Refusal(n, err, o.Tool)
	}
	if !called.Cap.IsZero() && len(o.Caps) == 0 && !called.Replayed {
		f.IO.Notef("under capability %s", called.Cap.Short())
	}
	if called.Redacted != nil {
		f.IO.Notef("redacted episode %s", called.Redacted)
	}
	if f.JSON {
		if err := f.Emit(lineOf(string(o.Key), called), nil); err != nil {
			return err
		}
	} else if _, err := f.IO.Out.Write(called.Body); err != nil {
		return err
	}
	noteReplay(f, n, called)
	f.IO.Debugf("receipt %s, replayed %t", called.ReceiptID, called.Replayed)
	return failure(o.Tool, called.Status, called.ReceiptID, called.Replayed)
}

// noteReplay says that the answer is a recorded one, whose, and since when.
func noteReplay(f *cmdutil.Factory, n *repo.Repo, c *calls.Called) {
	if r := c.Recorded; r != nil {
		f.IO.Notef("not run again: recorded at %s by %s, receipt %s", r.TimeObserved, cmp.Or(n.AgentName(r.Signer), r.Signer.String()), c.ReceiptID.Short())
	}
}

// failure is the error of a failed tool; nil: it succeeded.
func failure(tool string, status uint16, receipt object.Hash, replayed bool) error {
	if status < 300 {
		return nil
	}
	what, hint := fmt.Sprintf("status %d", status), "mythos receipt show "+receipt.Short()
	switch {
	case status == exec.StatusTimeout:
		what += ": it took too long and was stopped"
	case status == exec.StatusPermanent:
		what += ": it says that a retry is useless"
	}
	if replayed && ledger.Retryable(status) {
		what, hint = what+", as recorded", "to try again under the same key: --retry 1; "+hint
	}
	return clierr.New(clierr.Tool, "tool %s: %s", tool, what).On(receipt.String()).With(hint)
}
