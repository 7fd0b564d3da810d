// Package peercmd has the commands for packets and peers.
package peercmd

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/cluster"
	"github.com/mythos-project/mythos/internal/gateway"
	"github.com/mythos-project/mythos/internal/gateway/api"
	"github.com/mythos-project/mythos/internal/issuer"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/internal/peer/codebooks"
	"github.com/mythos-project/mythos/internal/peer/parts"
	"github.com/mythos-project/mythos/internal/peer/tasks"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/socket"
)

type serveOptions struct {
	Listen          string
	AcceptCodebooks bool
	TLS             bool
	Cert, Key       string
	LogFormat       string
	RequireCap      bool
	LeaveTasks      bool
	Limits          limitFlags
}

// NewServe is `mythos serve`.
func NewServe(f *cmdutil.Factory) *cobra.Command {
	o := &serveOptions{}
	c := &cobra.Command{
		Use: "serve [--listen ADDR] [--tls]", Short: "Run trusted agents' packets, serve objects, and keep the ledger of other machines",
		Long: "With --tls, the certificate is for the repository's own key; a peer that knows the key (`mythos peer add`)\n" +
			"checks it without a certificate authority. With --tls-cert and --tls-key, the certificate is yours, endorsed by\n" +
			"that key; answers and requests are signed for their TLS session. When interrupted, the server takes no more\n" +
			"requests, and gives running requests and tasks up to 30 seconds to end; it keeps waiting tasks. Several servers\n" +
			"may work on one repository: one of them runs each task, and the others take over the tasks of a killed server.\n" +
			"/healthz and, from this machine only, /metrics (Prometheus) show its state. Changes of trust.yaml and\n" +
			"config.yaml apply within a second, or at once on SIGHUP. If such a file is wrong, the log names it, and the\n" +
			"earlier content stays in force.",
		Example: "  mythos serve --listen 127.0.0.1:7480", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runServe(c.Context(), f, o) },
	}
	c.Flags().StringVar(&o.Listen, "listen", "", "address and port; port 0 picks a free one")
	c.Flags().BoolVar(&o.TLS, "tls", false, "use TLS with a certificate for the repository's own key")
	c.Flags().StringVar(&o.Cert, "tls-cert", "", "use TLS with this certificate: a PEM file, followed by intermediates")
	c.Flags().StringVar(&o.Key, "tls-key", "", "the certificate's private key: a PEM file")
	c.Flags().StringVar(&o.LogFormat, "log-format", "text", "text or json")
	c.Flags().BoolVar(&o.RequireCap, "require-cap", false, "require a capability for each submission (compute.spawn) and codebook (blob.write), too (peer_cap)")
	c.Flags().BoolVar(&o.LeaveTasks, "leave-tasks", false, "leave the tasks to workers, here or elsewhere (a repository in PostgreSQL)")
	o.Limits.add(c.Flags())
	c.Flags().BoolVar(&o.AcceptCodebooks, "accept-codebooks", false, "accept every codebook proposed by an agent trusted for packets")
	return f.Returns(c, serveResults)
}

func runServe(ctx context.Context, f *cmdutil.Factory, o *serveOptions) error {
	var handler slog.Handler = slog.NewTextHandler(f.IO.Err, nil)
	switch o.LogFormat {
	case "text":
	case "json":
		handler = slog.NewJSONHandler(f.IO.Err, nil)
	default:
		return clierr.Usagef("--log-format %s: expected text or json", o.LogFormat)
	}
	if (o.Cert == "") != (o.Key == "") || (o.TLS && o.Cert != "") {
		return clierr.Usagef("serve takes --tls, or --tls-cert with --tls-key")
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	if o.LeaveTasks && n.Tasks.Engine.Shared == nil {
		return clierr.New(clierr.Refused, "--leave-tasks: %w", cluster.ErrOneFolder).With("leave the flag out: this server runs the tasks")
	}
	n.ForPeers()
	s := &peer.Server{Repo: n, Log: slog.New(handler), Explain: f.Explain, Services: o.services(n)}
	limits, err := o.Limits.over(n.Config)
	if err != nil {
		return err
	}
	s.SetLimits(limits)
	scheme := "http"
	if s.TLS, err = o.tls(n); err != nil {
		return err
	}
	if s.TLS != nil {
		scheme = "https"
	}
	if o.Listen == "" {
		o.Listen = n.Config.Listen
	}
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return clierr.New(clierr.Failed, "listen: %w", err).With("choose another address with --listen")
	}
	local, err := serveLocal(f, n)
	if err != nil {
		return err
	}
	defer local()
	go (&reloader{n, s, &o.Limits}).run(ctx)
	f.IO.Notef("%s serves on %s://%s", n.Self(), scheme, l.Addr())
	return s.Serve(ctx, l)
}

// services are the additional services of a server, besides its own paths.
func (o *serveOptions) services(n *repo.Repo) []peer.Service {
	needCap := o.RequireCap || n.Config.PeerCap
	return []peer.Service{
		&parts.Service{Repo: n},
		&tasks.Service{Repo: n, RequireCap: needCap, Leave: o.LeaveTasks},
		&cluster.Figures{Repo: n},
		&codebooks.Service{Repo: n, Accept: o.AcceptCodebooks, RequireCap: needCap},
		gateway.For(n),
		api.For(n),
		issuer.For(n),
	}
}

