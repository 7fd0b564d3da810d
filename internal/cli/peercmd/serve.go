// Package peercmd holds the commands over packets and peers.
package peercmd

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/socket"
)

// NewServe is `mythos serve`.
func NewServe(f *cmdutil.Factory) *cobra.Command {
	var listen string
	var acceptCodebooks bool
	c := &cobra.Command{
		Use: "serve [--listen ADDR]", Short: "Take packets from trusted agents, run them and answer; serve objects to who may read them",
		Example: "  mythos serve --listen 127.0.0.1:7480", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			if listen == "" {
				listen = n.Config.Listen
			}
			l, err := net.Listen("tcp", listen)
			if err != nil {
				return clierr.New(clierr.Failed, "listen: %w", err).With("choose another address with --listen")
			}
			local, err := serveLocal(f, n)
			if err != nil {
				return err
			}
			defer local()
			f.IO.Notef("%s serves on http://%s", n.Self(), l.Addr())
			s := &peer.Server{Node: n, Log: slog.New(slog.NewTextHandler(f.IO.Err, nil)), AcceptCodebooks: acceptCodebooks}
			return s.Serve(c.Context(), l)
		},
	}
	c.Flags().StringVar(&listen, "listen", "", "address and port; port 0 picks a free one")
	c.Flags().BoolVar(&acceptCodebooks, "accept-codebooks", false, "accept every codebook that an agent trusted for packets proposes")
	return f.Returns(c, serveResults)
}

