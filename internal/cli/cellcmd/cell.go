// Package cellcmd holds the commands over cells.
package cellcmd

import (
	"context"
	"encoding/hex"
	"errors"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/cell"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/remedy"
	"github.com/mythos-project/mythos/internal/repo"
)

// New is `mythos cell`.
func New(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("cell", "State as a log of events: append, read the newest event of each key, replay", newAppend(f), newRead(f), newReplay(f), newPolicy(f), newLs(f)), results)
}

type appendOptions struct {
	Cell, EventKey string
	Type           uint32
	In             string
	Events         string
	Expect         int64
	Key            cmdutil.Key
	Caps           []string
}

func newAppend(f *cmdutil.Factory) *cobra.Command {
	o := &appendOptions{}
	c := &cobra.Command{
		Use: "append CELL [EVENTKEY] [--type N] [--in FILE|-] [--expect N] [--key K]", Short: "Append an event, as an effect; prints its number",
		Long: "A cell is named by any text, or by its id, and begins with its first event. Without --in, the data is empty.\n" +
			"--events reads up to 1,024 events at once, as JSON lines {\"type\":1,\"event_key\":\"user/1\",\"data\":\"...\"}. With\n" +
			"--expect, nothing is appended (6) unless the cell has exactly this many events. With --key, the append happens\n" +
			"once.",
		Example: "  echo done | mythos cell append jobs job/17 --in -", Args: cmdutil.Args(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			o.Cell = args[0]
			if len(args) == 2 {
				o.EventKey = args[1]
			}
			if (len(args) == 2) == (o.Events != "") || (o.Events != "" && (o.In != "" || o.Type != 0)) {
				return clierr.Usagef("give either EVENTKEY with --type and --in, or --events")
			}
			if c.Flags().Changed("expect") && o.Expect < 0 {
				return clierr.Usagef("--expect %d: no cell has that many events; leave it out to accept any number", o.Expect)
			}
			return runAppend(c.Context(), f, o)
		},
	}
	flags := c.Flags()
	flags.Uint32Var(&o.Type, "type", 0, "the event's type")
	flags.StringVar(&o.In, "in", "", "the event's data; - is standard input")
	flags.StringVar(&o.Events, "events", "", "events as JSON lines; - is standard input")
	flags.Int64Var(&o.Expect, "expect", -1, "the number of events that the cell must have; any by default")
	flags.Var(&o.Key, "key", "idempotency key")
	flags.StringArrayVar(&o.Caps, "cap", nil, "the capability to use; may be repeated")
	return c
}

// eventLine is one event; a missing key means an event without one.
type eventLine struct {
	Type uint32  `json:"type"`
	Key  *string `json:"event_key"`
	Data string  `json:"data"`
}

func (o *appendOptions) events(f *cmdutil.Factory) ([]cell.Event, error) {
	if o.Events == "" {
		e := cell.Event{Type: o.Type, Key: []byte(o.EventKey), Data: []byte{}}
		if o.In == "" {
			return []cell.Event{e}, nil
		}
		var err error
		e.Data, err = f.Read(o.In)
		return []cell.Event{e}, err
	}
	r, closeFile, err := f.Open(o.Events)
	if err != nil {
		return nil, err
	}
	defer closeFile()
	var list []cell.Event
	err = cmdutil.EachLine(o.Events, r, func(num int, l eventLine) error {
		if l.Key == nil {
			return cmdutil.LineError(o.Events, num, errors.New("the member \"event_key\" is missing; write \"event_key\":\"\" for an event without a key"))
		}
		list = append(list, cell.Event{Type: l.Type, Key: []byte(*l.Key), Data: []byte(l.Data)})
		return nil
	})
	return list, err
}

func runAppend(ctx context.Context, f *cmdutil.Factory, o *appendOptions) error {
	n, given, err := open(ctx, f, o.Caps)
	if err != nil {
		return err
	}
	q := &cell.AppendRequest{CellID: cell.ID(o.Cell)}
	if q.Events, err = o.events(f); err != nil {
		return err
	}
	if o.Expect >= 0 {
		expect := uint64(o.Expect)
		q.Expect = &expect
	}
	a, called, err := n.Caller.AppendCell(ctx, q, []byte(o.Key), given)
	if err != nil {
		return refusal(err, n, "cell.write:"+o.Cell)
	}
	if called.Status == exec.StatusConflict {
		return clierr.New(clierr.Conflict, "cell %s has %d events, not the expected %d", o.Cell, a.First, o.Expect).On(q.CellID.String()).
			With("read what was appended in between, `mythos cell replay " + o.Cell + "`, and try again")
	}
	return f.Emit(appended{q.CellID, a.First, a.Count, called.Replayed, called.ReceiptID}, func() { f.IO.Printf("%d\n", a.First) })
}

// open opens the repository and finds the capabilities.
func open(ctx context.Context, f *cmdutil.Factory, ids []string) (*repo.Repo, []caps.Chain, error) {
	n, err := f.Repo(ctx)
	if err != nil {
		return nil, nil, err
	}
	given, err := f.Chains(ctx, ids)
	return n, given, err
}

// refusal adds the command that would allow the action to a refusal.
func refusal(err error, n *repo.Repo, scope string) error {
	if errors.Is(err, caps.ErrDenied) {
		return clierr.New(clierr.Refused, "%w", err).With(remedy.For(err, remedy.Issue(n.Self().KeyHex(), scope, "1h")))
	}
	return err
}

type readOptions struct {
	Cell   string
	Prefix string
	From   uint64
	At     int64
	Caps   []string
}

