package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/cell"
	"github.com/mythos-project/mythos/exec/httptool"
	"github.com/mythos-project/mythos/exec/mcptool"
	"github.com/mythos-project/mythos/exec/process"
	"github.com/mythos-project/mythos/exec/wasm"
	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/running"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger"
	"github.com/mythos-project/mythos/store/files"
	"github.com/mythos-project/mythos/store/socket"
)

// Node is an open repository: an identity, a store, a ledger, and the executor
// that stands on them. Its fields are set once, by Open.
type Node struct {
	Dir         string // the .mythos folder
	Config      *config.Config
	Key         *sign.Key // the identity that signs here
	Trust       *keyfile.Trust
	DB          *socket.DB // of the process that serves the repository, or our own
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
	mcp         *mcptool.Runner
	wasm        *wasm.Runner

	own    *badger.DB
	now    func() object.Time
	debugf func(string, ...any)
	close  []func() error

	programs *process.Runner

	pass   keyfile.Passphrase
	guest  bool             // our key is one that the repository keeps beside its identity
	former []object.AgentID // whose keys are here, the identity's former ones included
	keyMu  sync.Mutex       // guards keys
	keys   map[string]*sign.Key

	codebooks codebookMemory
	decodes   chan struct{} // holds one for each packet that is being decoded

	pastMu sync.Mutex     // guards past
	past   *historyMemory // nil: nothing was read yet
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
	n := &Node{Dir: dir, Config: o.Config, now: o.Now, debugf: o.Debugf, pass: o.Passphrase, decodes: make(chan struct{}, maxDecoding)}
	if n.debugf == nil {
		n.debugf = func(string, ...any) {}
	}
	if err := n.identity(); err != nil {
		return nil, err
	}
	db, err := openDatabase(dir, o.Config)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	n.own = db
	n.DB = socket.Open(dir, db, socket.Options{Wait: o.Config.Busy, Debugf: o.Debugf})
	n.close = append(n.close, db.Close, n.DB.Close)
	chunks, err := files.Open(filepath.Join(dir, "chunks"))
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	n.Store = store.New(n.DB, chunks)
	n.Ledger = ledger.Open(n.DB, n.Key, n.now)
	n.Ledger.Known = append(n.Trust.EverFor(keyfile.ForLedger), n.former...)
	n.Ledger.Operator = func(a object.AgentID, m ledger.Moment) bool { return n.operates(ctx, a, m) }
	n.Running = running.New(filepath.Join(dir, "running"))
	n.Ledger.Holders = n.Running
	n.Revocations = caps.NewRevocations(n.DB)
	n.Verifier = &caps.Verifier{Trusted: n.trustsIssuer, Revoked: n.Revocations.Lookup(ctx), MaxAge: n.Trust.MaxAge}
	n.Policies = caps.NewPolicies(n.DB, func(p *caps.IssuancePolicy) bool { return n.trustsPolicy(ctx, p) })
	n.Quotas = caps.NewQuotas(n.DB)
	if err := n.executor(); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	n.Gate.Waiting = o.Waiting
	return n, nil
}

// identity loads the key and the trust file.
func (n *Node) identity() (err error) {
	if n.Config.Key != "" {
		n.Key, err = keyfile.FromEnv(KeyDir(n.Dir), n.Config.Key, n.pass)
	} else {
		n.Key, err = keyfile.Load(filepath.Join(n.Dir, "keys"), selfKey, n.pass)
	}
	if errors.Is(err, fs.ErrNotExist) && n.Config.Key == "" {
		return fmt.Errorf("%w: keys/%s.key, which signs here, is missing", ErrDamaged, selfKey)
	}
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	if err := mustExist(filepath.Join(n.Dir, trustFile)); err != nil {
		return err
	}
	if n.Trust, err = keyfile.LoadTrust(filepath.Join(n.Dir, trustFile)); err != nil {
		return fmt.Errorf("trust: %w", err)
	}
	if n.former, err = n.ownAgents(); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	own, err := keyfile.Public(KeyDir(n.Dir), selfKey)
	n.guest = slices.ContainsFunc(n.former[1:], n.Self().Same) && (err != nil || !own.Same(n.Self()))
	return nil
}

// mustExist refuses a repository without a file that every one has.
func mustExist(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is missing", ErrDamaged, path)
	}
	return nil
}

