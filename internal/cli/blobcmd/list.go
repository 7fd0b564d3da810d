package blobcmd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
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
	Pinned     bool          `json:"pinned,omitempty"`       // gc keeps it, whatever refers to it
	PinnedTill *object.Time  `json:"pinned_until,omitempty"` // absent: for ever
}

func entryOf(ref object.BlobRef) entry {
	e := entry{CID: ref.CID, Size: ref.Size, Media: ref.Media, Codec: ref.Codec, Chunks: ref.Chunks, Encrypted: ref.Encryption != nil}
	if ref.Provenance != nil {
		e.Parents = ref.Provenance.Parents
	}
	return e
}

// pin says that the blob is kept until a time; 0: for ever.
func (e *entry) pin(until object.Time) {
	if e.Pinned = true; until != 0 {
		e.PinnedTill = &until
	}
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
	pins := map[object.Hash]object.Time{}
	if f.JSON {
		err := n.Store.Pins(ctx, func(p store.Pin) error {
			pins[p.CID] = p.Until
			return nil
		})
		if err != nil {
			return err
		}
	}
	err = n.Store.Blobs(ctx, func(ref object.BlobRef) error {
		if f.JSON {
			e := entryOf(ref)
			if until, pinned := pins[ref.CID]; pinned {
				e.pin(until)
			}
			return f.Emit(e, nil)
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
	slices.SortFunc(rows, func(a, b []ui.Cell) int { return strings.Compare(a[0].Text, b[0].Text) })
	f.IO.Table([]string{"cid", "size", "chunks", "media"}, rows)
	return nil
}
