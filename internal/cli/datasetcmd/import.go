package datasetcmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/ingest"
	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
)

type importOptions struct {
	Files   []string
	Form    string
	Mapping string
	Time    cmdutil.When
	Skip    bool
	Strict  bool
	Ref     string
}

func newEpisodeImport(f *cmdutil.Factory) *cobra.Command {
	o := &importOptions{}
	c := &cobra.Command{
		Use: "import (--form chat|otel|mcp | --map MAPPING) FILE|-...", Short: "Import evidence that others recorded; prints its corpus",
		Long: "chat is JSON lines of {\"messages\": [...]}; otel is OTLP JSON with spans or logs of generative AI; mcp is JSON\n" +
			"lines of JSON-RPC messages. A mapping (YAML) names the parts of any other JSON lines by JSON pointers:\n\n" +
			"  input: /prompt\n" +
			"  output: /completion\n" +
			"  time: /created\n" +
			"  calls: {each: /steps, tool: /name, request: /args, response: /result}\n" +
			"  signals: [{type: reward, value: /score}]\n\n" +
			"Nobody who saw it happen signed imported evidence. A definition selects by `imported`: `not imported` leaves it\n" +
			"out. has_tool(\"NAME\") finds its tools. Importing the same file again adds nothing. At the end, import reports\n" +
			"what it took, and what it did not understand and why. It is an error if nothing was understood; with --strict,\n" +
			"any loss is.",
		Example: "  mythos episode import --form chat chats.jsonl --ref corpus/chats", Args: cmdutil.Args(1, 1000),
		RunE: func(c *cobra.Command, args []string) error {
			o.Files = args
			return runImport(c.Context(), f, o)
		},
	}
	flags := c.Flags()
	flags.StringVar(&o.Form, "form", "", "chat, otel or mcp")
	flags.StringVar(&o.Mapping, "map", "", "a mapping file")
	flags.Var(&o.Time, "time", "time for records that have none, such as 2026-01-31T12:00:00Z; 1970 by default, so that importing again gives the same")
	flags.BoolVar(&o.Skip, "skip-bad", false, "leave out records that cannot be understood, and name them")
	flags.BoolVar(&o.Strict, "strict", false, "fail if anything that belongs to the form is not understood")
	flags.StringVar(&o.Ref, "ref", "", "also point this ref to the corpus")
	return c
}

func (o *importOptions) reader(f *cmdutil.Factory) (foreign.Reader, error) {
	if (o.Form == "") == (o.Mapping == "") {
		return nil, clierr.Usagef("give either --form or --map")
	}
	if o.Form != "" {
		r, err := ingest.Form(o.Form)
		if err != nil {
			return nil, clierr.Usagef("--form: %w", err)
		}
		return r, nil
	}
	data, err := f.Read(o.Mapping)
	if err != nil {
		return nil, err
	}
	return ingest.ParseMapping(data)
}

func runImport(ctx context.Context, f *cmdutil.Factory, o *importOptions) error {
	form, err := o.reader(f)
	if err != nil {
		return err
	}
	at, err := f.Time("--time", o.Time)
	if err != nil {
		return err
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	total := &importTotal{}
	for _, name := range o.Files {
		got, err := o.file(ctx, f, n, form, at, name)
		if got != nil {
			total.add(got)
		}
		if o.Skip && errors.Is(err, ingest.ErrNothing) {
			f.IO.Notef("%s: %v", name, err)
			err = nil
		}
		if err != nil {
			total.notes(f)
			return o.explained(name, err)
		}
	}
	total.notes(f)
	if len(total.ids) == 0 {
		return clierr.New(clierr.Failed, "%w", ingest.ErrNothing)
	}
	return total.finish(ctx, f, n, o.Ref)
}

// file imports one file.
func (o *importOptions) file(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, form foreign.Reader, at object.Time, name string) (*ingest.Imported, error) {
	r, done, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	defer done()
	im := ingest.Importer{Time: at, Strict: o.Strict}
	if o.Skip {
		im.Bad = func(e *foreign.RecordError) error {
			f.IO.Notef("%s, %v", name, e)
			return nil
		}
	}
	got, _, err := n.Episodes.Import(ctx, form, name, r, im)
	return got, err
}

// explained adds the remedy for a file that cannot be imported.
func (o *importOptions) explained(name string, err error) error {
	switch {
	case errors.Is(err, ingest.ErrNothing):
		return clierr.New(clierr.Failed, "%s: %w", name, err).On(name).With("mythos episode import --help    # the forms, and what each one reads")
	case errors.Is(err, ingest.ErrLost):
		return clierr.New(clierr.Failed, "%s: %w", name, err).On(name).With("leave out --strict to only count what is not understood")
	case errors.Is(err, foreign.ErrRecord):
		return clierr.New(clierr.Failed, "%s, %w", name, err).On(name).With("--skip-bad leaves out records that cannot be understood, and names them")
	}
	return fmt.Errorf("%s: %w", name, err)
}

// importTotal is the result over all files.
type importTotal struct {
	ids            []object.Hash
	calls, signals int
	bad            int
	lost, passed   []foreign.Loss
}

func (t *importTotal) add(got *ingest.Imported) {
	t.ids, t.calls, t.signals, t.bad = append(t.ids, got.Episodes...), t.calls+got.Calls, t.signals+got.Signals, t.bad+got.Bad
	t.lost, t.passed = foreign.AddLosses(t.lost, got.Lost), foreign.AddLosses(t.passed, got.Passed)
}

// notes prints what was imported, and what was not and why.
func (t *importTotal) notes(f *cmdutil.Factory) {
	f.IO.Notef("%s, %s, %s, %s left out", units.Count(len(t.ids), "episode"), units.Count(t.calls, "call"),
		units.Count(t.signals, "signal"), units.Count(t.bad, "record"))
	for _, l := range t.lost {
		f.IO.Notef("not understood: %s", l)
	}
	for _, l := range t.passed {
		f.IO.Notef("skipped: %s", l)
	}
}

func (t *importTotal) finish(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, name string) error {
	ref, count, err := dataset.Snapshot(ctx, n.Store, dataset.MediaCorpus, t.ids)
	if err != nil {
		return err
	}
	if name != "" {
		if err := n.Find.PointRef(ctx, name, ref.CID, nil); err != nil {
			return err
		}
	}
	f.IO.Notef("%s", units.Count(count, "id"))
	return f.Emit(importDone{ref.CID, count, t.calls, t.signals, t.bad, t.lost, t.passed}, func() { f.IO.Printf("%s\n", ref.CID) })
}