// tls is the configuration in the options; nil: none.
func (o *serveOptions) tls(n *repo.Repo) (*tls.Config, error) {
	switch {
	case o.TLS:
		c, err := auth.Certificate(n.Key, time.Now())
		if err != nil {
			return nil, err
		}
		return auth.ServerTLS(c), nil
	case o.Cert != "":
		c, err := tls.LoadX509KeyPair(o.Cert, o.Key)
		if err != nil {
			return nil, clierr.New(clierr.Invalid, "certificate: %w", err).On(o.Cert)
		}
		if c, err = auth.Endorse(n.Key, c, time.Now()); err != nil {
			return nil, err
		}
		return auth.ServerTLS(c), nil
	}
	return nil, nil
}

// serveLocal serves this repository to other commands, unless another process already does.
func serveLocal(f *cmdutil.Factory, n *repo.Repo) (stop func(), err error) {
	s, err := n.ServeLocal()
	if errors.Is(err, socket.ErrServed) || errors.Is(err, errors.ErrUnsupported) {
		f.IO.Notef("commands cannot reach this repository through this process: %v", err)
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

type submitOptions struct {
	Peer, Bundle, Out string
	NoWait            bool
	Caps              []string
	Encrypt           []string
}

// NewSubmit is `mythos submit`.
func NewSubmit(f *cmdutil.Factory) *cobra.Command {
	o := &submitOptions{}
	c := &cobra.Command{
		Use: "submit PEER BUNDLE [--cap CAP]... [-o FILE]", Short: "Send a program to a peer and print its result, verified",
		Example: "  mythos submit http://127.0.0.1:7480 hello.bundle", Args: cmdutil.Args(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			o.Peer, o.Bundle = args[0], args[1]
			return runSubmit(c.Context(), f, o)
		},
	}
	c.Flags().StringArrayVar(&o.Caps, "cap", nil, "a capability to send with it; may be repeated")
	c.Flags().StringArrayVar(&o.Encrypt, "encrypt", nil, "encrypt to this agent; may be repeated")
	c.Flags().BoolVar(&o.NoWait, "no-wait", false, "print the task's id and exit; `mythos task result` prints the answer later")
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
	if opts.Codebook, err = codebooks.With(ctx, cl); err != nil {
		return PeerError(err)
	}
	if !carriesRun(opts.Caps) {
		run, err := cl.Repo.Tasks.RunCap(ctx, raw, func() (object.AgentID, error) { return cl.Peer(ctx) })
		if err != nil {
			return PeerError(err)
		}
		if run != nil {
			f.IO.Notef("sending capability %s with it", run[0].ID.Short())
			opts.Caps = append(opts.Caps, run)
		}
	}
	if o.NoWait {
		return leave(ctx, f, cl, o.Peer, raw, opts)
	}
	answer, got, err := submit(ctx, f, cl, o.Peer, raw, opts)
	if err != nil {
		return PeerError(err)
	}
	return answered(f, answer, got, o.Out)
}

// carriesRun reports whether the chains include a compute.spawn capability.
func carriesRun(chains []caps.Chain) bool {
	return slices.ContainsFunc(chains, func(c caps.Chain) bool { return c[0].Cap.Scope.Kind == scope.KindComputeSpawn })
}

// answered prints a peer's answer after all checks.
func answered(f *cmdutil.Factory, answer []byte, got *packets.Received, out string) error {
	if out != "" {
		if err := f.Write(out, answer); err != nil {
			return err
		}
	}
	a := got.Answer
	f.IO.Notef("answered by %s with %s", got.Author, units.Count(len(a.Receipts), "receipt"))
	view, err := object.ToJSON(nil, a.Result)
	if err != nil {
		return err
	}
	err = f.Emit(submitted{a.PacketID, a.BundleID, a.TaskID, a.ResultHash,
		len(a.Receipts), a.EpisodeID, a.Halted, got.Author.KeyHex()}, func() { f.IO.Printf("%s\n", view) })
	if err == nil && a.Halted != nil {
		err = clierr.New(haltedCode(a), "the task was halted: %s", *a.Halted)
	}
	return err
}

// submit packs and sends a bundle. If the peer no longer knows the codebook, submit sends the bundle again with the
// baseline: a packet is refused for its codebook before it has any effect.
func submit(ctx context.Context, f *cmdutil.Factory, cl *peer.Client, to string, raw []byte, o packets.PackOptions) ([]byte, *packets.Received, error) {
	pkt, asked, err := packTask(ctx, f, raw, o)
	if err != nil {
		return nil, nil, err
	}
	id := asked.Packet
	if err := cl.Repo.Packets.SetSent(ctx, asked, to); err != nil {
		return nil, nil, err
	}
	answer, got, err := tasks.Submit(ctx, cl, pkt, asked)
	if err != nil && ctx.Err() != nil {
		f.IO.Notef("if %s has it, it keeps the answer for a day: mythos task result %s", cl, id.Short())
	}
	var refused *peer.StatusError
	if o.Codebook != nil && errors.As(err, &refused) && refused.Status == http.StatusNotAcceptable {
		f.IO.Notef("the peer does not accept the codebook: using the baseline")
		o.Codebook = nil
		return submit(ctx, f, cl, to, raw, o)
	}
	return answer, got, err
}