func newRead(f *cmdutil.Factory) *cobra.Command {
	o := &readOptions{}
	c := &cobra.Command{
		Use: "read CELL [EVENTKEY] [--prefix P] [--at N]", Short: "Print the state: the newest event of each key, or the data of one key",
		Example: "  mythos cell read jobs --prefix job/", Args: cmdutil.Args(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			o.Cell = args[0]
			if len(args) == 2 {
				if o.Prefix != "" {
					return clierr.Usagef("give either EVENTKEY or --prefix")
				}
				o.Prefix = args[1]
			}
			return runRead(c.Context(), f, o, len(args) == 2)
		},
	}
	c.Flags().StringVar(&o.Prefix, "prefix", "", "only keys that begin with this")
	c.Flags().Int64Var(&o.At, "at", -1, "the state after this many events; negative: after all")
	c.Flags().StringArrayVar(&o.Caps, "cap", nil, "the capability to use; may be repeated")
	return c
}

func runRead(ctx context.Context, f *cmdutil.Factory, o *readOptions, one bool) error {
	n, given, err := open(ctx, f, o.Caps)
	if err != nil {
		return err
	}
	q := &cell.SnapshotRequest{CellID: cell.ID(o.Cell), KeyPrefix: prefix(o.Prefix)}
	if o.At >= 0 {
		at := uint64(o.At)
		q.At = &at
	}
	for {
		page, err := n.Caller.SnapshotCell(ctx, q, given)
		if err != nil {
			return refusal(err, n, "cell.read:"+o.Cell)
		}
		if page == nil {
			return clierr.New(clierr.Failed, "the state of cell %s is too large", o.Cell).With("mythos cell replay " + o.Cell)
		}
		if one {
			return printOne(f, o, page)
		}
		for i := range page.Events {
			if err := emit(f, page.Numbers[i], &page.Events[i]); err != nil {
				return err
			}
		}
		if page.Next == nil {
			return nil
		}
		q.At, q.After = &page.At, page.Next // continue in the same state, whatever is appended meanwhile
	}
}

// printOne prints the data of the key that equals the prefix, which is the first key with it.
func printOne(f *cmdutil.Factory, o *readOptions, page *cell.State) error {
	if len(page.Events) == 0 || string(page.Events[0].Key) != o.Prefix {
		return clierr.New(clierr.NotFound, "cell %s has no event with the key %q", o.Cell, o.Prefix).On(cell.ID(o.Cell).String())
	}
	if f.JSON {
		return emit(f, page.Numbers[0], &page.Events[0])
	}
	_, err := f.IO.Out.Write(page.Events[0].Data)
	return err
}

func newReplay(f *cmdutil.Factory) *cobra.Command {
	o := &readOptions{}
	c := &cobra.Command{
		Use: "replay CELL [--from N] [--prefix P]", Short: "Print all events from a number on, in order",
		Example: "  mythos cell replay jobs --from 100", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Cell = args[0]
			return runReplay(c.Context(), f, o)
		},
	}
	c.Flags().StringVar(&o.Prefix, "prefix", "", "only keys that begin with this")
	c.Flags().Uint64Var(&o.From, "from", 0, "the first number to look at")
	c.Flags().StringArrayVar(&o.Caps, "cap", nil, "the capability to use; may be repeated")
	return c
}

func runReplay(ctx context.Context, f *cmdutil.Factory, o *readOptions) error {
	n, given, err := open(ctx, f, o.Caps)
	if err != nil {
		return err
	}
	q := &cell.ReadRequest{CellID: cell.ID(o.Cell), KeyPrefix: prefix(o.Prefix), From: o.From}
	for {
		page, err := n.Caller.ReadCell(ctx, q, given)
		if err != nil {
			return refusal(err, n, "cell.read:"+o.Cell)
		}
		for i := range page.Events {
			if err := emit(f, page.Numbers[i], &page.Events[i]); err != nil {
				return err
			}
		}
		if page.Next == nil {
			return nil
		}
		q.From = *page.Next
	}
}

func prefix(text string) []byte {
	if text == "" {
		return nil
	}
	return []byte(text)
}

func emit(f *cmdutil.Factory, number uint64, e *cell.Event) error {
	l := event{Number: number, Type: e.Type, Key: hex.EncodeToString(e.Key), Data: hex.EncodeToString(e.Data)}
	if utf8.Valid(e.Key) {
		l.Text = string(e.Key)
	}
	return f.Emit(l, func() { f.IO.Printf("%d\t%d\t%q\t%d\n", number, e.Type, e.Key, len(e.Data)) })
}

func newPolicy(f *cmdutil.Factory) *cobra.Command {
	var every uint64
	var ids []string
	c := &cobra.Command{
		Use: "policy CELL --every N", Short: "Keep a snapshot after every N events; 0 keeps none",
		Long: "Snapshots only make reading faster: without them, all events are read. Without a policy, there is one every\n" +
			"1,024 events.",
		Example: "  mythos cell policy jobs --every 256", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if !c.Flags().Changed("every") {
				return clierr.Usagef("--every is required")
			}
			n, given, err := open(c.Context(), f, ids)
			if err != nil {
				return err
			}
			err = n.Caller.SetCellPolicy(c.Context(), cell.ID(args[0]), every, given)
			return refusal(err, n, "cell.write:"+args[0])
		},
	}
	c.Flags().Uint64Var(&every, "every", 0, "events between two snapshots")
	c.Flags().StringArrayVar(&ids, "cap", nil, "the capability to use; may be repeated")
	return c
}

func newLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List cells: id, events, events in the newest snapshot", Example: "  mythos cell ls", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			return n.Cells.Each(c.Context(), func(i cell.Info) error {
				return f.Emit(i, func() { f.IO.Printf("%s\t%d\t%d\n", i.ID, i.Events, i.Snapshot) })
			})
		},
	}
}
