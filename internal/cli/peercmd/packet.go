package peercmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/packet"
)

// NewPacket is `mythos packet`.
func NewPacket(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("packet", "Bundles as signed MYTHOS-X packets", newPack(f), newUnpack(f), newVerify(f)), packetResults)
}

type packOptions struct {
	Zstd  bool
	Guard bool
	To    []string
	Caps  []string
	Out   string
}

func newPack(f *cmdutil.Factory) *cobra.Command {
	o := &packOptions{}
	c := &cobra.Command{
		Use: "pack BUNDLE [-o FILE]", Short: "Sign a bundle as a packet", Example: "  mythos packet pack hello.bundle -o hello.mythosx", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			raw, err := f.Read(args[0])
			if err != nil {
				return err
			}
			pkt, err := pack(c.Context(), f, raw, *o)
			if err != nil {
				return err
			}
			return f.Write(o.Out, pkt)
		},
	}
	c.Flags().BoolVar(&o.Zstd, "zstd", false, "compress the payload (codec 2)")
	c.Flags().BoolVar(&o.Guard, "guard", true, "with a replay guard, as a submission needs it")
	c.Flags().StringArrayVar(&o.To, "encrypt", nil, "encrypt to this agent; may be repeated")
	c.Flags().StringArrayVar(&o.Caps, "cap", nil, "a capability to send along; may be repeated")
	c.Flags().StringVarP(&o.Out, "output", "o", "", "the packet; standard output by default")
	return c
}

func pack(ctx context.Context, f *cmdutil.Factory, raw []byte, o packOptions) ([]byte, error) {
	if _, findings, err := ir.Validate(raw); err != nil {
		return nil, clierr.New(clierr.Invalid, "bundle: %w (%d findings)", err, len(findings))
	}
	n, err := f.Node(ctx)
	if err != nil {
		return nil, err
	}
	opts := node.PackOptions{Zstd: o.Zstd, Guard: o.Guard}
	for _, name := range o.To {
		a, err := n.AgentNamed(name)
		if err != nil {
			return nil, err
		}
		opts.To = append(opts.To, a)
	}
	if opts.Caps, err = f.Chains(ctx, o.Caps); err != nil {
		return nil, err
	}
	return n.Pack(raw, opts)
}

func newUnpack(f *cmdutil.Factory) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "unpack PACKET [-o FILE]", Short: "Verify a packet and write its bundle", Example: "  mythos packet unpack hello.mythosx -o hello.bundle", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			raw, err := f.Read(args[0])
			if err != nil {
				return err
			}
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			got, err := n.Open(c.Context(), raw)
			if err != nil {
				return err
			}
			return f.Write(out, got.Bundle)
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "the bundle; standard output by default")
	return c
}

func newVerify(f *cmdutil.Factory) *cobra.Command {
	var trust []string
	c := &cobra.Command{
		Use: "verify [--trust KEY]... PACKET", Short: "Check a packet; needs no repository",
		Long:    "5: malformed or a bad signature. 4: nobody trusted signed it. A replay guard is not asked for.",
		Example: "  mythos packet verify --trust 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c answer.mythosx", Args: cmdutil.Args(1, 1),
		RunE: func(_ *cobra.Command, args []string) error { return runVerify(f, args[0], trust) },
	}
	c.Flags().StringArrayVar(&trust, "trust", nil, "a public key or key id that is trusted; may be repeated")
	return c
}

func runVerify(f *cmdutil.Factory, name string, trust []string) error {
	keys, err := f.TrustedKeys(trust)
	if err != nil {
		return err
	}
	raw, err := f.Read(name)
	if err != nil {
		return err
	}
	p, err := packet.Parse(raw, packet.Limits{})
	if err != nil {
		return clierr.New(clierr.Invalid, "%w", err).On(name)
	}
	if p.Header.Codebook != packet.BaselineID {
		return clierr.New(clierr.Invalid, "%w", packet.ErrCodebook).On(name)
	}
	if !p.Header.Encrypted() {
		payload, err := p.Decode(packet.Baseline(), nil, packet.Limits{})
		if err == nil {
			_, _, err = ir.Validate(payload)
		}
		if err != nil {
			return clierr.New(clierr.Invalid, "%w", err).On(name)
		}
	}
	signers, err := p.Verify(keys.Trusts)
	switch {
	case errors.Is(err, packet.ErrUntrusted):
		return clierr.New(clierr.Refused, "%w", err).On(name).With("if you trust a signer: --trust KEY")
	case err != nil:
		return clierr.New(clierr.Invalid, "%w", err).On(name)
	}
	return f.Emit(verdict{true, p.ID(), signerKeys(signers)}, func() { f.IO.Printf("ok\n") })
}

func signerKeys(list []object.AgentID) []string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = a.KeyHex()
	}
	return out
}

// NewPeer is `mythos peer`.
func NewPeer(f *cmdutil.Factory) *cobra.Command {
	add := &cobra.Command{
		Use: "add NAME URL", Short: "Remember where a peer serves", Example: "  mythos peer add build http://127.0.0.1:7480", Args: cmdutil.Args(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			return n.SetPeer(c.Context(), args[0], args[1])
		},
	}
	ls := &cobra.Command{
		Use: "ls", Short: "List the peers", Example: "  mythos peer ls", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			return n.Peers(c.Context(), func(name, url string) error {
				return f.Emit(peerLine{name, url}, func() { f.IO.Printf("%s\t%s\n", name, url) })
			})
		},
	}
	rm := &cobra.Command{
		Use: "rm NAME", Short: "Forget a peer", Example: "  mythos peer rm build", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			return n.SetPeer(c.Context(), args[0], "")
		},
	}
	return f.Returns(cmdutil.Noun("peer", "Other repositories that serve", add, ls, rm), peerResults)
}
