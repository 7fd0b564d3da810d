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
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
)

// entryLine is an entry of a tree in JSON.
type entryLine struct {
	Path       string       `json:"path"`               // what is no UTF-8 is replaced
	PathHex    string       `json:"path_hex,omitempty"` // the path's bytes, where they are no UTF-8
	Kind       string       `json:"kind"`               // file, folder or link
	Executable bool         `json:"executable,omitempty"`
	Size       uint64       `json:"size"`
	CID        *object.Hash `json:"cid,omitempty"` // of a file; of a folder, the id of its tree
	Target     string       `json:"target,omitempty"`
	TargetHex  string       `json:"target_hex,omitempty"`
}

func lineOf(path []byte, e tree.Entry) entryLine {
	l := entryLine{Kind: kindOf(e), Executable: e.Executable, Size: e.Size, CID: e.Content}
	l.Path, l.PathHex = text(path)
	l.Target, l.TargetHex = text(e.Target)
	return l
}

// text is bytes as JSON can say them, and as hex where it cannot.
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

// words is an entry as a line of text: kind, cid, size and path.
func (l entryLine) words(path []byte, e tree.Entry) string {
	kind, cid := l.Kind, "-"
	if l.Executable {
		kind = "exec"
	}
	if l.CID != nil {
		cid = l.CID.String()
	}
	line := kind + strings.Repeat(" ", 7-len(kind)) + cid + " " + strconv.FormatUint(l.Size, 10) + " " + quoted(path)
	if e.Kind == tree.Folder {
		line += "/"
	}
	if e.Kind == tree.Link {
		line += " -> " + quoted(e.Target)
	}
	return line
}

// quoted is a path on a line of its own: in quotes where it has control characters, quotes
// or bytes that are no UTF-8.
func quoted(path []byte) string {
	s := string(path)
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) || strings.Contains(s, `"`) {
		return strconv.Quote(s)
	}
	return s
}

func newLs(f *cmdutil.Factory) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:     "ls TREE[:PATH]",
		Short:   "List a folder of a tree: kind, cid, size and name",
		Example: "  mythos tree ls TREE:docs --json",
		Args:    cmdutil.Args(1, 1),
		RunE:    func(c *cobra.Command, args []string) error { return runLs(c.Context(), f, args[0], all) },
	}
	c.Flags().BoolVarP(&all, "recursive", "r", false, "list what is in folders, too")
	return c
}

func runLs(ctx context.Context, f *cmdutil.Factory, where string, all bool) error {
	n, p, e, err := find(ctx, f, where)
	if err != nil {
		return err
	}
	show := func(path []byte, e tree.Entry) (bool, error) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		l := lineOf(path, e)
		return all, f.Emit(l, func() { f.IO.Printf("%s\n", l.words(path, e)) })
	}
	if e.Kind != tree.Folder {
		_, err := show(p.Path, e)
		return err
	}
	return explain(where, tree.Walk(n.Store.Nodes(ctx), *e.Content, show))
}

// changeLine is one difference of two trees in JSON.
type changeLine struct {
	Change string     `json:"change"` // added, removed or changed
	Old    *entryLine `json:"old,omitempty"`
	New    *entryLine `json:"new,omitempty"`
}

func newDiff(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use:   "diff A B",
		Short: "Tell what differs between two trees; folders with the same id are not read",
		Long: "Prints a line a difference: + what only B has, - what only A has, ~ what changed. With --json: both entries. A and B may be\n" +
			"TREE or TREE:PATH. The exit code is 0, whether or not there are any.",
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
			return clierr.Usagef("%s is no folder", []string{a, b}[i])
		}
		sides[i] = *e.Content
	}
	return explain(a, tree.Diff(n.Store.Nodes(ctx), sides[0], sides[1], func(c tree.Change) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		l, sign, e := changeLine{Change: "changed"}, "~", c.New
		if c.Old != nil {
			old := lineOf(c.Path, *c.Old)
			l.Old = &old
		} else {
			l.Change, sign = "added", "+"
		}
		if c.New != nil {
			now := lineOf(c.Path, *c.New)
			l.New = &now
		} else {
			l.Change, sign, e = "removed", "-", c.Old
		}
		return f.Emit(l, func() { f.IO.Printf("%s %s\n", sign, lineOf(c.Path, *e).words(c.Path, *e)) })
	}))
}
