package peercmd

import (
	"context"
	"errors"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/packet"
)

// NewPacket is `mythos packet`.
func NewPacket(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("packet", "Bundles as signed MYTHOS-X packets", newPack(f), newUnpack(f), newSign(f), newVerify(f)), packetResults)
}

type packOptions struct {
	Zstd     bool
	Guard    bool
	To       []string
	Caps     []string
	Sign     []string
	Codebook string
	For      string
	Out      string
}

func newPack(f *cmdutil.Factory) *cobra.Command {
	o := &packOptions{}
	c := &cobra.Command{
		Use: "pack BUNDLE [-o FILE]", Short: "Sign a bundle as a packet",
		Long: "The repository's identity signs, and every key that --sign names (see `mythos key ls`). A codebook is used only\n" +
			"if both sides signed an agreement that is in force. --for uses the one agreed on with an agent, or else the\n" +
			"baseline; --codebook uses that one, and fails without an agreement.",
		Example: "  mythos packet pack hello.bundle -o hello.mythosx", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runPack(c.Context(), f, args[0], o) },
	}
	c.Flags().BoolVar(&o.Zstd, "zstd", false, "compress the payload (codec 2)")
	c.Flags().BoolVar(&o.Guard, "guard", true, "add a replay guard, which a submission needs")
	c.Flags().StringArrayVar(&o.To, "encrypt", nil, "encrypt to this agent; may be repeated")
	c.Flags().StringArrayVar(&o.Caps, "cap", nil, "a capability to send with it; may be repeated")
	c.Flags().StringArrayVar(&o.Sign, "sign", nil, "another key of this repository that signs; may be repeated")
	c.Flags().StringVar(&o.Codebook, "codebook", "", "compress with this codebook, which the receiver agreed to")
	c.Flags().StringVar(&o.For, "for", "", "compress with the codebook agreed on with this agent, if there is one")
	c.Flags().StringVarP(&o.Out, "output", "o", "", "the packet; standard output by default")
	return c
}

func runPack(ctx context.Context, f *cmdutil.Factory, bundle string, o *packOptions) error {
	if o.Codebook != "" && o.For != "" {
		return clierr.Usagef("--codebook and --for exclude each other")
	}
	raw, err := f.Read(bundle)
	if err != nil {
		return noBundle(ctx, f, bundle, err)
	}
	opts, err := o.resolve(ctx, f)
	if err != nil {
		return err
	}
	pkt, err := pack(ctx, f, raw, opts)
	if err != nil {
		return err
	}
	return f.Write(o.Out, pkt)
}

// noBundle says how an object of the store travels, where it was named in place of a bundle's file.
func noBundle(ctx context.Context, f *cmdutil.Factory, name string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, unknown := f.Resolve(ctx, name); unknown != nil {
		return err
	}
	return clierr.New(clierr.NotFound, "%w: a packet carries the file of a bundle", err).On(name).
		With("`mythos push PEER " + name + " --cap CAP` sends an object of this repository, such as a model, with everything below it")
}

// resolve resolves the names in the options.
func (o *packOptions) resolve(ctx context.Context, f *cmdutil.Factory) (opts packets.PackOptions, err error) {
	n, err := f.Repo(ctx)
	if err != nil {
		return opts, err
	}
	opts.Zstd, opts.Guard = o.Zstd, o.Guard
	for _, name := range o.To {
		a, err := n.AgentNamed(name)
		if err != nil {
			return opts, err
		}
		opts.To = append(opts.To, a)
	}
	for _, name := range o.Sign {
		k, err := n.KeyNamed(name)
		if err != nil {
			return opts, noKey(name, err)
		}
		opts.With = append(opts.With, k)
	}
	if opts.Caps, err = f.Chains(ctx, o.Caps); err != nil {
		return opts, err
	}
	opts.Codebook, err = o.codebook(ctx, f, n, opts.To)
	return opts, err
}

func noKey(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return clierr.New(clierr.NotFound, "key %q: %w", name, err).With("see `mythos key ls`")
	}
	return err
}

// codebook is the codebook of --codebook, or the one agreed on with --for; nil: the baseline.
func (o *packOptions) codebook(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, to []object.AgentID) (*packet.Codebook, error) {
	switch {
	case o.Codebook != "":
		id, err := f.Resolve(ctx, o.Codebook)
		if err != nil {
			return nil, err
		}
		return n.Codebooks.For(ctx, id, to)
	case o.For != "":
		agent, err := n.AgentNamed(o.For)
		if err != nil {
			return nil, err
		}
		cb, err := n.Codebooks.With(ctx, agent)
		if err == nil && cb == nil {
			f.IO.Notef("no codebook is agreed on with %s: using the baseline", o.For)
		}
		return cb, err
	}
	return nil, nil
}

