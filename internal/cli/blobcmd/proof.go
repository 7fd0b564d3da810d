package blobcmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
)

type proveOptions struct {
	CID   string
	Chunk uint64
	Out   string
}

func newProve(f *cmdutil.Factory) *cobra.Command {
	o := &proveOptions{}
	c := &cobra.Command{
		Use:     "prove CID --chunk N [-o FILE]",
		Short:   "Write the proof that a chunk is at its place in a blob",
		Example: "  mythos blob prove \"$(head -c 1000000 /dev/zero | mythos blob put -)\" --chunk 0 -o chunk0.proof",
		Args:    cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.CID = args[0]
			return runProve(c.Context(), f, o)
		},
	}
	c.Flags().Uint64Var(&o.Chunk, "chunk", 0, "number of the chunk, from 0")
	c.Flags().StringVarP(&o.Out, "output", "o", "", "write to this file")
	return c
}

func runProve(ctx context.Context, f *cmdutil.Factory, o *proveOptions) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	cid, err := f.Resolve(ctx, o.CID)
	if err != nil {
		return err
	}
	if ref, err := n.Store.BlobRef(ctx, cid); err == nil && ref.Chunks == 0 {
		return clierr.New(clierr.NotFound, "%s has no chunks: a blob of %d bytes is one piece", cid.Short(), ref.Size).On(cid.String()).
			With("its cid is the SHA-256 of its bytes: compare it with `mythos hash FILE`")
	}
	proof, err := n.Store.ProveChunk(ctx, cid, o.Chunk)
	if err != nil {
		return fmt.Errorf("prove chunk %d of %s: %w", o.Chunk, cid.Short(), err)
	}
	raw, err := can.Marshal(proof)
	if err != nil {
		return err
	}
	return f.Write(o.Out, raw)
}

type verifyOptions struct {
	Root  string
	Chunk uint64
	Proof string
	File  string
}

func newVerify(f *cmdutil.Factory) *cobra.Command {
	o := &verifyOptions{}
	c := &cobra.Command{
		Use:     "verify --root CID --chunk N --proof FILE CHUNKFILE",
		Short:   "Check a chunk against a blob's cid; needs no repository",
		Example: "  mythos blob verify --root CID --chunk 0 --proof chunk0.proof chunk0",
		Args:    cmdutil.Args(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.File = args[0]
			return runVerify(f, o)
		},
	}
	c.Flags().StringVar(&o.Root, "root", "", "the blob's cid (required)")
	c.Flags().Uint64Var(&o.Chunk, "chunk", 0, "number of the chunk, from 0")
	c.Flags().StringVar(&o.Proof, "proof", "", "file with the canonical ChunkProof (required)")
	return c
}

func runVerify(f *cmdutil.Factory, o *verifyOptions) error {
	if o.Root == "" || o.Proof == "" {
		return clierr.Usagef("--root and --proof are required")
	}
	root, err := object.ParseHash(o.Root)
	if err != nil {
		return clierr.Usagef("--root: %w", err)
	}
	proof, err := f.Read(o.Proof)
	if err != nil {
		return err
	}
	chunk, err := f.Read(o.File)
	if err != nil {
		return err
	}
	if err := merkle.VerifyChunk(root, o.Chunk, proof, chunk); err != nil {
		return clierr.New(clierr.Invalid, "chunk %d of %s: %w", o.Chunk, root.Short(), err).On(root.String())
	}
	return f.Emit(cmdutil.OK{OK: true}, func() { f.IO.Printf("ok\n") })
}
