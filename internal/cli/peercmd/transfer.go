package peercmd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/parts"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
)

// NewPull is `mythos pull`.
func NewPull(f *cmdutil.Factory) *cobra.Command {
	var with string
	c := &cobra.Command{
		Use: "pull PEER OBJECT[:PATH]... --cap CAP", Short: "Fetch the missing parts of an object, and check every part",
		Long: "An object brings what it rests on: the chunks of a blob, the episodes of a dataset, the weights of a model and\n" +
			"the evidence that `mythos why` needs. Only what is missing here moves, and what has arrived is kept: run an\n" +
			"interrupted pull again to continue it. PEER may be several peers, separated by commas: they share the work, and\n" +
			"one that fails or sends wrong data is named and left out. TREE:PATH fetches only the folder or file at a path of\n" +
			"a tree, and prints its id.",
		Example: "  mythos pull http://127.0.0.1:7480 3f9c... --cap cap.txt\n  mythos pull http://127.0.0.1:7480 3f9c...:docs --cap cap.txt", Args: cmdutil.Args(2, -1),
		RunE: func(c *cobra.Command, args []string) error { return runPull(c.Context(), f, args[0], args[1:], with) },
	}
	c.Flags().StringVar(&with, "cap", "", "a blob.read capability for the object: a file or an id (required)")
	return f.Returns(c, pullResults)
}

func runPull(ctx context.Context, f *cmdutil.Factory, from string, objects []string, with string) error {
	peers, err := clients(ctx, f, from)
	if err != nil {
		return err
	}
	chain, err := shownCap(ctx, f, with, "blob.read:HASH")
	if err != nil {
		return err
	}
	for _, text := range objects {
		root, path, err := parsePlace(text)
		if err != nil {
			return err
		}
		bar := f.IO.Bytes("pull", 0)
		got, root, err := pullPlace(ctx, peers, root, path, chain, bar, func(c *peer.Client, err error) {
			f.IO.Notef("%s is left out: %s", c, ui.CleanLines(err.Error()))
		})
		bar.Stop()
		if err != nil {
			return PeerError(err)
		}
		f.IO.Notef("%s, %d bytes", units.Count(got.Parts, "part"), got.Bytes)
		if len(path) == 0 {
			if err := notePulled(ctx, f, root); err != nil {
				return err
			}
		}
		if err := f.Emit(pulled{root, got.Parts, got.Bytes}, func() { f.IO.Printf("%s\n", root) }); err != nil {
			return err
		}
	}
	return nil
}

// pullPlace pulls an object, or the entry at a path of a tree, and returns its id.
func pullPlace(ctx context.Context, peers []*peer.Client, root object.Hash, path []byte, chain caps.Chain, bar parts.Progress, dropped func(*peer.Client, error)) (parts.Moved, object.Hash, error) {
	if len(path) == 0 {
		got, err := parts.Pull(ctx, peers, root, chain, bar, dropped)
		return got, root, err
	}
	e, got, err := parts.PullPath(ctx, peers, root, path, chain, bar, dropped)
	if err == nil && e.Content == nil {
		err = noContent(root, path, e)
	}
	if err != nil {
		return got, root, err
	}
	return got, *e.Content, nil
}

// noContent refuses a path that leads to a link.
func noContent(root object.Hash, path []byte, e tree.Entry) error {
	return clierr.Usagef("%s of tree %s is a link to %q: links are not followed", cmdutil.FileName(string(path)), root.Short(), e.Target)
}

// parsePlace reads HASH[:PATH].
func parsePlace(text string) (object.Hash, []byte, error) {
	name, path, _ := strings.Cut(text, ":")
	root, err := object.ParseHash(name)
	if err != nil {
		return root, nil, clierr.Usagef("%w: name a peer's object by its whole hash", err)
	}
	if _, err := tree.SplitPath([]byte(path)); err != nil {
		return root, nil, clierr.Usagef("%w", err)
	}
	return root, bytes.Trim([]byte(path), "/"), nil
}

// notePulled registers the datasets that were pulled, and reports it.
func notePulled(ctx context.Context, f *cmdutil.Factory, root object.Hash) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	manifests, err := n.Transfer.PulledDatasets(ctx, root)
	for _, m := range manifests {
		f.IO.Notef("dataset %s is here: `mythos dataset verify %s` selects it again from the evidence", m.Short(), m.Short())
	}
	return err
}

// NewPush is `mythos push`.
func NewPush(f *cmdutil.Factory) *cobra.Command {
	var with string
	c := &cobra.Command{
		Use: "push PEER OBJECT... --cap CAP", Short: "Send an object and everything below it to a peer",
		Long: "The capability, blob.write, limits the bytes and media types that the peer accepts; objects count as\n" +
			"application/mythos. Only what this agent has not sent there in the last days moves, whatever others have stored.\n" +
			"What has arrived stays there and is paid for once.",
		Example: "  mythos push http://127.0.0.1:7480 @model --cap cap.txt", Args: cmdutil.Args(2, -1),
		RunE: func(c *cobra.Command, args []string) error { return runPush(c.Context(), f, args[0], args[1:], with) },
	}
	c.Flags().StringVar(&with, "cap", "", "a blob.write capability of the peer: a file or an id (required)")
	return f.Returns(c, pushResults)
}