// ForPeers lets tools run for peers from now on: not in the folder of this process, and
// without the variables that only a caller of this machine passes on.
func (n *Node) ForPeers() { n.programs.Peers = true }

// ReloadTrust reads trust.yaml again. What is wrong with the file is returned, and those
// who were trusted before still are. Keys that only verify what the ledger holds already
// are those of when the repository was opened.
func (n *Node) ReloadTrust() error {
	t, err := keyfile.LoadTrust(filepath.Join(n.Dir, trustFile))
	if err != nil {
		return fmt.Errorf("trust: %w", err)
	}
	n.Trust.Replace(t)
	return nil
}

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
		Signer: n.Key, Now: n.now, Verifier: n.Verifier, Quotas: n.Quotas, Ledger: n.Ledger, Responses: n.Store,
		Tools: n.Tools,
		Runners: map[uint8]exec.Runner{exec.KindWasm: w, exec.KindProcess: programs, exec.KindHTTP: web,
			exec.KindMCP: n.mcp},
		Lease: n.Config.Lease, Capture: n.Config.Capture, Defaults: exec.Limits{Timeout: n.Config.Timeout}, Wait: exec.WaitForever,
	}
	exec.AddBlobTools(n.Gate, n.Store)
	n.Exec = &exec.Executor{Gate: n.Gate, Store: n.Store, KV: n.DB}
	n.Cells = &cell.Cells{KV: n.DB, Store: n.Store, Debugf: n.debugf}
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

// lingering is how long a serving process keeps an idle database open.
const lingering = time.Minute

// ServeLocal lets the other commands on this repository work through this process,
// until the server is closed. The error wraps socket.ErrServed when they do so
// through another one.
func (n *Node) ServeLocal() (*socket.Server, error) {
	s, err := n.DB.Listen()
	if err != nil {
		return nil, fmt.Errorf("local socket: %w", err)
	}
	n.own.Linger(lingering)
	return s, nil
}

// Close closes what Open opened, last first.
func (n *Node) Close() error {
	var errs []error
	for i := len(n.close) - 1; i >= 0; i-- {
		errs = append(errs, n.close[i]())
	}
	n.close = nil
	return errors.Join(errs...)
}

// Now is the node's clock.
func (n *Node) Now() object.Time { return n.now() }

// Self is the agent that signs here.
func (n *Node) Self() object.AgentID { return n.Key.Agent() }

// operates says whose decisions count in this ledger: our own, and those of agents
// that were trusted as operators when they decided.
func (n *Node) operates(ctx context.Context, agent object.AgentID, m ledger.Moment) bool {
	return agent.Same(n.Self()) || n.Trust.Held(agent, keyfile.ForOperator, m, n.now(), n.later(ctx, agent, m))
}

// AgentNamed finds an agent by public key, by its name in trust.yaml, by the name of its
// key in the key folder, or "self".
func (n *Node) AgentNamed(text string) (object.AgentID, error) {
	if text == selfKey {
		return n.Self(), nil
	}
	return AgentIn(n.Dir, n.Trust, text)
}

// AgentIn is AgentNamed for a repository that is not open. A name that trust.yaml has
// for one key and the key folder for another is refused.
func AgentIn(dir string, trust *keyfile.Trust, text string) (object.AgentID, error) {
	if a, err := object.ParseKey(text); err == nil {
		return a, nil
	}
	e, named := trust.ByName(text)
	kept, err := keyfile.Public(KeyDir(dir), text)
	switch {
	case named && err == nil && kept.KeyHex() != e.Key:
		return object.AgentID{}, fmt.Errorf("agent %q: %w: it is %s in trust.yaml, and the key %s in the key folder; give the public key", text, ErrNoAgent, e.Key, kept.KeyHex())
	case named:
		return e.Agent()
	case err == nil:
		kept.Hint = text
		return kept, nil
	}
	return object.AgentID{}, fmt.Errorf("agent %q: %w: neither a public key of 64 hex digits, nor a name in trust.yaml, nor a key of this repository", text, ErrNoAgent)
}

// ErrNoAgent means that nobody is known by that name; it wraps store.ErrNotFound.
var ErrNoAgent = fmt.Errorf("%w", store.ErrNotFound)
