package repocmd

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/dataset/pages"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/peer/parts"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/internal/upkeep"
	"github.com/mythos-project/mythos/store/fsck"
	"github.com/mythos-project/mythos/store/gc"
)

type fsckOptions struct {
	Repair bool
}

// NewFsck is `mythos fsck`.
func NewFsck(f *cmdutil.Factory) *cobra.Command {
	o := &fsckOptions{}
	c := &cobra.Command{
		Use:   "fsck [--repair]",
		Short: "Check every hash, node, object, reference and ledger entry",
		Long: "Reads everything and prints a line for each fault; exit code 5 if there is any. It also names objects that are\n" +
			"referred to and were never here, and updates that a crash cut off before they were acknowledged; neither is an\n" +
			"error. With --repair, it restores what `mythos gc` took away in the last seven days, deletes\n" +
			"pages of values if they differ from the evidence, and fetches incomplete trees from the configured peers, as far\n" +
			"as the capabilities held here allow. Putting the same files again repairs them as well.",
		Example: "  mythos fsck",
		Args:    cmdutil.Args(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return runFsck(c.Context(), f, o) },
	}
	c.Flags().BoolVar(&o.Repair, "repair", false, "fetch what is damaged or missing from the configured peers")
	return f.Returns(c, fsckResults)
}

func runFsck(ctx context.Context, f *cmdutil.Factory, o *fsckOptions) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	var found findings
	if o.Repair {
		if err := repair(ctx, f, n, &found); err != nil {
			return err
		}
	}
	done, err := check(ctx, f, n, &found)
	if err != nil {
		return err
	}
	if err := found.print(f); err != nil {
		return err
	}
	rep, err := n.Ledger.Verify(ctx)
	if err != nil {
		return clierr.New(clierr.Invalid, "ledger: %w", err)
	}
	if f.JSON {
		if err := f.Emit(checked{found.wrong == 0, uint64(found.wrong), done.Chunks, done.Nodes, done.Objects, done.Blobs, rep.Entries, done.Pages}, nil); err != nil {
			return err
		}
	}
	and := ""
	if done.Pages > 0 {
		and = ", " + units.Count(done.Pages, "page of values", "pages of values")
	}
	f.IO.Notef("checked %s, %s, %s, %s, %s%s", units.Count(done.Chunks, "chunk"), units.Count(done.Nodes, "node"),
		units.Count(done.Objects, "object"), units.Count(done.Blobs, "blob"), units.Count(rep.Entries, "ledger entry", "ledger entries"), and)
	if found.wrong == 0 {
		return nil
	}
	e := clierr.New(clierr.Invalid, "%s wrong", units.Count(found.wrong, "thing is", "things are"))
	if o.Repair {
		return e.With("put the same files again, or import a blob.read capability from a peer that has them: `mythos cap import`")
	}
	if !slices.ContainsFunc(found.list, func(x fsck.Finding) bool { return !ofPage(x) }) {
		return e.With("delete the pages, which selections write again: `mythos fsck --repair`; check what was built of them: `mythos dataset verify`")
	}
	return e.With("put the same files again, or fetch them from peers: `mythos fsck --repair`")
}

// check checks everything and shows the progress.
func check(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, found *findings) (upkeep.Checked, error) {
	bar := f.IO.Count("fsck", 0)
	defer bar.Stop()
	return n.Upkeep.Fsck(ctx, found.add, bar.Add)
}

// repair finds damaged data, marks it for replacement, and fetches it.
func repair(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, found *findings) error {
	if _, err := check(ctx, f, n, found); err != nil {
		return err
	}
	if len(found.list) == 0 {
		return nil
	}
	if err := gc.RestoreTrash(ctx, n.Store); err != nil {
		return err
	}
	if slices.ContainsFunc(found.list, ofPage) {
		if err := pages.Drop(ctx, n.DB); err != nil {
			return err
		}
		f.IO.Notef("all pages of values were deleted: selections write them again; `mythos dataset verify` checks what was built of them")
	}
	*found = findings{}
	bar := f.IO.Bytes("repair", 0)
	defer bar.Stop()
	return parts.Repair(ctx, n, bar, func(r parts.Repaired) {
		if r.Err != nil {
			f.IO.Notef("%s is incomplete and cannot be fetched: %v", r.Root, r.Err)
			return
		}
		f.IO.Notef("%s was fetched from %s", r.Root, r.Peer)
	})
}

func ofPage(x fsck.Finding) bool { return x.Kind == upkeep.KindPage }

// findings collects the findings of fsck.
type findings struct {
	list  []fsck.Finding
	wrong int // of them, without data that may never have been here
}

func (l *findings) add(x fsck.Finding) {
	l.list = append(l.list, x)
	if x.Kind != upkeep.KindReference && x.Kind != fsck.KindCut {
		l.wrong++
	}
}

func (l *findings) print(f *cmdutil.Factory) error {
	for _, x := range l.list {
		what := x.ID.String()
		if x.ID.IsZero() {
			what = x.Name
		}
		if err := f.Emit(finding{x.Kind, x.ID, x.Name, x.Err.Error()}, func() { f.IO.Printf("%s %s: %v\n", x.Kind, what, x.Err) }); err != nil {
			return err
		}
	}
	return nil
}
