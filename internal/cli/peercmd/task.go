package peercmd

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/tasks"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/internal/units"
)

// leave submits a bundle without waiting, and prints the task's id.
func leave(ctx context.Context, f *cmdutil.Factory, cl *peer.Client, to string, raw []byte, o packets.PackOptions) error {
	pkt, asked, err := packTask(ctx, f, raw, o)
	if err != nil {
		return err
	}
	if err := cl.Repo.Packets.SetSent(ctx, asked, to); err != nil {
		return err
	}
	t, err := tasks.Leave(ctx, cl, pkt)
	if err != nil {
		return PeerError(err)
	}
	f.IO.Notef("%s has it: mythos task result %s", cl, t.ID.Short())
	return f.Emit(taskLine{t.ID, t.State, t.Submitted, t.Error}, func() { f.IO.Printf("%s\n", t.ID) })
}

// NewTask is `mythos task`.
func NewTask(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("task", "Submitted bundles whose result is still to be fetched", newTaskLs(f), newTaskStatus(f), newTaskResult(f), newTaskCancel(f)), taskResults)
}

func newTaskLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the tasks left with peers", Example: "  mythos task ls", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			return n.Packets.Sent(c.Context(), func(s packets.Sent) error {
				return f.Emit(sentLine{s.Packet, s.Peer, s.At}, func() { f.IO.Printf("%s\t%s\n", f.IO.Hash(s.Packet.String()), s.Peer) })
			})
		},
	}
}

func newTaskStatus(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "status TASK", Short: "Ask for the state of a task: queued, running, done, failed or cancelled", Example: "  mythos task status 3f9c01", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			cl, sent, err := sentTo(c.Context(), f, args[0])
			if err != nil {
				return err
			}
			t, err := tasks.Status(c.Context(), cl, sent.Packet)
			if err != nil {
				return PeerError(err)
			}
			if t.Error != "" {
				f.IO.Notef("%s", ui.CleanLines(t.Error))
			}
			if t.Hint != "" {
				f.IO.Notef("at the peer: %s", ui.CleanLines(t.Hint))
			}
			return f.Emit(taskLine{t.ID, t.State, t.Submitted, t.Error}, func() { f.IO.Printf("%s\n", t.State) })
		},
	}
}

func newTaskResult(f *cmdutil.Factory) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "result TASK [-o FILE]", Short: "Wait for a task, verify the signed answer, print the result", Example: "  mythos task result 3f9c01", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			cl, sent, err := sentTo(c.Context(), f, args[0])
			if err != nil {
				return err
			}
			answer, got, err := tasks.Answer(c.Context(), cl, sent.Asked)
			if err != nil {
				return PeerError(err)
			}
			return answered(f, answer, got, out)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "also write the answer, a packet, to this file")
	return c
}

func newTaskCancel(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "cancel TASK", Short: "Cancel a waiting or running task",
		Long: "Only the submitter of a task can cancel it, or the owner of the repository where it waits or runs. Effects that have\n" +
			"happened are not undone: the signed answer has their receipts, says that the task was cancelled, and is verified\n" +
			"here.",
		Example: "  mythos task cancel 3f9c01", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runTaskCancel(c.Context(), f, args[0]) },
	}
}

func runTaskCancel(ctx context.Context, f *cmdutil.Factory, text string) error {
	cl, sent, err := sentTo(ctx, f, text)
	var hint *clierr.Error
	if errors.As(err, &hint) && hint.Code == clierr.NotFound {
		if local, err := cancelLocal(ctx, f, text); local {
			return err
		}
	}
	if err != nil {
		return err
	}
	id := sent.Packet
	t, err := tasks.Cancel(ctx, cl, id)
	if err != nil {
		return PeerError(err)
	}
	if t.State == task.Done || t.State == task.Failed {
		return clierr.New(clierr.Failed, "task %s has already ended: %s", id.Short(), t.State).With("mythos task result " + id.Short())
	}
	_, got, err := tasks.Answer(ctx, cl, sent.Asked)
	if err != nil {
		return PeerError(err)
	}
	if got.Answer.Halted == nil {
		return clierr.New(clierr.Failed, "task %s ended before it could be stopped", id.Short()).With("mythos task result " + id.Short())
	}
	f.IO.Notef("%s says so, with %s", got.Author, units.Count(len(got.Answer.Receipts), "receipt"))
	return f.Emit(cancelLine{id, task.Cancelled, len(got.Answer.Receipts), got.Author.KeyHex()}, func() { f.IO.Printf("%s\n", task.Cancelled) })
}

// cancelLocal cancels a task that was submitted to this repository, if there is one with that name.
func cancelLocal(ctx context.Context, f *cmdutil.Factory, text string) (local bool, err error) {
	n, err := f.Repo(ctx)
	if err != nil {
		return true, err
	}
	var found []task.Task
	err = n.Tasks.Each(ctx, func(t task.Task) error {
		if len(text) >= 6 && strings.HasPrefix(t.ID.String(), strings.ToLower(text)) {
			found = append(found, t)
		}
		return nil
	})
	switch {
	case err != nil:
		return true, err
	case len(found) == 0:
		return false, nil
	case len(found) > 1:
		return true, clierr.Usagef("%d tasks begin with %s", len(found), text)
	case found[0].Ended != 0:
		return true, clierr.New(clierr.Failed, "task %s has already ended: %s", found[0].ID.Short(), found[0].State)
	}
	t, err := n.Tasks.Cancel(ctx, found[0].ID)
	if err != nil {
		return true, err
	}
	f.IO.Notef("`mythos serve` on this repository cancels it within a second, or when it starts")
	return true, f.Emit(cancelLine{t.ID, task.Cancelled, 0, n.Self().KeyHex()}, func() { f.IO.Printf("%s\n", task.Cancelled) })
}

// sentTo finds the peer that has a task, and the task's request.
func sentTo(ctx context.Context, f *cmdutil.Factory, text string) (*peer.Client, packets.Sent, error) {
	n, err := f.Repo(ctx)
	if err != nil {
		return nil, packets.Sent{}, err
	}
	var found []packets.Sent
	err = n.Packets.Sent(ctx, func(s packets.Sent) error {
		if len(text) >= 6 && strings.HasPrefix(s.Packet.String(), strings.ToLower(text)) {
			found = append(found, s)
		}
		return nil
	})
	if err != nil {
		return nil, packets.Sent{}, err
	}
	switch len(found) {
	case 0:
		return nil, packets.Sent{}, clierr.New(clierr.NotFound, "no task %s was left with a peer", text).With("see `mythos task ls`")
	case 1:
		cl, err := client(ctx, f, found[0].Peer)
		return cl, found[0], err
	}
	return nil, packets.Sent{}, clierr.Usagef("%d tasks begin with %s", len(found), text)
}
