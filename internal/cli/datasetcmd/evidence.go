// Package datasetcmd holds the commands over evidence and datasets: episode,
// signal, score, corpus, dataset.
package datasetcmd

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/cli/runcmd"
	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
)

// NewEpisode is `mythos episode`.
func NewEpisode(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("episode", "Runs as evidence", newEpisodeLs(f), newEpisodeShow(f), newEpisodeImport(f), newEpisodeRedact(f)), episodeResults)
}

func newEpisodeLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the episodes, ascending by id", Example: "  mythos episode ls | wc -l", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			return n.Episodes(c.Context(), func(e *object.EpisodeRef, raw []byte) error {
				if f.JSON {
					return f.EmitObject(dataset.KindEpisode, raw)
				}
				f.IO.Printf("%s\n", e.EpisodeID)
				return nil
			})
		},
	}
}

func newEpisodeShow(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Print an episode", Example: "  mythos episode show 3f9c01", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := f.Resolve(c.Context(), args[0])
			if err != nil {
				return err
			}
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			raw, err := n.Source().Episode(c.Context(), id)
			if err != nil {
				return err
			}
			return f.EmitObject(dataset.KindEpisode, raw)
		},
	}
}

// NewSignal is `mythos signal`.
func NewSignal(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("signal", "Signed statements about episodes", newSignalAdd(f), newSignalLs(f)), signalResults)
}

func newSignalAdd(f *cmdutil.Factory) *cobra.Command {
	var kind string
	var value int64
	c := &cobra.Command{
		Use: "add EPISODE --type reward|label|constraint --value N", Short: "Sign a value for an episode; prints the signal's id",
		Example: "  mythos signal add 3f9c01 --type reward --value 1", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			types := map[string]uint8{"reward": dataset.Reward, "label": dataset.Label, "constraint": dataset.Constraint}
			t, ok := types[kind]
			if !ok {
				return clierr.Usagef("--type is reward, label or constraint")
			}
			id, err := f.Resolve(c.Context(), args[0])
			if err != nil {
				return err
			}
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			if _, err := n.Source().Episode(c.Context(), id); err != nil {
				return err
			}
			v := ir.I64Scalar(value)
			if value >= 0 {
				v = ir.U64Scalar(uint64(value))
			}
			sid, raw, err := dataset.NewSignal(n.Key, id, t, v, f.Now())
			if err != nil {
				return err
			}
			if err := dataset.PutSignals(c.Context(), n.Store, raw); err != nil {
				return err
			}
			return f.Emit(signalAdded{sid}, func() { f.IO.Printf("%s\n", sid) })
		},
	}
	c.Flags().StringVar(&kind, "type", "reward", "reward, label or constraint")
	c.Flags().Int64Var(&value, "value", 0, "the value; not negative: u64, negative: i64")
	return c
}

func newSignalLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls EPISODE", Short: "List the signals of an episode", Example: "  mythos signal ls 3f9c01 --json", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := f.Resolve(c.Context(), args[0])
			if err != nil {
				return err
			}
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			raws, err := n.Source().Signals(c.Context(), id)
			if err != nil {
				return err
			}
			var rows [][]ui.Cell
			for _, raw := range raws {
				if f.JSON {
					if err := f.EmitObject(dataset.KindSignal, raw); err != nil {
						return err
					}
					continue
				}
				s, sid, err := dataset.OpenSignal(raw)
				if err != nil {
					return err
				}
				v, err := ir.ParseScalar(s.ValueKind, s.ValueBytes)
				if err != nil {
					return err
				}
				rows = append(rows, []ui.Cell{{Text: f.IO.Hash(sid.String()), Meaning: ui.Name}, {Text: fmt.Sprint(s.SignalType)}, {Text: v.String()}, {Text: s.Signer.Hint}})
			}
			if !f.JSON {
				f.IO.Table([]string{"signal", "type", "value", "by"}, rows)
			}
			return nil
		},
	}
}

type scoreOptions struct {
	Tool     string
	Corpus   string
	Parallel int
}

// NewScore is `mythos score`.
func NewScore(f *cmdutil.Factory) *cobra.Command {
	o := &scoreOptions{}
	c := &cobra.Command{
		Use: "score TOOL [--corpus ROOT]", Short: "Run a scorer over episodes and store the signals, signed",
		Long: "Each episode is scored at most once, as a keyed effect: scoring again replays. Episodes must have been captured.",
		Args: cmdutil.Args(1, 1), Example: "  mythos score scorer",
		RunE: func(c *cobra.Command, args []string) error {
			o.Tool = args[0]
			return runScore(c.Context(), f, o)
		},
	}
	c.Flags().StringVar(&o.Corpus, "corpus", "", "only these episodes: the root of a corpus; all by default")
	c.Flags().IntVarP(&o.Parallel, "parallel", "p", 8, "episodes at a time, 1 to 256")
	return f.Returns(c, scoreResults)
}

