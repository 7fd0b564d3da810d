package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/cell"
	"github.com/mythos-project/mythos/exec/httptool"
	"github.com/mythos-project/mythos/exec/mcptool"
	"github.com/mythos-project/mythos/exec/process"
	"github.com/mythos-project/mythos/exec/wasm"
	"github.com/mythos-project/mythos/internal/authority"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/codebook"
	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/datasets"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/episodes"
	"github.com/mythos-project/mythos/internal/explain"
	"github.com/mythos-project/mythos/internal/history"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/indexes"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/learn"
	"github.com/mythos-project/mythos/internal/lookup"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/internal/running"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/internal/toolbox"
	"github.com/mythos-project/mythos/internal/transfer"
	"github.com/mythos-project/mythos/internal/upkeep"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/socket"
)

// Node is an open repository: an identity, a store, a ledger, and the executor
// that stands on them. Its fields are set once, by Open.
type Node struct {
	*identity.Identity
	Judge       *authority.Judge
	Config      *config.Config
	DB          store.KV
	Store       *store.Store
	Ledger      *ledger.Ledger
	Running     *running.Dir // the attempts that are under way on this machine
	Verifier    *caps.Verifier
	Quotas      *caps.Quotas
	Revocations *caps.Revocations
	Policies    *caps.Policies
	Tools       *exec.Tools
	Gate        *exec.Gate
	Exec        *exec.Executor
	Cells       *cell.Cells
	Source      *dataset.StoreSource // where datasets find evidence
	Models      *model.Registry

	Auth      *authority.Authority
	Toolbox   *toolbox.Toolbox
	History   *history.History
	Peers     *peers.Peers
	Find      *lookup.Finder
	Episodes  *episodes.Episodes
	Caller    *calls.Caller
	Datasets  *datasets.Datasets
	Learn     *learn.Learner
	Indexes   *indexes.Indexes
	Codebooks *codebook.Codebooks
	Packets   *packets.Packets
	Tasks     *task.Tasks
	Explain   *explain.Explainer
	Transfer  *transfer.Transfer
	Upkeep    *upkeep.Upkeep
	mcp       *mcptool.Runner
	wasm      *wasm.Runner

	engine *engine.Engine
	debugf func(string, ...any)
	close  []func() error

	programs *process.Runner
}

// Options are what a repository is opened with.
type Options struct {
	Config *config.Config
	Now    func() object.Time
	Debugf func(format string, args ...any)
	// Passphrase opens encrypted keys; nil: there is none.
	Passphrase keyfile.Passphrase
	// Waiting is told of attempts that this process waits for; nil: nobody listens.
	Waiting func(ledger.BusyError)
}

// Open opens the repository at dir, a .mythos folder.
func Open(ctx context.Context, dir string, o Options) (*Node, error) {
	now := o.Now
	id, err := identity.Load(dir, o.Config.Key, o.Passphrase, func() object.Time { return now() })
	if err != nil {
		return nil, err
	}
	n := &Node{Identity: id, Config: o.Config, debugf: o.Debugf}
	if n.debugf == nil {
		n.debugf = func(string, ...any) {}
	}
	e, err := engine.Open(dir, engine.Options{Wait: o.Config.Busy, Debugf: o.Debugf})
	if err != nil {
		return nil, err
	}
	now = e.Clock(ctx, o.Now)
	n.engine, n.DB = e, e.DB
	n.close = append(n.close, e.Close)
	n.Store = store.New(e.DB, e.Chunks)
	n.Ledger = ledger.Open(n.DB, n.Key, n.Now)
	n.Ledger.Known = append(n.Trust.EverFor(keyfile.ForLedger), n.Former...)
	n.Judge = &authority.Judge{ID: id, Ledger: n.Ledger, Store: n.Store, Debugf: n.debugf}
	n.Ledger.Operator = func(a object.AgentID, m ledger.Moment) bool { return n.Judge.Operates(ctx, a, m) }
	n.Running = running.New(filepath.Join(dir, "running"))
	n.Ledger.Holders = n.Running
	if e.Shared != nil {
		n.Ledger.Home = e.Shared.Home
		copy(n.Ledger.Instance, e.Shared.Home)
	}
	n.Revocations = caps.NewRevocations(n.DB)
	n.Verifier = &caps.Verifier{Trusted: n.TrustsIssuer, Revoked: n.Revocations.Lookup(ctx), MaxAge: n.Trust.MaxAge}
	n.Policies = caps.NewPolicies(n.DB, func(p *caps.IssuancePolicy) bool { return n.Judge.TrustsPolicy(ctx, p) })
	n.Quotas = caps.NewQuotas(n.DB)
	n.Source = &dataset.StoreSource{Store: n.Store, Ledger: n.Ledger}
	n.Models = n.registry()
	if err := n.executor(); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	n.Gate.Waiting = o.Waiting
	return n, nil
}

