package runcmd

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"os/signal"
	"regexp"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir"
	recorded "github.com/mythos-project/mythos/exec/once"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/once"
	"github.com/mythos-project/mythos/internal/recording"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

type onceOptions struct {
	Key       string
	Argv      []string
	In        string
	RetrySafe bool
	Timeout   cmdutil.Span
	waitOptions
	atOption
}

// NewOnce is `mythos once`.
func NewOnce(f *cmdutil.Factory) *cobra.Command {
	o := &onceOptions{}
	c := &cobra.Command{
		Use: "once KEY [--in FILE|-] [--retry-safe] [--timeout D] [--exit-status] [--at URL] -- CMD [ARG]...", Short: "Run a command once per key, no matter who calls it or how often",
		Long: "The first call runs the command in your folder, with your environment except the key that signs here. It records\n" +
			"the output and how the command ended. The next call with the key writes the same output to the same streams, and\n" +
			"runs nothing. A call that comes while the command runs waits for it. After a failed run, the next call runs the\n" +
			"command again; after a success, none does. If mythos or the machine dies during a run, nobody knows whether the\n" +
			"command did its work: that is exit code 4, until somebody decides (mythos ledger resolve) or you give\n" +
			"--retry-safe. A key stands for one command and one input. The program and the script that it runs are pinned:\n" +
			"their content is part of the command. Values of variables are not recorded, but output is. Processes that the\n" +
			"command leaves running are ended with it. With --at, the command runs here, and that server decides whether it\n" +
			"may, under a capability for it (see mythos call). A command that fails gives exit code 8. With --exit-status,\n" +
			"mythos exits with the command's own status, and with 125 for any other error.",
		Example: "  mythos once \"deploy-$GITHUB_SHA\" -- ./deploy.sh production",
		Args: func(c *cobra.Command, args []string) error {
			switch at := c.ArgsLenAtDash(); {
			case at < 0:
				return clierr.Usagef("the command comes after --: mythos once KEY -- CMD [ARG]...").With("see `mythos once --help`")
			case at != 1:
				return clierr.Usagef("expected one key before --, not %d", at).With("see `mythos once --help`")
			case len(args) < 2 || args[1] == "":
				return clierr.Usagef("no command comes after --").With("see `mythos once --help`")
			case args[0] == "":
				return clierr.Usagef("the key is empty: is its variable set?")
			case len(args[0]) > ir.MaxInline:
				return clierr.Usagef("the key has %d bytes, at most %d are allowed", len(args[0]), ir.MaxInline)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.Key, o.Argv = args[0], args[1:]
			return o.at(c.Context(), f, func() error { return runOnce(c.Context(), f, o) })
		},
	}
	flags := c.Flags()
	flags.StringVar(&o.In, "in", "", "the command's input; nothing by default, - is standard input")
	flags.BoolVar(&o.RetrySafe, "retry-safe", false, "run it again if nobody knows how a run ended")
	flags.Var(&o.Timeout, "timeout", "time limit of the command; 30 days by default")
	flags.BoolVar(&f.CommandStatus, "exit-status", false, "exit with the command's own status, and with 125 for any other error")
	o.waitOptions.flags(flags)
	o.atOption.flags(flags)
	return f.Returns(c, onceResults)
}

// onceLine is a run in JSON.
type onceLine struct {
	Key      string      `json:"key"`
	Command  string      `json:"command"` // its registered name
	Status   uint16      `json:"status"`
	Exit     uint64      `json:"exit"` // exit status of the command; after a signal, 128 and its number
	Receipt  object.Hash `json:"receipt"`
	Replayed bool        `json:"replayed"`
	Stdout   written     `json:"stdout"`
	Stderr   written     `json:"stderr"`
}

// written is a command's output.
type written struct {
	Bytes uint64       `json:"bytes"`
	Text  *string      `json:"text,omitempty"` // if it is a short text
	Hex   string       `json:"hex,omitempty"`  // if it is short and not text
	Blob  *object.Hash `json:"blob,omitempty"` // if it is long
}

func viewOf(w recorded.Written) written {
	v := written{Bytes: w.Size, Blob: w.Blob}
	switch text := string(w.Head); {
	case w.Blob != nil:
	case utf8.ValidString(text):
		v.Text = &text
	default:
		v.Hex = hex.EncodeToString(w.Head)
	}
	return v
}

func runOnce(ctx context.Context, f *cmdutil.Factory, o *onceOptions) error {
	if time.Duration(o.Timeout) > recording.MaxTime {
		return clierr.Usagef("--timeout is at most %d days", recording.MaxTime/(24*time.Hour))
	}
	s := once.Spec{Key: []byte(o.Key), Argv: o.Argv, Manner: exec.Manner{Timeout: time.Duration(o.Timeout), RetrySafe: o.RetrySafe, Stdout: f.IO.Out, Stderr: f.IO.Err}}
	var err error
	if s.Manner.Wait, err = o.duration(); err != nil {
		return err
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	if o.In != "" {
		if s.Input, err = f.Read(o.In); err != nil {
			return err
		}
	}
	if f.JSON {
		s.Manner.Stdout = nil
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // a reader that stops reading does not end a run
	ran, err := once.Run(ctx, n, s)
	switch {
	case errors.Is(err, once.ErrCommand):
		return clierr.New(clierr.NotFound, "%w", err).On(o.Argv[0]).With("nothing was run or recorded")
	case errors.Is(err, exec.ErrRequestTooLarge):
		return clierr.New(clierr.Refused, "%w", err).With("pass a long file as an argument, and let the command read it")
	case errors.Is(err, ledger.ErrUnknownOutcome):
		return clierr.New(f.CodeOf(err), "%w", err).On(o.Key).With("find out whether it did its work, then run: mythos ledger resolve " + shown(o.Key) + " --tool mythos.once --decision retry (or abandon); if the command may run twice: --retry-safe")
	case errors.Is(err, ledger.ErrIdempotencyConflict):
		return clierr.New(clierr.Conflict, "%w", err).On(o.Key).With("a key stands for one command and one input: use another key for another run; `mythos ledger show " + shown(o.Key) + " --tool mythos.once` shows the recorded one")
	case err != nil && ctx.Err() != nil:
		return clierr.New(clierr.Failed, "%w", err).On(o.Key).With("if it had begun, nobody knows whether it did its work: the next call says so, and what to do")
	case err != nil:
		return Refusal(n, err, ran.Command.Name)
	}
	if f.JSON {
		l := onceLine{ledger.KeyText(s.Key), ran.Command.Name, ran.Status, ran.Output.Exit, ran.ReceiptID, ran.Replayed, viewOf(ran.Output.Stdout), viewOf(ran.Output.Stderr)}
		if err := f.Emit(l, nil); err != nil {
			return err
		}
	} else if ran.Replayed {
		if err := ran.Copy(ctx, n.Store, f.IO.Out, f.IO.Err); err != nil {
			return err
		}
	}
	noteReplay(f, n, ran.Called)
	f.IO.Debugf("receipt %s, replayed %t", ran.ReceiptID, ran.Replayed)
	return onceFailure(ran, o.Argv[0])
}

// shown is a key in a form for pasting into a shell.
func shown(key string) string {
	if plainKey().MatchString(key) {
		return key
	}
	return "KEY"
}

var plainKey = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$`) })

// onceFailure is the error of a failed command; nil: it succeeded.
func onceFailure(r *once.Ran, name string) error {
	if r.Status < 300 {
		return nil
	}
	e := clierr.New(clierr.Tool, "%s: exit status %d", name, r.Output.Exit).On(r.ReceiptID.String())
	if r.Status == exec.StatusTimeout {
		e = clierr.New(clierr.Tool, "%s took too long and was stopped", name).On(r.ReceiptID.String())
	} else {
		e.Exit = int(r.Output.Exit)
	}
	return e.With("the same call runs it again; this run: mythos receipt show " + r.ReceiptID.Short())
}
