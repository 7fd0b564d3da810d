// Package indexcmd has the command index: the instant layer of adaptation.
package indexcmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/episodes"
	"github.com/mythos-project/mythos/internal/indexes"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/why"
	"github.com/mythos-project/mythos/object"
)

// New is `mythos index`.
func New(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("index", "Episodes that can be recalled at once: the instant layer of adaptation",
		newUpdate(f), newSearch(f), newRollback(f), newLs(f), newLog(f), newVerify(f)), results)
}

// listOf is the list of an argument, or the list of all episodes.
func listOf(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, args []string) (object.Hash, error) {
	if len(args) > 0 {
		return n.Datasets.List(ctx, args[0])
	}
	ref, _, err := dataset.SnapshotEpisodes(ctx, n.Store)
	return ref.CID, err
}

func emit(f *cmdutil.Factory, s *model.IndexState, called *calls.Called) error {
	with := ""
	if s.Vectors != nil {
		with = fmt.Sprintf(" with vectors of dimension %d", s.Vectors.Embedder.Dimension)
	}
	f.IO.Notef("index %s holds %s%s, receipt %s", s.Name, units.Count(s.Count, "episode"), with, called.ReceiptID.Short())
	return f.Emit(indexed{s.StateID, s.Name, s.Sequence, s.Manifest, s.Count, called.ReceiptID, vectorsOf(s.Vectors)}, func() { f.IO.Printf("%s\n", s.StateID) })
}

func newRollback(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "rollback NAME", Short: "Undo an index's newest update, as an effect; prints its state",
		Example: "  mythos index rollback memory", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			s, called, err := n.Indexes.RollBack(c.Context(), args[0])
			if err != nil {
				return err
			}
			return emit(f, s, called)
		},
	}
}

type searchOptions struct {
	Name, Text string
	Batch      string
	Limit      int
	Vote       string
	By         string
}

func newSearch(f *cmdutil.Factory) *cobra.Command {
	o := &searchOptions{}
	c := &cobra.Command{
		Use: "search NAME [TEXT] [--batch FILE]", Short: "Find the episodes nearest to a text, the nearest first",
		Long: "Each line has the episode, its score in millionths and an excerpt. `mythos why EPISODE` shows what an episode\n" +
			"rests on. --by words ranks by BM25, --by vectors by cosine similarity (the text is embedded, as an effect), and\n" +
			"--by both sums 1/(60+rank) of each search. The default is both if the index has vectors, else words. --vote NAME\n" +
			"answers with what the text labels NAME=... of the found episodes say, weighted by score. --batch reads texts\n" +
			"from a file, one JSON object with the member \"text\" per line, and answers one line for each.",
		Example: "  mythos index search memory 'open a connection'", Args: cmdutil.Args(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			o.Name = args[0]
			if (len(args) == 2) == (o.Batch != "") {
				return clierr.Usagef("name a text, or texts with --batch")
			}
			if len(args) == 2 {
				o.Text = args[1]
			}
			return runSearch(c.Context(), f, o)
		},
	}
	c.Flags().StringVar(&o.Batch, "batch", "", "texts to search for, as JSON lines; - is standard input")
	c.Flags().IntVarP(&o.Limit, "limit", "n", 5, "most episodes to find, 1 to 100")
	c.Flags().StringVar(&o.By, "by", "", "words, vectors or both")
	c.Flags().StringVar(&o.Vote, "vote", "", "answer with the label NAME=... that the found episodes rank highest")
	return c
}

