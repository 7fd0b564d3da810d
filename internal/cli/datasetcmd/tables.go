package datasetcmd

import (
	"context"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/lookup"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
)

// listing prints ids, one per line, for use in pipes; for people it prints a table with more columns.
type listing struct {
	f      *cmdutil.Factory
	n      *repo.Repo
	header []string
	rows   [][]ui.Cell
}

// add lists an id. more returns the other cells; it is only called for people.
func (l *listing) add(id object.Hash, more func() []ui.Cell) {
	if !l.f.IO.OutTTY {
		l.f.IO.Printf("%s\n", id)
		return
	}
	l.rows = append(l.rows, append([]ui.Cell{{Text: l.f.IO.Hash(id.String())}}, more()...))
}

func (l *listing) end() {
	if l.f.IO.OutTTY && !l.f.JSON {
		l.f.IO.Table(l.header, l.rows)
	}
}

// names are the refs, by target.
func (l *listing) names(ctx context.Context) (map[object.Hash]string, error) {
	names := map[object.Hash]string{}
	if !l.f.IO.OutTTY {
		return names, nil
	}
	return names, l.n.Store.Refs(ctx, func(name string, h object.Hash) error {
		if strings.HasPrefix(name, lookup.DatasetRefs) {
			return nil
		}
		h, err := l.n.Datasets.Manifest(ctx, h)
		names[h] = strings.TrimSpace(names[h] + " @" + name)
		return err
	})
}

// length is the number of ids in a list, or a word if the list cannot be read.
func (l *listing) length(ctx context.Context, root object.Hash) string {
	tree, err := merkle.OpenList(l.n.Store.Nodes(ctx), root)
	if err != nil {
		return "damaged"
	}
	return strconv.FormatUint(tree.Len(), 10)
}

// episodeCells describe an episode: its time and its content.
func (l *listing) episodeCells(ctx context.Context, e *object.EpisodeRef) []ui.Cell {
	what := ui.Cell{Text: "run"}
	if r, err := l.n.Episodes.CallOf(ctx, e); err == nil {
		what = ui.Cell{Text: l.n.Toolbox.Name(ctx, r.ToolID) + " " + strconv.Itoa(int(r.Status))}
		if r.Status >= 400 {
			what.Meaning = ui.Bad
		}
	}
	return []ui.Cell{{Text: e.TimeObserved.Std().UTC().Format("2006-01-02 15:04:05Z"), Meaning: ui.Dim}, what}
}