// packTask packs a submission.
func packTask(ctx context.Context, f *cmdutil.Factory, raw []byte, o packets.PackOptions) ([]byte, packets.Asked, error) {
	n, err := packable(ctx, f, raw)
	if err != nil {
		return nil, packets.Asked{}, err
	}
	return n.Packets.PackTask(raw, o)
}

func pack(ctx context.Context, f *cmdutil.Factory, raw []byte, o packets.PackOptions) ([]byte, error) {
	n, err := packable(ctx, f, raw)
	if err != nil {
		return nil, err
	}
	return n.Packets.Pack(raw, o)
}

// packable opens the repository for a valid bundle.
func packable(ctx context.Context, f *cmdutil.Factory, raw []byte) (*repo.Repo, error) {
	if _, findings, err := ir.Validate(raw); err != nil {
		return nil, clierr.New(clierr.Invalid, "bundle: %w (%d findings)", err, len(findings))
	}
	return f.Repo(ctx)
}

func newSign(f *cmdutil.Factory) *cobra.Command {
	var key, out string
	c := &cobra.Command{
		Use: "sign PACKET [--key NAME] [-o FILE]", Short: "Add a signature to a packet whose signatures verify",
		Long:    "If the signer has signed before, the packet stays as it is.",
		Example: "  mythos packet sign hello.mythosx --key release -o both.mythosx", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runSign(c.Context(), f, args[0], key, out) },
	}
	c.Flags().StringVar(&key, "key", identity.SelfKey, "the key of this repository that signs")
	c.Flags().StringVarP(&out, "output", "o", "", "the packet; standard output by default")
	return c
}

func runSign(ctx context.Context, f *cmdutil.Factory, name, key, out string) error {
	raw, err := f.Read(name)
	if err != nil {
		return err
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	signer := n.Key
	if key != identity.SelfKey {
		if signer, err = n.KeyNamed(key); err != nil {
			return noKey(key, err)
		}
	}
	p, err := packet.Parse(raw, packet.Limits{})
	if err != nil {
		return clierr.New(clierr.Invalid, "%w", err).On(name)
	}
	pkt, err := p.Countersign(signer)
	if err != nil {
		return clierr.New(clierr.Invalid, "%w", err).On(name)
	}
	return f.Write(out, pkt)
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
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			got, err := n.Packets.Open(c.Context(), raw)
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
		Long: "5: malformed or a bad signature. 4: no trusted key signed it. It does not require a replay guard, or look into\n" +
			"an encrypted payload. A codebook other than the baseline counts only inside a repository that agreed on it.",
		Example: "  mythos packet verify --trust 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c answer.mythosx", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runVerify(c.Context(), f, args[0], trust) },
	}
	c.Flags().StringArrayVar(&trust, "trust", nil, "a public key or key id that is trusted; may be repeated")
	return c
}

func runVerify(ctx context.Context, f *cmdutil.Factory, name string, trust []string) error {
	keys, err := f.TrustedKeys(trust)
	if err != nil {
		return err
	}
	raw, err := f.Read(name)
	if err != nil {
		return err
	}
	r := packet.Receiver{Trusted: keys.Trusts, Now: f.Now, Sealed: true,
		Validate: func(payload []byte) error { _, _, err := ir.Validate(payload); return err }}
	if r.Codebooks, err = agreedCodebooks(ctx, f, raw); err != nil {
		return err
	}
	got, err := r.Receive(ctx, raw)
	switch {
	case errors.Is(err, packet.ErrUntrusted):
		return clierr.New(clierr.Refused, "%w", err).On(name).With("if you trust a signer: --trust KEY")
	case err != nil:
		return clierr.New(clierr.Invalid, "%w", err).On(name)
	}
	return f.Emit(verdict{true, got.Packet.ID(), signerKeys(got.Signers)}, func() { f.IO.Printf("ok\n") })
}

// agreedCodebooks are those of the current repository, if the packet uses another codebook than the baseline; nil: only
// the baseline.
func agreedCodebooks(ctx context.Context, f *cmdutil.Factory, raw []byte) (*packet.Registry, error) {
	p, err := packet.Parse(raw, packet.Limits{})
	if err != nil || p.Header.Codebook == packet.BaselineID {
		return nil, nil //nolint:nilerr // receiving it says what is wrong
	}
	n, err := f.Repo(ctx)
	if errors.Is(err, repo.ErrNoRepository) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return n.Codebooks.Registry(ctx, p.Header.Codebook)
}

func signerKeys(list []object.AgentID) []string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = a.KeyHex()
	}
	return out
}