func runSearch(ctx context.Context, f *cmdutil.Factory, o *searchOptions) error {
	if o.Limit < 1 || o.Limit > 100 {
		return clierr.Usagef("--limit must be 1 to 100")
	}
	by, known := nearness[o.By]
	if !known {
		return clierr.Usagef("--by must be words, vectors or both")
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	s, err := n.Indexes.Open(ctx, o.Name)
	if err != nil {
		return err
	}
	defer s.Close()
	search := func(text string) ([]indexes.Recalled, error) {
		list, err := s.Search(ctx, text, o.Limit, by)
		if errors.Is(err, indexes.ErrNoVectors) {
			err = clierr.New(clierr.Usage, "%w", err).On(o.Name).With("give it some: mythos index update " + o.Name + " --embed TOOL")
		}
		return list, embedFailed(err)
	}
	if o.Batch == "" {
		list, err := search(o.Text)
		if err != nil {
			return err
		}
		return o.print(f, list)
	}
	r, done, err := f.Open(o.Batch)
	if err != nil {
		return err
	}
	defer done()
	return cmdutil.EachLine(o.Batch, r, func(num int, in queryLine) error {
		if in.Text == nil {
			return cmdutil.LineError(o.Batch, num, errors.New("the member \"text\" is missing"))
		}
		list, err := search(*in.Text)
		if err != nil {
			return err
		}
		answer, share := vote(list, o.Vote)
		return f.Emit(voted{answer, share, list}, func() { f.IO.Printf("%d\t%s\n", len(list), ui.Clean(answer)) })
	})
}

// nearness are the values of --by.
var nearness = map[string]indexes.By{"": indexes.ByBoth, "both": indexes.ByBoth, "words": indexes.ByWords, "vectors": indexes.ByVectors}

// queryLine is one search of a batch.
type queryLine struct {
	Text *string `json:"text"`
}

// print writes the results of one search.
func (o *searchOptions) print(f *cmdutil.Factory, list []indexes.Recalled) error {
	if o.Vote != "" {
		answer, share := vote(list, o.Vote)
		return f.Emit(voted{answer, share, list}, func() { f.IO.Printf("%s\n", ui.Clean(answer)) })
	}
	var rows [][]ui.Cell
	for _, r := range list {
		if f.JSON {
			if err := f.Emit(r, nil); err != nil {
				return err
			}
		}
		rows = append(rows, []ui.Cell{{Text: f.IO.Hash(r.Episode.String()), Meaning: ui.Name}, {Text: fmt.Sprint(r.Score), Meaning: ui.Dim}, {Text: why.OneLine(r.Excerpt)}})
	}
	if !f.JSON {
		f.IO.Table([]string{"episode", "score", "excerpt"}, rows)
	}
	return nil
}

// vote is the label value with the largest share of the found episodes' score, and that share in millionths; of equal
// ones the first by name.
func vote(list []indexes.Recalled, label string) (answer string, share int64) {
	scores := map[string]int64{}
	total := int64(0)
	for _, r := range list {
		i := slices.IndexFunc(r.Signals, func(s episodes.SampleSignal) bool {
			text, ok := s.Value.(string)
			return s.Type == "label" && ok && strings.HasPrefix(text, label+"=")
		})
		if i >= 0 {
			scores[strings.TrimPrefix(r.Signals[i].Value.(string), label+"=")] += r.Score
			total += r.Score
		}
	}
	for class, score := range scores {
		if score > scores[answer] || (score == scores[answer] && class < answer) {
			answer = class
		}
	}
	if total > 0 {
		share = scores[answer] * 1_000_000 / total
	}
	return answer, share
}

func newLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the indexes", Example: "  mythos index ls --json", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			return printStates(f, func(fn func(*model.IndexState) error) error { return n.Models.Indexes(c.Context(), fn) })
		},
	}
}

func newLog(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "log NAME", Short: "List the states of an index, newest first", Example: "  mythos index log memory", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			return printStates(f, func(fn func(*model.IndexState) error) error { return n.Models.IndexLog(c.Context(), args[0], fn) })
		},
	}
}

func printStates(f *cmdutil.Factory, each func(func(*model.IndexState) error) error) error {
	var rows [][]ui.Cell
	err := each(func(s *model.IndexState) error {
		action := "update"
		if s.Action == model.ActionRollback {
			action = "rollback"
		}
		if f.JSON {
			return f.Emit(stateLine{s.Name, s.StateID, s.Sequence, action, s.Count, s.Manifest, vectorsOf(s.Vectors)}, nil)
		}
		rows = append(rows, []ui.Cell{{Text: s.Name, Meaning: ui.Strong}, {Text: fmt.Sprint(s.Sequence)}, {Text: f.IO.Hash(s.StateID.String()), Meaning: ui.Name}, {Text: action},
			{Text: fmt.Sprint(s.Count)}, {Text: f.IO.Hash(s.Manifest.String()), Meaning: ui.Dim}})
		return nil
	})
	if err == nil && !f.JSON {
		f.IO.Table([]string{"index", "no", "state", "action", "episodes", "manifest"}, rows)
	}
	return err
}
