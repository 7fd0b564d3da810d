package blobcmd

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// entry is a blob in the JSON of ls and stat.
type entry struct {
	CID        object.Hash   `json:"cid"`
	Size       uint64        `json:"size"`
	Media      string        `json:"media"`
	Codec      uint8         `json:"codec"`
	Chunks     uint32        `json:"chunks"`
	Encrypted  bool          `json:"encrypted,omitempty"`
	Parents    []object.Hash `json:"parents,omitempty"`
	PinnedTill *object.Time  `json:"pinned_until,omitempty"`
	Pinned     bool          `json:"pinned,omitempty"`
}

func entryOf(ref object.BlobRef) entry {
	e := entry{CID: ref.CID, Size: ref.Size, Media: ref.Media, Codec: ref.Codec, Chunks: ref.Chunks, Encrypted: ref.Encryption != nil}
	if ref.Provenance != nil {
		e.Parents = ref.Provenance.Parents
	}
	return e
}

func newLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Short:   "List the blobs of the repository",
		Example: "  mythos blob ls --json",
		Args:    cmdutil.Args(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return runLs(c.Context(), f) },
	}
}

func runLs(ctx context.Context, f *cmdutil.Factory) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	var rows [][]ui.Cell
	err = n.Store.Blobs(ctx, func(ref object.BlobRef) error {
		if f.JSON {
			return f.Emit(entryOf(ref), nil)
		}
		rows = append(rows, []ui.Cell{
			{Text: f.IO.Hash(ref.CID.String()), Meaning: ui.Name},
			{Text: ui.Size(ref.Size)},
			{Text: fmt.Sprint(ref.Chunks)},
			{Text: ref.Media, Meaning: ui.Dim},
		})
		return nil
	})
	if err != nil || f.JSON {
		return err
	}
	slices.SortFunc(rows, func(a, b []ui.Cell) int { return compareText(a[0].Text, b[0].Text) })
	f.IO.Table([]string{"cid", "size", "chunks", "media"}, rows)
	return nil
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func newStat(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use:     "stat CID",
		Short:   "Describe one blob",
		Example: "  mythos blob stat \"$(echo hello | mythos blob put -)\" --json",
		Args:    cmdutil.Args(1, 1),
		RunE:    func(c *cobra.Command, args []string) error { return runStat(c.Context(), f, args[0]) },
	}
}

func runStat(ctx context.Context, f *cmdutil.Factory, name string) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	cid, err := f.Resolve(ctx, name)
	if err != nil {
		return err
	}
	ref, err := n.Store.BlobRef(ctx, cid)
	if err != nil {
		return err
	}
	raw, err := can.Marshal(&ref)
	if err != nil {
		return err
	}
	return f.EmitObject("BlobRef", raw)
}

type pinOptions struct {
	CID    string
	TTL    cmdutil.Span
	Reason string
}

func newPin(f *cmdutil.Factory) *cobra.Command {
	o := &pinOptions{}
	c := &cobra.Command{
		Use:     "pin CID [--ttl D]",
		Short:   "Keep a blob from garbage collection",
		Example: "  mythos blob pin \"$(echo hello | mythos blob put -)\" --ttl 30d",
		Args:    cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.CID = args[0]
			return runPin(c.Context(), f, o)
		},
	}
	c.Flags().Var(&o.TTL, "ttl", "how long; for ever by default")
	c.Flags().StringVar(&o.Reason, "reason", "", "a note on why")
	return c
}

func runPin(ctx context.Context, f *cmdutil.Factory, o *pinOptions) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	cid, err := f.Resolve(ctx, o.CID)
	if err != nil {
		return err
	}
	var until object.Time
	if o.TTL > 0 {
		until = f.Now().Add(time.Duration(o.TTL))
	}
	return n.Store.Pin(ctx, cid, until, o.Reason)
}

func newUnpin(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use:     "unpin CID",
		Short:   "Give a blob free for garbage collection",
		Example: "  mythos blob unpin \"$(echo hello | mythos blob put -)\"",
		Args:    cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			cid, err := f.Resolve(c.Context(), args[0])
			if err != nil {
				return err
			}
			return n.Store.Unpin(c.Context(), cid)
		},
	}
}

func newRm(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use:     "rm CID...",
		Short:   "Forget blobs; `mythos gc` frees what nothing else uses",
		Example: "  mythos blob rm \"$(echo hello | mythos blob put -)\"",
		Args:    cmdutil.Args(1, -1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			for _, name := range args {
				cid, err := f.Resolve(c.Context(), name)
				if err != nil {
					return err
				}
				if err := n.Store.RemoveBlob(c.Context(), cid); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
