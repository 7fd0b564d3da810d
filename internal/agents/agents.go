// Package agents manages agents without a key of their own: programs such as coding assistants, for which this
// repository's executor makes calls. Each has a key that is kept here, and a chain of capabilities from the owner
// through that key to the executor; the owner issues both links. The executor acts for an agent only under such a
// chain, so that the agent's limits count, and everybody sees for whom it acted.
package agents

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/history"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// Spec is an agent's authority.
type Spec struct {
	Name    string
	Tools   []string       // names, or patterns with *
	Calls   uint32         // in all; scope.NoLimit32: no limit
	Rate    *scope.Rate    // nil: no limit
	Approve *scope.Approve // who has to approve each call; nil: nobody
	Cost    *uint64        // of all calls, in the smallest unit; nil: no limit
	TTL     time.Duration  // how long
}

// Added is an agent that was given authority.
type Added struct {
	Agent object.AgentID
	New   bool // its key was made
	Cap   caps.Link
	Tools int // number of tools that it may call
}

// Add makes the key of an agent, unless there is one, and gives it authority: a delegable capability, and below it the
// same for the executor.
func Add(ctx context.Context, n *repo.Repo, s Spec) (Added, error) {
	tools, err := matching(ctx, n, s.Tools)
	if err != nil {
		return Added{}, err
	}
	what, err := scope.New(&scope.ToolsCall{ToolIDs: tools, MaxCalls: s.Calls, Rate: s.Rate, MaxCost: s.Cost, Approve: s.Approve})
	if err != nil {
		return Added{}, err
	}
	added, err := Grant(ctx, n, s.Name, what, s.TTL)
	added.Tools = len(tools)
	return added, err
}

// Kinds are the kinds of scopes for agents: calls, and what the tasks of `mcp serve --with tasks` need.
var Kinds = []uint8{scope.KindToolCall, scope.KindComputeSpawn, scope.KindBlobWrite, scope.KindBlobRead}

// ErrKind means that a scope is of a kind that agents cannot use.
var ErrKind = errors.New("agents are given tool.call, compute.spawn, blob.write and blob.read")

// Grant gives an agent one scope, like Add.
func Grant(ctx context.Context, n *repo.Repo, name string, what scope.CapScope, ttl time.Duration) (Added, error) {
	if !slices.ContainsFunc(Kinds, func(k uint8) bool { return scope.Serves(what.Kind, k) }) {
		return Added{}, fmt.Errorf("scope %s: %w", what, ErrKind)
	}
	key, made, err := keyOf(n, name)
	if err != nil {
		return Added{}, err
	}
	now := n.Now()
	root, err := n.Auth.Issue(ctx, caps.Draft{Subject: key.Agent(), Scope: what, NotBefore: now, ExpiresAt: now.Add(ttl), Delegable: true})
	if err != nil {
		return Added{}, err
	}
	leaf, err := n.Auth.Attenuate(ctx, root.ID, caps.Draft{Subject: n.Self()})
	if err != nil {
		return Added{}, err
	}
	return Added{Agent: key.Agent(), New: made, Cap: leaf}, nil
}