// serveLocal lets the other commands on this repository work through this process.
func serveLocal(f *cmdutil.Factory, n *node.Node) (stop func(), err error) {
	s, err := n.ServeLocal()
	if errors.Is(err, socket.ErrServed) || errors.Is(err, errors.ErrUnsupported) {
		f.IO.Notef("commands on this repository do not work through this process: %v", err)
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	return func() {
		if err := s.Close(); err != nil {
			f.IO.Notef("local socket: %v", err)
		}
	}, nil
}

// client finds the peer that text names: a URL, or a name given with `peer add`.
func client(ctx context.Context, f *cmdutil.Factory, text string) (*peer.Client, error) {
	n, err := f.Node(ctx)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(text, "://") {
		url, err := n.PeerURL(ctx, text)
		if err != nil {
			return nil, err
		}
		text = url
	}
	return &peer.Client{Node: n, URL: strings.TrimSuffix(text, "/")}, nil
}

// peerError gives a peer's refusal its exit code.
func peerError(err error) error {
	se, ok := err.(*peer.StatusError) //nolint:errorlint // the client returns it as it is
	switch {
	case !ok:
		return err
	case se.Status == 403:
		return clierr.New(clierr.Refused, "%w", err)
	case se.Status == 404:
		return clierr.New(clierr.NotFound, "%w", err)
	case se.Status == 409:
		return clierr.New(clierr.Refused, "%w", err).With("submit again: every submission carries a fresh replay guard")
	case se.Status == http.StatusNotAcceptable:
		return clierr.New(clierr.Invalid, "%w", err).With("see `mythos codebook ls`")
	case se.Status == 400:
		return clierr.New(clierr.Invalid, "%w", err)
	}
	return err
}

type submitOptions struct {
	Peer, Bundle, Out string
	Caps              []string
	Encrypt           []string
}

// NewSubmit is `mythos submit`.
func NewSubmit(f *cmdutil.Factory) *cobra.Command {
	o := &submitOptions{}
	c := &cobra.Command{
		Use: "submit PEER BUNDLE [--cap CAP]... [-o FILE]", Short: "Send a bundle as a signed packet, wait, verify the signed answer, print the result",
		Example: "  mythos submit http://127.0.0.1:7480 hello.bundle", Args: cmdutil.Args(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			o.Peer, o.Bundle = args[0], args[1]
			return runSubmit(c.Context(), f, o)
		},
	}
	c.Flags().StringArrayVar(&o.Caps, "cap", nil, "a capability to send along; may be repeated")
	c.Flags().StringArrayVar(&o.Encrypt, "encrypt", nil, "encrypt to this agent; may be repeated")
	c.Flags().StringVarP(&o.Out, "output", "o", "", "also write the answer, a packet, to this file")
	return f.Returns(c, submitResults)
}

func runSubmit(ctx context.Context, f *cmdutil.Factory, o *submitOptions) error {
	raw, err := f.Read(o.Bundle)
	if err != nil {
		return err
	}
	cl, err := client(ctx, f, o.Peer)
	if err != nil {
		return err
	}
	opts, err := (&packOptions{Caps: o.Caps, To: o.Encrypt, Guard: true}).resolve(ctx, f)
	if err != nil {
		return err
	}
	if opts.Codebook, err = cl.CodebookWith(ctx); err != nil {
		return peerError(err)
	}
	answer, got, err := submit(ctx, f, cl, raw, opts)
	if err != nil {
		return peerError(err)
	}
	if o.Out != "" {
		if err := f.Write(o.Out, answer); err != nil {
			return err
		}
	}
	a := got.Answer
	f.IO.Notef("answered by %s with %d receipts", got.Author, len(a.Receipts))
	view, err := object.ToJSON(nil, a.Result)
	if err != nil {
		return err
	}
	err = f.Emit(submitted{a.PacketID, a.BundleID, a.TaskID, a.ResultHash,
		len(a.Receipts), a.EpisodeID, a.Halted, got.Author.KeyHex()}, func() { f.IO.Printf("%s\n", view) })
	if err == nil && a.Halted != nil {
		err = clierr.New(clierr.Refused, "the task was halted: %s", *a.Halted)
	}
	return err
}

// submit packs and sends a bundle. A peer that no longer knows the codebook gets it with
// the baseline: a packet is refused for its codebook before anything comes of it.
func submit(ctx context.Context, f *cmdutil.Factory, cl *peer.Client, raw []byte, o node.PackOptions) ([]byte, *node.Received, error) {
	pkt, err := pack(ctx, f, raw, o)
	if err != nil {
		return nil, nil, err
	}
	answer, got, err := cl.Submit(ctx, pkt)
	var refused *peer.StatusError
	if o.Codebook != nil && errors.As(err, &refused) && refused.Status == http.StatusNotAcceptable {
		f.IO.Notef("the peer does not take the codebook: the baseline serves")
		o.Codebook = nil
		return submit(ctx, f, cl, raw, o)
	}
	return answer, got, err
}

// NewPull is `mythos pull`.
func NewPull(f *cmdutil.Factory) *cobra.Command {
	var with string
	c := &cobra.Command{
		Use: "pull PEER OBJECT... --cap CAP", Short: "Fetch everything below an object from a peer; every part is checked on arrival",
		Example: "  mythos pull http://127.0.0.1:7480 3f9c... --cap cap.txt", Args: cmdutil.Args(2, -1),
		RunE: func(c *cobra.Command, args []string) error { return runPull(c.Context(), f, args[0], args[1:], with) },
	}
	c.Flags().StringVar(&with, "cap", "", "a blob.read capability for the object: a file or an id (required)")
	return f.Returns(c, pullResults)
}

func runPull(ctx context.Context, f *cmdutil.Factory, from string, objects []string, with string) error {
	cl, err := client(ctx, f, from)
	if err != nil {
		return err
	}
	chain, err := shownCap(ctx, f, with)
	if err != nil {
		return err
	}
	for _, text := range objects {
		root, err := object.ParseHash(text)
		if err != nil {
			return clierr.Usagef("%w: a peer's object is named by its whole hash", err)
		}
		bar := f.IO.Bytes("pull", 0)
		got, err := cl.Pull(ctx, root, chain, bar.Add)
		bar.Stop()
		if err != nil {
			return peerError(err)
		}
		f.IO.Notef("%d parts, %d bytes", got.Parts, got.Bytes)
		if err := f.Emit(pulled{root, got.Parts, got.Bytes}, func() { f.IO.Printf("%s\n", root) }); err != nil {
			return err
		}
	}
	return nil
}

// shownCap reads an exported chain from a file, or takes one that is here.
func shownCap(ctx context.Context, f *cmdutil.Factory, text string) (caps.Chain, error) {
	if text == "" {
		return nil, clierr.Usagef("--cap is required").With("the peer issues one: mythos cap issue --to AGENT --scope blob.read:HASH, then cap export")
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
	n, err := f.Node(ctx)
	if err != nil {
		return nil, err
	}
	return n.Chain(ctx, id)
}
