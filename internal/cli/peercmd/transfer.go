package peercmd

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/parts"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
)

// NewPull is `mythos pull`.
func NewPull(f *cmdutil.Factory) *cobra.Command {
	var with string
	c := &cobra.Command{
		Use: "pull PEER OBJECT... --cap CAP", Short: "Fetch what is missing of an object, every part checked",
		Long: "With an object comes what it rests on: the chunks of a blob, the episodes of a dataset, the weights of a model and the evidence\n" +
			"that `mythos why` asks for. Only what is not here moves, and what has arrived is kept: a pull that was cut off goes on where it\n" +
			"ended. PEER may be several, with commas between them: they share the work, and one that fails or sends what does not hold is\n" +
			"named and left out.",
		Example: "  mythos pull http://127.0.0.1:7480 3f9c... --cap cap.txt", Args: cmdutil.Args(2, -1),
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
		root, err := object.ParseHash(text)
		if err != nil {
			return clierr.Usagef("%w: a peer's object is named by its whole hash", err)
		}
		bar := f.IO.Bytes("pull", 0)
		got, err := parts.Pull(ctx, peers, root, chain, bar, func(c *peer.Client, err error) {
			f.IO.Notef("%s is left out: %s", c, ui.CleanLines(err.Error()))
		})
		bar.Stop()
		if err != nil {
			return peerError(err)
		}
		f.IO.Notef("%s, %d bytes", cmdutil.Count(got.Parts, "part", "parts"), got.Bytes)
		if err := notePulled(ctx, f, root); err != nil {
			return err
		}
		if err := f.Emit(pulled{root, got.Parts, got.Bytes}, func() { f.IO.Printf("%s\n", root) }); err != nil {
			return err
		}
	}
	return nil
}

// notePulled makes the datasets that came known, and says so.
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
		Long: "The capability, blob.write, says how many bytes and which media types the peer takes; objects count as\n" +
			"application/mythos. Only what this agent has not brought there in the last days moves, whatever others have stored, and what\n" +
			"has arrived is kept there and paid for once.",
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
			return peerError(err)
		}
		f.IO.Notef("%s, %d bytes; %s keeps it as @%s", cmdutil.Count(got.Parts, "part", "parts"), got.Bytes, cl, got.Ref)
		if err := f.Emit(pushed{root, got.Parts, got.Bytes, got.Ref}, func() { f.IO.Printf("%s\n", root) }); err != nil {
			return err
		}
	}
	return nil
}

type fetchOptions struct {
	Peer, CID, Range, Cap, Out string
}

// NewFetch is `mythos fetch`.
func NewFetch(f *cmdutil.Factory) *cobra.Command {
	o := &fetchOptions{}
	c := &cobra.Command{
		Use: "fetch PEER CID [--range OFF:LEN] --cap CAP [-o FILE]", Short: "Write a range of a peer's blob, checked by its proof",
		Long: "Chunks that the range touches move, each with the proof that it stands at its place. Nothing is kept here. The bytes are\n" +
			"those that are stored: of a compressed or encrypted blob, pull all of it instead. So with a tree: one path of it cannot be fetched\n" +
			"yet, and a pull moves what is missing here.",
		Example: "  mythos fetch http://127.0.0.1:7480 3f9c... --range 0:100 --cap cap.txt", Args: cmdutil.Args(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			o.Peer, o.CID = args[0], args[1]
			return runFetch(c.Context(), f, o)
		},
	}
	c.Flags().StringVar(&o.Range, "range", "", "only LEN bytes from OFF on, as OFF:LEN")
	c.Flags().StringVar(&o.Cap, "cap", "", "a blob.read capability for the blob, or for the range: a file or an id (required)")
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
	cid, err := object.ParseHash(o.CID)
	if err != nil {
		return clierr.Usagef("%w: a peer's blob is named by its whole cid", err)
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
		got, err = parts.Fetch(ctx, cl, cid, uint64(off), n, chain, w)
		return err
	})
	if err != nil {
		return peerError(err)
	}
	f.IO.Notef("%s, %d bytes moved", cmdutil.Count(got.Parts, "part", "parts"), got.Bytes)
	return nil
}

// shownCap reads an exported chain from a file, or takes one that is here.
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
