package treecmd

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
)

// entryLine is an entry of a tree in JSON.
type entryLine struct {
	Path       string       `json:"path"`               // invalid UTF-8 is replaced
	PathHex    string       `json:"path_hex,omitempty"` // the path's bytes, if they are not UTF-8
	Kind       string       `json:"kind"`               // file, folder or link
	Executable bool         `json:"executable,omitempty"`
	Size       uint64       `json:"size"`
	CID        *object.Hash `json:"cid,omitempty"` // of a file; for a folder, the id of its tree
	Target     string       `json:"target,omitempty"`
	TargetHex  string       `json:"target_hex,omitempty"`
}

func lineOf(path []byte, e tree.Entry) entryLine {
	l := entryLine{Kind: kindOf(e), Executable: e.Executable, Size: e.Size, CID: e.Content}
	l.Path, l.PathHex = text(path)
	l.Target, l.TargetHex = text(e.Target)
	return l
}

// text is bytes as JSON text, and as hex if they are not UTF-8.
func text(b []byte) (s, inHex string) {
	if utf8.Valid(b) {
		return string(b), ""
	}
	return strings.ToValidUTF8(string(b), "\ufffd"), hex.EncodeToString(b)
}

func kindOf(e tree.Entry) string {
	switch e.Kind {
	case tree.Folder:
		return "folder"
	case tree.Link:
		return "link"
	}
	return "file"
}

// header names the columns of cells.
var header = []string{"kind", "cid", "size", "path", "target"}

// cells is an entry as a row.
func cells(io *ui.Streams, path []byte, e tree.Entry) []ui.Cell {
	kind, cid := kindOf(e), "-"
	if e.Executable {
		kind = "exec"
	}
	if e.Content != nil {
		cid = io.Hash(e.Content.String())
	}
	return []ui.Cell{{Text: kind, Meaning: ui.Dim}, {Text: cid, Meaning: ui.Name}, {Text: strconv.FormatUint(e.Size, 10)},
		{Text: quoted(path)}, {Text: quoted(e.Target), Meaning: ui.Dim}}
}

// quoted is a path as one field that shows its bytes: unchanged, or quoted as in Go if it has quotes, invalid UTF-8 or
// unprintable characters.
func quoted(path []byte) string {
	s := string(path)
	odd := func(r rune) bool { return r == '"' || !unicode.IsPrint(r) }
	if !utf8.ValidString(s) || strings.ContainsFunc(s, odd) {
		return strconv.Quote(s)
	}
	return s
}

func newLs(f *cmdutil.Factory) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "ls TREE[:PATH]",
		Short: "List a folder of a tree: kind, cid, size and name",
		Long: "Lists kind, cid, size, path and, for a link, its target; when piped, separated by tabs. A path or a target with\n" +
			"quotes, unprintable characters or bytes that are not UTF-8 is quoted and escaped: \"a\\nb\". --json has its bytes.",
		Example: "  mythos tree ls TREE:docs --json",
		Args:    cmdutil.Args(1, 1),
		RunE:    func(c *cobra.Command, args []string) error { return runLs(c.Context(), f, args[0], all) },
	}
	c.Flags().BoolVarP(&all, "recursive", "r", false, "also list what is in the folders")
	return c
}

func runLs(ctx context.Context, f *cmdutil.Factory, where string, all bool) error {
	n, p, e, err := find(ctx, f, where)
	if err != nil {
		return err
	}
	rows := f.Pages(header...)
	show := func(path []byte, e tree.Entry) (bool, error) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		return all, f.Emit(lineOf(path, e), func() { rows.Add(cells(f.IO, path, e)...) })
	}
	defer rows.Flush()
	if e.Kind != tree.Folder {
		_, err := show(p.Path, e)
		return err
	}
	return explain(where, tree.Walk(n.Store.Nodes(ctx), *e.Content, show))
}

// changeLine is one difference between two trees in JSON.
type changeLine struct {
	Change string     `json:"change"` // added, removed or changed
	Old    *entryLine `json:"old,omitempty"`
	New    *entryLine `json:"new,omitempty"`
}

func newDiff(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use:   "diff A B",
		Short: "Show what differs between two trees; folders with the same id are not read",
		Long: "Prints one line per difference: + for what only B has, - for what only A has, ~ for what changed, and then the\n" +
			"fields of `mythos tree ls`. With --json: both entries. A and B may be TREE or TREE:PATH. The exit code is 0,\n" +
			"whether or not there are differences.",
		Example: "  mythos tree diff @last @new",
		Args:    cmdutil.Args(2, 2),
		RunE:    func(c *cobra.Command, args []string) error { return runDiff(c.Context(), f, args[0], args[1]) },
	}
}

func runDiff(ctx context.Context, f *cmdutil.Factory, a, b string) error {
	var sides [2]object.Hash
	n, _, from, err := find(ctx, f, a)
	if err != nil {
		return err
	}
	_, _, to, err := find(ctx, f, b)
	if err != nil {
		return err
	}
	for i, e := range []tree.Entry{from, to} {
		if e.Kind != tree.Folder {
			return clierr.Usagef("%s is not a folder", []string{a, b}[i])
		}
		sides[i] = *e.Content
	}
	rows := f.Pages(append([]string{""}, header...)...)
	defer rows.Flush()
	return explain(a, tree.Diff(n.Store.Nodes(ctx), sides[0], sides[1], func(c tree.Change) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		l, sign, e := changeLine{Change: "changed"}, ui.Cell{Text: "~", Meaning: ui.Warn}, c.New
		if c.Old != nil {
			old := lineOf(c.Path, *c.Old)
			l.Old = &old
		} else {
			l.Change, sign = "added", ui.Cell{Text: "+", Meaning: ui.Good}
		}
		if c.New != nil {
			now := lineOf(c.Path, *c.New)
			l.New = &now
		} else {
			l.Change, sign, e = "removed", ui.Cell{Text: "-", Meaning: ui.Bad}, c.Old
		}
		return f.Emit(l, func() { rows.Add(append([]ui.Cell{sign}, cells(f.IO, c.Path, *e)...)...) })
	}))
}