// matching returns the ids, ascending, of the registered tools that match names and patterns.
func matching(ctx context.Context, n *repo.Repo, names []string) ([]object.Hash, error) {
	var ids []object.Hash
	for _, name := range names {
		if !strings.Contains(name, "*") {
			id, err := n.Toolbox.ID(ctx, name)
			if err != nil {
				return nil, err
			}
			ids = append(ids, id)
			continue
		}
		before := len(ids)
		err := exec.SkipDangling(n.Tools.List(ctx, func(t exec.Tool) error {
			match, err := path.Match(name, t.Name)
			if match {
				ids = append(ids, t.ID)
			}
			return err
		}))
		if err == nil && len(ids) == before {
			err = fmt.Errorf("no tool is registered that %q matches: %w", name, exec.ErrNoTool)
		}
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(ids, object.Hash.Compare)
	return slices.Compact(ids), nil
}

func toolsOf(l caps.Link) (*scope.ToolsCall, bool) {
	what, err := l.Cap.Scope.Decode()
	if err != nil {
		return nil, false
	}
	several, ok := what.(*scope.ToolsCall)
	return several, ok
}

// keyOf is the key of an agent; it is made if there is none.
func keyOf(n *repo.Repo, name string) (key sign.Signer, made bool, err error) {
	have, err := n.KeyNamed(name)
	switch named, taken := n.Trust.ByName(name); {
	case (err == nil && have.Agent().Same(n.Self())) || (err != nil && name == n.Self().Hint):
		return nil, false, fmt.Errorf("%q is the identity that acts here: %w", name, ErrOwner)
	case taken && (err != nil || have.Agent().KeyHex() != named.Key):
		return nil, false, fmt.Errorf("%q is the key %s in trust.yaml: %w", name, named.Key, ErrOwner)
	case err == nil:
		return have, false, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, false, err
	}
	fresh, err := sign.Generate(name)
	if err != nil {
		return nil, false, err
	}
	return fresh, true, keyfile.Save(identity.KeyDir(n.Dir), name, fresh, nil)
}

// ErrOwner means that the name for an agent stands for the owner, or for somebody else's key: a freeze or a grant by that
// name could mean either.
var ErrOwner = errors.New("an agent has a key of its own")

// Agent is an agent with its authority.
type Agent struct {
	Name   string
	Key    object.AgentID
	Chains []caps.Chain // by expiry
}

// heldBy returns the chains held here that lead through an agent.
func heldBy(ctx context.Context, n *repo.Repo, agent object.AgentID) ([]caps.Chain, error) {
	return n.Auth.HeldIf(ctx, Kinds, func(c caps.Chain) bool { return len(c) > 1 && c[1].Cap.Subject.Same(agent) })
}

// Held returns the chains for an agent's calls.
func (a Agent) Held(ctx context.Context, n *repo.Repo) ([]caps.Chain, error) {
	return heldBy(ctx, n, a.Key)
}

// Named finds an agent by the name of its key.
func Named(ctx context.Context, n *repo.Repo, name string) (Agent, error) {
	key, err := keyfile.Public(identity.KeyDir(n.Dir), name)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && key.Same(n.Self())) {
		return Agent{}, fmt.Errorf("agent %q: %w: it has no key here", name, identity.ErrNoAgent)
	}
	if err != nil {
		return Agent{}, err
	}
	chains, err := heldBy(ctx, n, key)
	return Agent{name, key, chains}, err
}

// Client identifies the agent's calls in the ledger.
func (a Agent) Client() *history.Client {
	c := &history.Client{Caps: map[object.Hash]bool{}, Key: []byte(a.Name + "/")}
	for _, chain := range a.Chains {
		c.Caps[chain[0].ID] = true
	}
	return c
}

// List lists the agents that have ever had authority, ascending by name.
func List(ctx context.Context, n *repo.Repo) ([]Agent, error) {
	keys, err := keyfile.List(identity.KeyDir(n.Dir))
	if err != nil {
		return nil, err
	}
	var list []Agent
	for _, k := range keys {
		if k.Err != nil || k.Agent.Same(n.Self()) {
			continue
		}
		chains, err := heldBy(ctx, n, k.Agent)
		if err != nil {
			return nil, err
		}
		if len(chains) > 0 {
			list = append(list, Agent{k.Name, k.Agent, chains})
		}
	}
	slices.SortFunc(list, func(a, b Agent) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Authority is the present state of one of an agent's chains.
type Authority struct {
	Cap     object.Hash
	Scope   string // unless it is for several tools
	Tools   int
	Calls   *uint64 // most, in all; nil: no limit
	Left    *uint64 // of them; nil: no limit
	Rate    string  // for example 30/1m; empty: no limit
	Cost    *uint64 // most, of all calls; nil: no limit
	Unspent *uint64 // of it; nil: no limit
	Until   object.Time
	Denied  error // why it is not valid now; nil: it is
}

// Authorities returns what an agent may do now.
func (a Agent) Authorities(ctx context.Context, n *repo.Repo) ([]Authority, error) {
	list := make([]Authority, 0, len(a.Chains))
	for _, c := range a.Chains {
		one := Authority{Cap: c[0].ID, Until: c[0].Cap.ExpiresAt, Scope: c[0].Cap.Scope.String(), Denied: n.Verifier.Verify(c, n.Self(), n.Now())}
		if c[0].Cap.Scope.Kind == scope.KindToolCall {
			one.Tools = 1
		}
		left, err := n.Quotas.Left(ctx, c)
		if err != nil {
			return nil, err
		}
		if rest, limited := left[scope.Calls]; limited {
			one.Left = &rest
		}
		if rest, limited := left[scope.Cost]; limited {
			one.Unspent = &rest
		}
		if several, ok := toolsOf(c[0]); ok {
			if several.Rate != nil {
				one.Rate = several.Rate.String()
			}
			one.Scope, one.Tools, one.Cost = "", len(several.ToolIDs), several.MaxCost
			if several.MaxCalls != scope.NoLimit32 {
				most := uint64(several.MaxCalls)
				one.Calls = &most
			}
		}
		list = append(list, one)
	}
	return list, nil
}
