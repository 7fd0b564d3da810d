package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/exec/blob"
	"github.com/mythos-project/mythos/exec/cell"
	"github.com/mythos-project/mythos/exec/hold"
	"github.com/mythos-project/mythos/exec/httptool"
	"github.com/mythos-project/mythos/exec/mcptool"
	"github.com/mythos-project/mythos/exec/process"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/exec/wasm"
	"github.com/mythos-project/mythos/internal/authority"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/codebook"
	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/datasets"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/episodes"
	"github.com/mythos-project/mythos/internal/explain"
	"github.com/mythos-project/mythos/internal/freeze"
	"github.com/mythos-project/mythos/internal/history"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/indexes"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/learn"
	"github.com/mythos-project/mythos/internal/lookup"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/internal/running"
	"github.com/mythos-project/mythos/internal/spawn"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/internal/toolbox"
	"github.com/mythos-project/mythos/internal/transfer"
	"github.com/mythos-project/mythos/internal/trees"
	"github.com/mythos-project/mythos/internal/upkeep"
	"github.com/mythos-project/mythos/internal/webhook"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/epoch"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/socket"
)

// Repo is an open repository: an identity, a store, a ledger, and the executor above them. Open sets its fields, once.
type Repo struct {
	*identity.Identity
	Judge       *authority.Judge
	Config      *config.Config
	DB          store.KV
	Store       *store.Store
	Ledger      *kvledger.Ledger
	Epochs      *epoch.Watch
	Running     *running.Dir // the attempts under way on this machine
	Verifier    *caps.Verifier
	Quotas      *quota.Quotas
	Revocations *caps.Revocations
	Policies    *caps.Policies
	Tools       *exec.Tools
	Gate        *exec.Gate
	Holds       *hold.Holds // what is frozen
	Approvals   *approval.Approvals
	Exec        *run.Executor
	Cells       *cell.Cells
	Source      *dataset.StoreSource // where datasets find evidence
	Models      *registry.Registry

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
	Freezer   *freeze.Freezer
	Packets   *packets.Packets
	Tasks     *task.Tasks
	Spawner   *spawn.Spawner
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

// Options say how a repository is opened.
type Options struct {
	Config *config.Config
	Now    func() object.Time
	Debugf func(format string, args ...any)
	// Passphrase opens encrypted keys; nil: there is none.
	Passphrase keyfile.Passphrase
	// Waiting is called for attempts that this process waits for; may be nil.
	Waiting func(ledger.BusyError)
	// Away is called for a response that waits for an unreachable bucket; may be nil.
	Away func(bytes int, why error)
	// Moved is told where the repository has gone, once.
	Moved func(place string)
}

// Open opens the repository at dir, a .mythos folder.
func Open(ctx context.Context, dir string, o Options) (*Repo, error) {
	now := o.Now
	id, err := identity.Load(dir, o.Config.Key, o.Passphrase, func() object.Time { return now() })
	if err != nil {
		return nil, err
	}
	r := &Repo{Identity: id, Config: o.Config, debugf: o.Debugf}
	if r.debugf == nil {
		r.debugf = func(string, ...any) {}
	}
	e, err := engine.Open(dir, engine.Options{Wait: o.Config.Busy, Debugf: o.Debugf, Moved: o.Moved})
	if err != nil {
		return nil, err
	}
	now = e.Clock(ctx, o.Now)
	r.engine, r.DB = e, e.DB
	r.close = append(r.close, e.Close)
	r.Store = store.New(e.DB, e.Chunks)
	r.Ledger = kvledger.Open(r.DB, r.Key, r.Now)
	r.Ledger.Known = append(r.Trust.EverFor(keyfile.ForLedger), r.Former...)
	r.Judge = &authority.Judge{ID: id, Ledger: r.Ledger, Store: r.Store, Debugf: r.debugf}
	r.Ledger.Operator = func(a object.AgentID, m ledger.Moment) bool { return r.Judge.Operates(ctx, a, m) }
	r.Running = running.New(filepath.Join(dir, "running"))
	r.Ledger.Holders = r.Running
	if e.Shared != nil {
		r.Ledger.Home = e.Shared.Home
		copy(r.Ledger.Instance, e.Shared.Home)
	}
	r.watch()
	r.Revocations = caps.NewRevocations(r.DB)
	r.Verifier = &caps.Verifier{Trusted: r.TrustsIssuer, Revoked: r.Revocations.Lookup(ctx), MaxAge: r.Trust.MaxAge}
	r.Policies = caps.NewPolicies(r.DB, func(p *caps.IssuancePolicy) bool { return r.Judge.TrustsPolicy(ctx, p) })
	r.Quotas = quota.New(r.DB, r.Now)
	r.Source = &dataset.StoreSource{Store: r.Store, Ledger: r.Ledger, Author: r.author()}
	r.Models = r.registry()
	if err := r.executor(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.Gate.Waiting, r.Gate.Responses = o.Waiting, e.Responses(r.Store, o.Away)
	return r, nil
}

// watch has the checkpoints of the ledger published where many machines share it, and nothing recorded while one is ahead.
func (r *Repo) watch() {
	known := func() []object.AgentID { return r.Trust.Agents(r.Now()) }
	w := &epoch.Watch{KV: r.DB, Log: r.Ledger.Merkle(), Signer: r.Key, Known: known, Now: r.Now, Debugf: r.debugf}
	if s := r.engine.Shared; s != nil {
		w.Publisher = s.Checkpoints()
	}
	r.Epochs = epoch.New(w)
	r.close = append(r.close, w.Close)
}

// ForPeers lets tools run for peers from now on: not in the folder of this process, and without the variables that only
// a local caller passes on.
func (r *Repo) ForPeers() { r.programs.Peers = true }

// executor connects the executor: runners, built-in effects, the VM.
func (r *Repo) executor() error {
	w := wasm.New(r.Store, r.wasmCache())
	r.wasm = w
	r.close = append(r.close, func() error { return w.Close(context.Background()) })
	programs, web := &process.Runner{Trees: trees.Folders{Store: r.Store}}, httptool.New(nil, nil)
	r.programs = programs
	r.close = append(r.close, func() error { web.Close(); return nil })
	r.mcp = &mcptool.Runner{Process: programs, HTTP: web, Debugf: r.debugf, Definitions: r.Store.Bytes}
	r.close = append(r.close, r.mcp.Close)
	r.Tools = exec.NewTools(r.DB)
	r.Gate = &exec.Gate{
		Signer: r.Key, Now: r.Now, Verifier: r.Verifier, Quotas: r.Quotas, Ledger: r.Ledger,
		Tools: r.Tools,
		Runners: map[uint8]exec.Runner{exec.KindWasm: w, exec.KindProcess: programs, exec.KindHTTP: web,
			exec.KindMCP: r.mcp},
		Lease: r.Config.Lease, Capture: r.Config.Capture, Defaults: exec.Limits{Timeout: r.Config.Timeout}, Wait: exec.WaitForever,
	}
	r.Holds = &hold.Holds{KV: r.DB, Objects: r.Store, File: filepath.Join(r.Dir, hold.FileName), Locks: filepath.Join(r.Dir, "locks"), Now: r.Now}
	r.Gate.Holds = r.Holds
	r.Approvals = &approval.Approvals{KV: r.DB, Objects: r.Store, Signer: r.Key, Ledger: r.Ledger, Now: r.Now, Roles: r.Roles, Who: r.KeptName, Expire: r.Config.ApprovalExpire}
	r.Gate.Approvals = r.Approvals
	blob.Add(r.Gate, r.Store)
	r.Exec = &run.Executor{Gate: r.Gate, Store: r.Store, KV: r.DB}
	r.Cells = &cell.Cells{KV: r.DB, Store: r.Store, Debugf: r.debugf}
	r.wire()
	r.builtins()
	return r.telling()
}

// telling notifies a receiver, if one is set, of calls that wait for approval.
func (r *Repo) telling() error {
	c := r.Config
	if c.ApprovalWebhook == "" {
		return nil
	}
	s, err := webhook.New(webhook.Options{URL: c.ApprovalWebhook, Secret: c.ApprovalWebhookSecret, Dir: r.Dir, WithRequest: c.ApprovalWebhookRequest,
		KV: r.DB, Now: r.Now, Find: r.Approvals.Find, Bytes: r.Store.Bytes, Tool: r.Toolbox.Name, Who: r.KeptName, Debugf: r.debugf})
	if err != nil {
		return err
	}
	r.Approvals.Outbox = s
	r.close = append(r.close, s.Close)
	return nil
}

// wasmCache returns this user's cache of compiled modules. Its key is a signature that only our own key can make.
// Without a home folder there is no cache.
func (r *Repo) wasmCache() wasm.Cache {
	base, err := os.UserCacheDir()
	if err == nil {
		var home os.FileInfo
		if home, err = os.Stat(filepath.Dir(base)); err == nil && !home.IsDir() {
			err = fmt.Errorf("%s is not a folder", filepath.Dir(base))
		}
	}
	if err != nil {
		r.debugf("wasm cache: %v: compiled modules are not kept", err)
		return wasm.Cache{}
	}
	seal, err := r.Key.Sign([]byte("mythos wasm cache"))
	if err != nil {
		r.debugf("wasm cache: %v: compiled modules are not kept", err)
		return wasm.Cache{}
	}
	return wasm.Cache{Dir: filepath.Join(base, "mythos", "wasm", r.Self().KeyHex()[:16]), Key: seal[:], Debugf: r.debugf}
}

// ServeLocal lets other commands on this repository work through this process ([engine.Engine.Listen]), and delivers
// what they left to deliver.
func (r *Repo) ServeLocal() (*socket.Server, error) {
	if o := r.Approvals.Outbox; o != nil {
		o.Wake()
	}
	return r.engine.Listen()
}

// Close closes everything that Open opened, in reverse order.
func (r *Repo) Close() error {
	var errs []error
	for i := len(r.close) - 1; i >= 0; i-- {
		errs = append(errs, r.close[i]())
	}
	r.close = nil
	return errors.Join(errs...)
}