func runScore(ctx context.Context, f *cmdutil.Factory, o *scoreOptions) error {
	if o.Parallel < 1 || o.Parallel > 256 {
		return clierr.Usagef("--parallel is 1 to 256")
	}
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	tool, err := n.FindTool(ctx, o.Tool)
	if err != nil {
		return err
	}
	ids, err := episodesOf(ctx, f, n, o.Corpus)
	if err != nil {
		return err
	}
	chains, err := n.Covering(ctx, caps.Use{Kind: caps.KindToolCall, Tool: tool.ID})
	if err != nil {
		return err
	}
	bar := f.IO.Count("score", int64(len(ids)))
	defer bar.Stop()
	s := &scoring{n: n, tool: tool, chains: chains, add: bar.Add}
	if err := s.all(ctx, ids, o.Parallel); err != nil {
		return runcmd.Refusal(err, n.Self().KeyHex(), o.Tool)
	}
	f.IO.Notef("%d episodes: %d scored, %d replayed, %d signals", len(ids), s.invoked, s.replayed, len(s.signals))
	if err := dataset.PutSignals(ctx, n.Store, s.signals...); err != nil {
		return err
	}
	return f.Emit(scored{len(ids), s.invoked, s.replayed, len(s.signals)}, func() {
		f.IO.Printf("%d\n", len(s.signals))
	})
}

// scoring is a run of a scorer over many episodes.
type scoring struct {
	n      *node.Node
	tool   exec.Tool
	chains []caps.Chain
	add    func(int64)

	mu                sync.Mutex
	signals           [][]byte
	invoked, replayed int
	err               error
}

func (s *scoring) all(ctx context.Context, ids []object.Hash, parallel int) error {
	var wg sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for _, id := range ids {
		slots <- struct{}{}
		wg.Go(func() {
			s.one(ctx, id)
			s.add(1)
			<-slots
		})
	}
	wg.Wait()
	return s.err
}

func (s *scoring) one(ctx context.Context, id object.Hash) {
	raws, called, err := s.n.Score(ctx, s.tool, id, s.chains)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		if s.err == nil {
			s.err = err
		}
		return
	case called.Replayed:
		s.replayed++
	default:
		s.invoked++
	}
	s.signals = append(s.signals, raws...)
}

// episodesOf lists the episodes of a corpus, or all that are here.
func episodesOf(ctx context.Context, f *cmdutil.Factory, n *node.Node, corpus string) ([]object.Hash, error) {
	var ids []object.Hash
	if corpus == "" {
		err := n.Episodes(ctx, func(e *object.EpisodeRef, _ []byte) error {
			ids = append(ids, e.EpisodeID)
			return nil
		})
		return ids, err
	}
	root, err := f.Resolve(ctx, corpus)
	if err != nil {
		return nil, err
	}
	err = dataset.ReadList(ctx, n.Store.Nodes(ctx), root, func(id object.Hash) error {
		ids = append(ids, id)
		return nil
	})
	return ids, err
}

// NewCorpus is `mythos corpus`.
func NewCorpus(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("corpus", "Fixed sets of episodes, and the signals seen with them", newSnapshot(f), newSignals(f), newCorpusLs(f)), corpusResults)
}

type snapshotOptions struct {
	From string
	Tool string
	Part string
	Ref  string
}

func newSnapshot(f *cmdutil.Factory) *cobra.Command {
	o := &snapshotOptions{}
	c := &cobra.Command{
		Use: "snapshot [--from FILE] [--tool T] [--part I/N] [--ref NAME]", Short: "Fix a corpus; prints its root",
		Long: "A root over all episodes, over the ids listed one a line in a file, or over the episodes that call one tool.\n" +
			"--part takes one part of a split into N equal parts by the hash of what each episode's call asked: parts never share an\n" +
			"episode, the same request is always in the same part, and so is an episode without a call, by its id.",
		Example: "  mythos corpus snapshot --ref corpus/all", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runSnapshot(c.Context(), f, o) },
	}
	c.Flags().StringVar(&o.From, "from", "", "a file of episode ids, one a line; - is standard input")
	c.Flags().StringVar(&o.Tool, "tool", "", "only episodes whose call is of this tool")
	c.Flags().StringVar(&o.Part, "part", "", "one part of a split, such as 1/5 or 2-5/5")
	c.Flags().StringVar(&o.Ref, "ref", "", "also point this ref to the root")
	return c
}