func runPush(ctx context.Context, f *cmdutil.Factory, to string, objects []string, with string) error {
	cl, err := client(ctx, f, to)
	if err != nil {
		return err
	}
	chain, err := shownCap(ctx, f, with, "blob.write:NAME,max=SIZE,media=T")
	if err != nil {
		return err
	}
	for _, text := range objects {
		root, err := f.Resolve(ctx, text)
		if err != nil {
			return err
		}
		bar := f.IO.Bytes("push", 0)
		got, err := parts.Push(ctx, cl, root, chain, bar)
		bar.Stop()
		if err != nil {
			return PeerError(err)
		}
		f.IO.Notef("%s, %d bytes; %s keeps it as @%s", units.Count(got.Parts, "part"), got.Bytes, cl, got.Ref)
		if err := f.Emit(pushed{root, got.Parts, got.Bytes, got.Ref}, func() { f.IO.Printf("%s\n", root) }); err != nil {
			return err
		}
	}
	return nil
}

type fetchOptions struct {
	Peer, Place, Range, Cap, Out string
}

// NewFetch is `mythos fetch`.
func NewFetch(f *cmdutil.Factory) *cobra.Command {
	o := &fetchOptions{}
	c := &cobra.Command{
		Use: "fetch PEER CID|TREE:PATH [--range OFF:LEN] --cap CAP [-o FILE]", Short: "Write a range of a peer's blob, or a file of its tree, and check the proofs",
		Long: "Only the chunks that the range touches move, each with the proof of its place. Nothing is kept here. The bytes\n" +
			"are the stored ones: pull the whole of a compressed or encrypted blob instead. For a tree, the entries on the\n" +
			"way to PATH move, too; the capability is for the tree.",
		Example: "  mythos fetch http://127.0.0.1:7480 3f9c... --range 0:100 --cap cap.txt\n  mythos fetch http://127.0.0.1:7480 3f9c...:docs/a.txt --cap cap.txt", Args: cmdutil.Args(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			o.Peer, o.Place = args[0], args[1]
			return runFetch(c.Context(), f, o)
		},
	}
	c.Flags().StringVar(&o.Range, "range", "", "only LEN bytes from OFF on, as OFF:LEN")
	c.Flags().StringVar(&o.Cap, "cap", "", "a blob.read capability for the blob, the range or the tree: a file or an id (required)")
	c.Flags().StringVarP(&o.Out, "output", "o", "", "write to this file, whole or not at all")
	return f.Returns(c, fetchResults)
}

func runFetch(ctx context.Context, f *cmdutil.Factory, o *fetchOptions) error {
	off, length, err := cmdutil.ParseRange(o.Range)
	if err != nil {
		return err
	}
	n := uint64(length)
	if o.Range == "" {
		n = parts.ToEnd
	}
	root, path, err := parsePlace(o.Place)
	if err != nil {
		return err
	}
	cl, err := client(ctx, f, o.Peer)
	if err != nil {
		return err
	}
	chain, err := shownCap(ctx, f, o.Cap, "blob.read:CID@OFF+LEN")
	if err != nil {
		return err
	}
	var got parts.Moved
	err = f.WriteWith(o.Out, func(w io.Writer) (err error) {
		if len(path) == 0 {
			got, err = parts.Fetch(ctx, cl, root, uint64(off), n, chain, w)
			return err
		}
		var e tree.Entry
		e, got, err = parts.FetchPath(ctx, cl, root, path, uint64(off), n, chain, w)
		return noFile(root, path, e, err)
	})
	if err != nil {
		return PeerError(err)
	}
	f.IO.Notef("%s, %d bytes moved", units.Count(got.Parts, "part"), got.Bytes)
	return nil
}

// noFile adds the remedy for a path without a file.
func noFile(root object.Hash, path []byte, e tree.Entry, err error) error {
	switch {
	case !errors.Is(err, parts.ErrNotFile):
		return err
	case e.Kind == tree.Link:
		return noContent(root, path, e)
	}
	return clierr.Usagef("%s of tree %s is a folder", cmdutil.FileName(string(path)), root.Short()).With("mythos pull PEER " + root.String() + ":PATH --cap CAP, then mythos tree get")
}

// shownCap reads an exported chain from a file, or takes one from the repository.
func shownCap(ctx context.Context, f *cmdutil.Factory, text, scope string) (caps.Chain, error) {
	if text == "" {
		return nil, clierr.Usagef("--cap is required").With("the peer issues one: mythos cap issue --to AGENT --scope " + scope + ", then cap export")
	}
	if _, err := os.Stat(text); err == nil {
		data, err := f.Read(text)
		if err != nil {
			return nil, err
		}
		return caps.Import(data)
	}
	id, err := f.Resolve(ctx, text)
	if err != nil {
		return nil, err
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return nil, err
	}
	return n.Auth.Chain(ctx, id)
}
