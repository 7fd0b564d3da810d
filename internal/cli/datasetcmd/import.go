package datasetcmd

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/ingest"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
)

type importOptions struct {
	Files   []string
	Form    string
	Mapping string
	Time    string
	Skip    bool
	Ref     string
}

func newEpisodeImport(f *cmdutil.Factory) *cobra.Command {
	o := &importOptions{}
	c := &cobra.Command{
		Use: "import (--form chat|otel|mcp | --map MAPPING) FILE|-...", Short: "Take in evidence that others recorded; prints the corpus of it",
		Long: "chat is JSON lines of {\"messages\": [...]}, otel OTLP JSON with spans of generative AI, mcp JSON lines of JSON-RPC\n" +
			"messages. A mapping (YAML) says by JSON pointers where things stand in any other JSON lines:\n\n" +
			"  input: /prompt\n  output: /completion\n  time: /created\n  calls: {each: /steps, tool: /name, request: /args, response: /result}\n" +
			"  signals: [{type: reward, value: /score}]\n\n" +
			"Nobody who saw it happen signed it. A definition tells it by `imported`: `not imported` leaves it out. The tools in it\n" +
			"are has_tool(\"imported:NAME\"). Importing the same again adds nothing.",
		Example: "  mythos episode import --form chat chats.jsonl --ref corpus/chats", Args: cmdutil.Args(1, 1000),
		RunE: func(c *cobra.Command, args []string) error {
			o.Files = args
			return runImport(c.Context(), f, o)
		},
	}
	flags := c.Flags()
	flags.StringVar(&o.Form, "form", "", "chat, otel or mcp")
	flags.StringVar(&o.Mapping, "map", "", "a mapping file")
	flags.StringVar(&o.Time, "time", "", "time of records that have none, RFC 3339; 1970 by default, so that importing again gives the same")
	flags.BoolVar(&o.Skip, "skip-bad", false, "leave out records that cannot be understood, and name them")
	flags.StringVar(&o.Ref, "ref", "", "also point this ref to the corpus")
	return c
}

func (o *importOptions) reader(f *cmdutil.Factory) (ingest.Reader, error) {
	if (o.Form == "") == (o.Mapping == "") {
		return nil, clierr.Usagef("either --form or --map is expected")
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
	var at object.Time
	if o.Time != "" {
		t, err := time.Parse(time.RFC3339Nano, o.Time)
		if err != nil {
			return clierr.Usagef("--time: %w", err)
		}
		at = object.Time(t.UnixMicro())
	}
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	var ids []object.Hash
	calls, signals, skipped := 0, 0, 0
	for _, name := range o.Files {
		var bad func(*ingest.RecordError) error
		if o.Skip {
			bad = func(e *ingest.RecordError) error {
				skipped++
				f.IO.Notef("%s, %v", name, e)
				return nil
			}
		}
		r, done, err := f.Open(name)
		if err != nil {
			return err
		}
		got, _, err := n.ImportEpisodes(ctx, form, name, r, at, bad)
		done()
		if err != nil {
			return fmt.Errorf("%s, %w", name, err)
		}
		ids, calls, signals = append(ids, got.Episodes...), calls+got.Calls, signals+got.Signals
	}
	f.IO.Notef("%d episodes, %d calls, %d signals, %d records left out", len(ids), calls, signals, skipped)
	return snapshot(ctx, f, n, dataset.MediaCorpus, ids, o.Ref)
}