func runSnapshot(ctx context.Context, f *cmdutil.Factory, o *snapshotOptions) error {
	keep, err := partOf(o.Part)
	if err != nil {
		return err
	}
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	ids, err := o.ids(ctx, f, n)
	if err != nil {
		return err
	}
	if o.Part != "" {
		var kept []object.Hash
		for _, id := range ids {
			asked, err := n.RequestOf(ctx, id)
			if err != nil {
				return err
			}
			if keep(asked) {
				kept = append(kept, id)
			}
		}
		ids = kept
	}
	return snapshot(ctx, f, n, dataset.MediaCorpus, ids, o.Ref)
}

func snapshot(ctx context.Context, f *cmdutil.Factory, n *node.Node, media string, ids []object.Hash, name string) error {
	ref, count, err := dataset.Snapshot(ctx, n.Store, media, ids)
	if err != nil {
		return err
	}
	if name != "" {
		if err := n.Store.SetRef(ctx, name, ref.CID, nil); err != nil {
			return err
		}
	}
	f.IO.Notef("%d ids", count)
	return f.Emit(snapshotted{ref.CID, count}, func() { f.IO.Printf("%s\n", ref.CID) })
}

func (o *snapshotOptions) ids(ctx context.Context, f *cmdutil.Factory, n *node.Node) (ids []object.Hash, err error) {
	if o.From != "" {
		r, done, err := f.Open(o.From)
		if err != nil {
			return nil, err
		}
		defer done()
		return ids, cmdutil.Lines(r, func(num int, line string) error {
			id, err := object.ParseHash(line)
			if err != nil {
				return clierr.New(clierr.Failed, "%s, line %d: %w", o.From, num, err)
			}
			ids = append(ids, id)
			return nil
		})
	}
	var tool object.Hash
	if o.Tool != "" {
		if tool, err = n.ToolID(ctx, o.Tool); err != nil {
			return nil, err
		}
	}
	return ids, n.Episodes(ctx, func(e *object.EpisodeRef, _ []byte) error {
		if !tool.IsZero() {
			r, err := n.CallOf(ctx, e)
			if err != nil || r.ToolID != tool {
				return nil //nolint:nilerr // an episode without a call is of no tool
			}
		}
		ids = append(ids, e.EpisodeID)
		return nil
	})
}

// partOf reads I/N or I-J/N; nil for no text.
func partOf(text string) (func(object.Hash) bool, error) {
	if text == "" {
		return nil, nil
	}
	var from, to, of int
	if _, err := fmt.Sscanf(text, "%d-%d/%d", &from, &to, &of); err != nil {
		if _, err := fmt.Sscanf(text, "%d/%d", &from, &of); err != nil {
			return nil, clierr.Usagef("--part %s: expected I/N or I-J/N", text)
		}
		to = from
	}
	if from < 1 || to < from || of < to || of > 1000 {
		return nil, clierr.Usagef("--part %s: expected 1 <= I <= J <= N <= 1000", text)
	}
	weights := make([]uint64, of)
	for i := range weights {
		weights[i] = 1
	}
	return func(id object.Hash) bool { p := dataset.Part(id, weights) + 1; return from <= p && p <= to }, nil
}

func newSignals(f *cmdutil.Factory) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use: "signals CORPUS [--ref NAME]", Short: "Fix the signals of a corpus's episodes; prints the root for a definition's signals",
		Example: "  mythos corpus signals @corpus/all --ref signals/all", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runSignals(c.Context(), f, args[0], name) },
	}
	c.Flags().StringVar(&name, "ref", "", "also point this ref to the root")
	return c
}

func runSignals(ctx context.Context, f *cmdutil.Factory, corpus, name string) error {
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	ids, err := episodesOf(ctx, f, n, corpus)
	if err != nil {
		return err
	}
	var signals []object.Hash
	for _, id := range ids {
		raws, err := n.Source().Signals(ctx, id)
		if err != nil {
			return err
		}
		for _, raw := range raws {
			sid, err := dataset.SignalRule.ID(raw)
			if err != nil {
				return err
			}
			signals = append(signals, sid)
		}
	}
	return snapshot(ctx, f, n, dataset.MediaSignals, signals, name)
}

func newCorpusLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the corpora that are here; a manifest is one, too", Example: "  mythos corpus ls", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			return lists(c.Context(), f, dataset.MediaCorpus, dataset.MediaManifest)
		},
	}
}

// lists prints the stored lists of some media types.
func lists(ctx context.Context, f *cmdutil.Factory, media ...string) error {
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	return n.Store.Blobs(ctx, func(ref object.BlobRef) error {
		if !slices.Contains(media, ref.Media) {
			return nil
		}
		return f.Emit(listLine{ref.CID}, func() { f.IO.Printf("%s\n", ref.CID) })
	})
}
