package whycmd

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/explain"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/model/why"
)

// Output of the command.
var results = cmdutil.Results{"": cmdutil.Document(why.Node{})}

type whyOptions struct {
	cmdutil.Drawing
	explain.Options
	Object string
}

// New is `mythos why`.
func New(f *cmdutil.Factory) *cobra.Command {
	o := &whyOptions{}
	c := &cobra.Command{
		Use: "why OBJECT", Short: "Show what something rests on, verifying every link",
		Long: "OBJECT is a ring (@ring0), any object, a run, or the file of a packet. Walks down to the capabilities and\n" +
			"chunks, offline, and verifies every hash and signature, and every capability as of the time of its use. Of many\n" +
			"objects of one kind, it shows the first few and verifies all; it always shows one that does not hold. Exit code\n" +
			"5 if a link does not hold; the first such link is named.",
		Example: "  mythos why @ring0\n  mythos why @ring0 --svg > why.svg", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Object = args[0]
			return runWhy(c.Context(), f, o)
		},
	}
	o.Flags(c)
	c.Flags().IntVar(&o.Width, "width", 3, "how many objects of one kind to show")
	c.Flags().BoolVar(&o.Sample, "sample", false, "verify only what is shown")
	return f.Returns(c, results)
}

// ringNamed reads "@ring0" or "ring0".
func ringNamed(name string) (uint8, bool) {
	digits, ok := strings.CutPrefix(strings.TrimPrefix(name, "@"), "ring")
	ring, err := strconv.ParseUint(digits, 10, 8)
	return uint8(ring), ok && err == nil
}

func runWhy(ctx context.Context, f *cmdutil.Factory, o *whyOptions) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	tree, err := walk(ctx, f, n, o)
	if err != nil {
		return err
	}
	if err := o.Draw(f, tree); err != nil {
		return err
	}
	return broken(tree)
}

// walk walks from the named start: a ring, an object or the file of a packet.
func walk(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, o *whyOptions) (*why.Node, error) {
	if ring, ok := ringNamed(o.Object); ok {
		return n.Explain.Why(ctx, why.Start{Ring: &ring}, o.Options)
	}
	id, err := f.Resolve(ctx, o.Object)
	if err == nil {
		return n.Explain.Why(ctx, why.Start{ID: id}, o.Options)
	}
	if st, serr := os.Stat(o.Object); serr != nil || !st.Mode().IsRegular() {
		return nil, err
	}
	raw, err := f.Read(o.Object)
	if err != nil {
		return nil, err
	}
	if !n.Packets.IsPacket(raw) {
		return nil, clierr.Usagef("%s is not a packet; name an object by its id", o.Object)
	}
	return n.Explain.Packet(ctx, raw, o.Options)
}

// broken is the error with the first problem of a tree.
func broken(tree *why.Node) error {
	path := why.FirstProblem(tree)
	if path == nil {
		return nil
	}
	bad := path[len(path)-1]
	var way []string
	for _, n := range path[:len(path)-1] {
		way = append(way, n.Kind)
	}
	below := ""
	if len(way) > 0 {
		below = fmt.Sprintf(" (below %s)", strings.Join(way, " → "))
	}
	return clierr.New(clierr.Invalid, "%s %s does not hold: %s%s", bad.Kind, bad.ID.Short(), bad.Problem, below).On(bad.ID.String())
}
