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
	slices.SortFunc(rows, func(a, b []ui.Cell) int { return strings.Compare(a[0].Text, b[0].Text) })
	f.IO.Table([]string{"cid", "size", "chunks", "media"}, rows)
	return nil
}