// ForPeers lets tools run for peers from now on: not in the folder of this process, and
// without the variables that only a caller of this machine passes on.
func (n *Node) ForPeers() { n.programs.Peers = true }

// executor wires the gate: runners, built-in effects, the VM.
func (n *Node) executor() error {
	w := wasm.New(n.Store, n.wasmCache())
	n.wasm = w
	n.close = append(n.close, func() error { return w.Close(context.Background()) })
	programs, web := &process.Runner{}, httptool.New(nil, nil)
	n.programs = programs
	n.close = append(n.close, func() error { web.Close(); return nil })
	n.mcp = &mcptool.Runner{Process: programs, HTTP: web, Debugf: n.debugf, Definitions: n.Store.Bytes}
	n.close = append(n.close, n.mcp.Close)
	n.Tools = exec.NewTools(n.DB)
	n.Gate = &exec.Gate{
		Signer: n.Key, Now: n.Now, Verifier: n.Verifier, Quotas: n.Quotas, Ledger: n.Ledger, Responses: n.Store,
		Tools: n.Tools,
		Runners: map[uint8]exec.Runner{exec.KindWasm: w, exec.KindProcess: programs, exec.KindHTTP: web,
			exec.KindMCP: n.mcp},
		Lease: n.Config.Lease, Capture: n.Config.Capture, Defaults: exec.Limits{Timeout: n.Config.Timeout}, Wait: exec.WaitForever,
	}
	exec.AddBlobTools(n.Gate, n.Store)
	n.Exec = &exec.Executor{Gate: n.Gate, Store: n.Store, KV: n.DB}
	n.Cells = &cell.Cells{KV: n.DB, Store: n.Store, Debugf: n.debugf}
	n.wire()
	n.builtins()
	return nil
}

// wasmCache is where this user keeps compiled modules. Its key is a signature that only
// our own key can make. Where there is no home there is no cache, and none is made.
func (n *Node) wasmCache() wasm.Cache {
	base, err := os.UserCacheDir()
	if err == nil {
		var home os.FileInfo
		if home, err = os.Stat(filepath.Dir(base)); err == nil && !home.IsDir() {
			err = fmt.Errorf("%s is no folder", filepath.Dir(base))
		}
	}
	if err != nil {
		n.debugf("wasm cache: %v: compiled modules are not kept", err)
		return wasm.Cache{}
	}
	seal, err := n.Key.Sign([]byte("mythos wasm cache"))
	if err != nil {
		n.debugf("wasm cache: %v: compiled modules are not kept", err)
		return wasm.Cache{}
	}
	return wasm.Cache{Dir: filepath.Join(base, "mythos", "wasm", n.Self().KeyHex()[:16]), Key: seal[:], Debugf: n.debugf}
}

// ServeLocal lets the other commands on this repository work through this process
// ([engine.Engine.Listen]).
func (n *Node) ServeLocal() (*socket.Server, error) { return n.engine.Listen() }

// Close closes what Open opened, last first.
func (n *Node) Close() error {
	var errs []error
	for i := len(n.close) - 1; i >= 0; i-- {
		errs = append(errs, n.close[i]())
	}
	n.close = nil
	return errors.Join(errs...)
}
