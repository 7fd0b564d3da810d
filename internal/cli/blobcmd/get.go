package blobcmd

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/trees"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
)

type getOptions struct {
	CID        string
	Range      string
	Out        string
	Identities []string
}

func newGet(f *cmdutil.Factory) *cobra.Command {
	o := &getOptions{}
	c := &cobra.Command{
		Use:     "get CID [--range OFF:LEN] [-o FILE]",
		Short:   "Write a blob's verified bytes",
		Example: "  mythos blob get \"$(echo hello | mythos blob put -)\"",
		Args:    cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.CID = args[0]
			return runGet(c.Context(), f, o)
		},
	}
	c.Flags().StringVar(&o.Range, "range", "", "only LEN bytes from OFF on, as OFF:LEN")
	c.Flags().StringVarP(&o.Out, "output", "o", "", "write to this file, whole or not at all")
	c.Flags().StringArrayVarP(&o.Identities, "identity", "i", nil,
		"age or SSH identity file to decrypt with (may be repeated); keys of this repository are used without it")
	return c
}

func runGet(ctx context.Context, f *cmdutil.Factory, o *getOptions) error {
	off, length, err := cmdutil.ParseRange(o.Range)
	if err != nil {
		return err
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	cid, err := f.Resolve(ctx, o.CID)
	if err != nil {
		return err
	}
	open := codec.Keys{Key: n.FindBlobKey, Passphrase: f.Passphrase()}
	for _, file := range o.Identities {
		id, err := f.Read(file)
		if err != nil {
			return err
		}
		open.Identities = append(open.Identities, string(id))
	}
	b, err := n.Store.OpenBlob(ctx, cid, open)
	if errors.Is(err, store.ErrNotFound) && o.Range == "" {
		// Data without a reference: a request, a response.
		if data, plain := n.Store.Bytes(ctx, cid); plain == nil {
			return f.Write(o.Out, data)
		}
	}
	if errors.Is(err, store.ErrNotFound) { // a file of a tree
		if part, plain := trees.Part(ctx, n.Store, cid); plain == nil {
			b, err = part, nil
		}
	}
	if err != nil {
		return err
	}
	defer b.Close()
	return f.WriteWith(o.Out, func(w io.Writer) error {
		if o.Range != "" {
			return b.ReadRange(ctx, off, length, w)
		}
		if f.IO.OutTTY && (o.Out == "" || o.Out == "-") {
			return b.Copy(ctx, w) // a progress bar would be mixed with the bytes
		}
		bar := f.IO.Bytes("get", int64(b.Ref().Size))
		defer bar.Stop()
		return b.Copy(ctx, &counted{w, bar.Add})
	})
}

type counted struct {
	w   io.Writer
	add func(int64)
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.add(int64(n))
	return n, err
}
